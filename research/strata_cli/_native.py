"""Finds the programs that Bazel builds from systems/ and becomes one of them."""

import os
import pathlib

# The checkout, or a test's runfiles; strata/_library.py has the same, which imports torch.
_ROOT = pathlib.Path(__file__).absolute().parents[2]


def find(name, package):
    """The path of a built program, or a FileNotFoundError that says what to do."""
    named = os.environ.get("STRATA_BIN")
    folders = [pathlib.Path(named)] if named else [_ROOT / package, _ROOT / "bazel-bin" / package]
    for folder in folders:
        if os.access(folder / name, os.X_OK) and (folder / name).is_file():
            return str(folder / name)
    raise FileNotFoundError(
        f"{name} was not found in {' or '.join(map(str, folders))}. "
        f"Build it with `bazel build //{package}:{name}`, or set "
        "STRATA_BIN to the folder that has it."
    )


def become(name, package, arguments):
    """Replaces this process: signals and exit code are the program's own. Does not return."""
    path = find(name, package)
    os.execv(path, [path, *arguments])
