"""Proves that one build of the operator library works in several versions of PyTorch. Run by hand:

    bazel build //kernels/torch:libraries
    .venv/bin/python research/versions_check.py                 # 2.10 and the newest
    .venv/bin/python research/versions_check.py 2.11.0 2.12.1

For every version it makes an environment in a temporary folder, installs PyTorch there, loads the very libstrata_cpu.so
that Bazel built, runs the generated operator tests (values, gradients, opcheck, gradcheck, fakes, layouts, threads,
errors), and removes the environment. A CPU build is preferred (torch==X+cpu). The other build of PyTorch on Linux
cannot be imported without about 3 GB of CUDA libraries: they are downloaded with --with-cuda-libraries alone.
Exit code 0: every version passed; 1: one failed; 3: none failed, but one could not be had.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import venv

ROOT = pathlib.Path(__file__).resolve().parents[1]
# What torch imports and what the tests need: pure Python or small, and none of it brings CUDA.
SMALL = (
    "typing_extensions",
    "sympy",
    "networkx",
    "jinja2",
    "fsspec",
    "filelock",
    "numpy",
    "setuptools<82",
    "pytest",
    "rich",
    "safetensors",
)
TESTS = tuple(f"research/strata/ops/{name}_test.py" for name in ("ops", "errors", "direct"))


def run(*command, **options):
    return subprocess.run(
        list(map(str, command)), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options
    )


def install(python, version, with_cuda):
    """"" or why this version cannot be had."""
    pip = (python, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "--no-compile")
    if run(*pip, *SMALL).returncode:
        return "pip could not install the small packages"
    if "*" not in version and run(*pip, "--no-deps", f"torch=={version}+cpu").returncode == 0:
        return ""
    plain = run(*pip, *(() if with_cuda else ("--no-deps",)), f"torch=={version}" if version != "newest" else "torch")
    if plain.returncode:
        return "pip: " + plain.stdout.strip().splitlines()[-1]
    tried = run(python, "-c", "import torch")
    if tried.returncode:
        found = tried.stdout.strip().splitlines()[-1]
        return f"there is no CPU build, and the other one lacks CUDA libraries ({found}); see --with-cuda-libraries"
    return ""


def check(version, library, with_cuda):
    """(what happened in a sentence, True passed / False failed / None cannot be had)."""
    with tempfile.TemporaryDirectory(prefix="strata_torch_") as folder:
        venv.create(folder, with_pip=True)
        python = pathlib.Path(folder) / "bin" / "python"
        if why := install(python, version, with_cuda):
            return f"cannot be had: {why}", None
        name = run(python, "-c", "import torch; print(torch.__version__)").stdout.strip().splitlines()[-1]
        environment = {
            **os.environ,
            "PYTHONPATH": f"{ROOT}:{ROOT / 'research'}",
            "STRATA_LIB": str(library),
            "PYTHONDONTWRITEBYTECODE": "1",
            "TMPDIR": folder,
        }
        start = time.perf_counter()
        got = run(
            python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir=.", *TESTS, cwd=ROOT, env=environment
        )
        last = got.stdout.strip().splitlines()
        if got.returncode:
            print("\n".join(line for line in last if line.startswith(("FAILED", "ERROR", "E  ")))[:4000])
        counts = re.sub(r" in .*", "", last[-1].strip("= "))
        return f"torch {name}: {counts}, {time.perf_counter() - start:.0f} s", got.returncode == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "versions", nargs="*", default=["2.10.*", "newest"], metavar="VERSION", help="default: 2.10.* newest"
    )
    parser.add_argument(
        "--with-cuda-libraries", action="store_true", help="download PyTorch's CUDA libraries where it needs them"
    )
    parser.add_argument(
        "--library", default=str(ROOT / "bazel-bin" / "kernels" / "torch"), help="folder of libstrata_cpu.so"
    )
    args = parser.parse_args()
    if not (pathlib.Path(args.library) / "libstrata_cpu.so").is_file():
        print(f"{args.library} has no libstrata_cpu.so: bazel build //kernels/torch:libraries", file=sys.stderr)
        return 1
    results = []
    for version in args.versions:
        text, passed = check(version, args.library, args.with_cuda_libraries)
        print(f"{version}: {text}", flush=True)
        results.append(passed)
    return 1 if False in results else 3 if None in results else 0


if __name__ == "__main__":
    sys.exit(main())
