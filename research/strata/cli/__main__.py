"""python -m strata.cli"""

import sys

from . import main

sys.exit(main())
