"""python -m strata_cli"""

import sys

from . import main

sys.exit(main())
