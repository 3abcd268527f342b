"""Runs `bazel test` and prints how many test cases passed and failed. Called by tools/test, which sets up first."""

import os
import pathlib
import shutil
import subprocess
import sys
import time

import test_report

_ROOT = pathlib.Path(__file__).resolve().parent.parent
_EVENTS = _ROOT / "build" / "test_events.json"


def command(arguments, terminal):
    """The Bazel call: the caller's targets or all of them, going on after a failure so that everything is counted."""
    bazel = shutil.which("bazel") or shutil.which("bazelisk")
    if bazel is None:
        sys.exit("test: there is no bazel on the PATH: run tools/setup")
    given = [a for a in arguments if not a.startswith("-")]
    # A plain log wants a line now and then, not one per action.
    quiet = [] if terminal else ["--curses=no", "--color=no", "--show_progress_rate_limit=10"]
    options = ["--keep_going", f"--build_event_json_file={_EVENTS}", "--test_summary=none", *quiet]
    options += [a for a in arguments if a.startswith("-")]
    return [bazel, "test", *options, "--", *(given or ["//..."])]


def describe(case):
    where = f" ({case.place})" if case.place else ""
    name = "" if case.name == case.target else f" {case.name}"
    return f"{case.target}{name}{where}: {case.reason or 'no reason given'}"


def conclude(report, bazel_status, list_skips):
    """The lines that end a run, the count last, and the exit status."""
    failed = report.of("failed")
    if bazel_status != 0 and not failed:
        reason = "found no test" if bazel_status == 4 else f"ended with status {bazel_status}: see its messages above"
        report.cases.append(test_report.Case("bazel", "bazel", "failed", reason=reason))
        failed = report.of("failed")
    lines = [f"FAILED  {describe(case)}" for case in failed]
    if list_skips:
        lines += [f"SKIPPED {describe(case)}" for case in report.of("skipped")]
    return [*lines, report.summary()], 1 if failed else 0


def main(arguments):
    list_skips = "--list-skips" in arguments
    arguments = [a for a in arguments if a != "--list-skips"]
    os.chdir(_ROOT)
    _EVENTS.parent.mkdir(exist_ok=True)
    _EVENTS.unlink(missing_ok=True)
    start = time.monotonic()
    status = subprocess.call(command(arguments, sys.stdout.isatty()))
    lines = _EVENTS.read_text(encoding="utf-8").splitlines() if _EVENTS.exists() else []
    ending, result = conclude(test_report.read_events(lines), status, list_skips)
    print(f"test: built and ran in {time.monotonic() - start:.0f} s", flush=True)
    print("\n".join(ending))
    return result


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
