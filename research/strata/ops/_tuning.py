"""Where the tuning table lies: $STRATA_TUNING, else strata/tuning.txt in the user's cache folder (docs/tuning.md)."""

import os
import pathlib
import warnings


def default_path():
    """The table that research and the service load at start where it exists. An empty $STRATA_TUNING means none."""
    if (named := os.environ.get("STRATA_TUNING")) is not None:
        return pathlib.Path(named) if named else None
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return pathlib.Path(cache) / "strata" / "tuning.txt"


def load_default(load):
    """Loads it. A table that cannot be read changes speed alone, so it is a warning."""
    path = default_path()
    if path is None or not path.exists():
        return
    try:
        load(path.read_text())
    except (OSError, ValueError) as error:
        warnings.warn(f"{path} is left out: {error}", stacklevel=2)
