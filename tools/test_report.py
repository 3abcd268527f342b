"""Counts test cases from what Bazel leaves behind: its build events, and the test.xml of every test.

Not for running anything: see run_tests.py. Standard library only.

    report = read_events(open("events.json"))
    print(report.summary())  # 120 passed, 0 failed, 2 skipped
"""

import json
import re
import urllib.parse
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Case:
    """One test case of one target."""

    target: str
    name: str
    outcome: str  # "passed", "failed" or "skipped"
    place: str = ""  # file or file:line, where known
    reason: str = ""


@dataclass
class Report:
    cases: list[Case] = field(default_factory=list)

    def of(self, outcome):
        return [case for case in self.cases if case.outcome == outcome]

    def summary(self):
        skipped = len(self.of("skipped"))
        line = f"{len(self.of('passed'))} passed, {len(self.of('failed'))} failed"
        return line + (f", {skipped} skipped" if skipped else "")


def _place(element):
    file, line = element.get("file", ""), element.get("line", "")
    return f"{file}:{line}" if file and line else file


def _first_line(text):
    """The first line that says something: GoogleTest's messages begin with a bare file:line, which `place` has."""
    lines = [line.strip() for line in (text or "").splitlines() if line.strip()]
    return next((line for line in lines if not re.fullmatch(r"\S+:\d+", line)), lines[0] if lines else "")


def _case(target, element):
    names = [element.get("classname", ""), element.get("name", "")]
    # Bazel's own XML, for a test that writes none, names the case like the target.
    name = ".".join(n for n in names if n) or target
    broken = element.find("failure")
    if broken is None:
        broken = element.find("error")
    if broken is not None:
        return Case(target, name, "failed", _place(element), _first_line(broken.get("message") or broken.text))
    skip = element.find("skipped")
    if skip is not None or element.get("result") == "skipped":
        reason = _first_line(skip.get("message") or skip.text) if skip is not None else ""
        return Case(target, name, "skipped", _place(element), reason)
    if element.get("status") == "notrun":
        return Case(target, name, "skipped", _place(element), "disabled")
    return Case(target, name, "passed", _place(element))


def cases_of_xml(target, text):
    """The cases of a test.xml as GoogleTest, pytest or Bazel writes it. Raises ElementTree.ParseError on a torn one."""
    return [_case(target, element) for element in ElementTree.fromstring(text).iter("testcase")]


# Bazel's words for how a run ended, in plain ones.
_ENDINGS = {
    "TIMEOUT": "timed out",
    "INCOMPLETE": "was interrupted",
    "NO_STATUS": "did not run",
    "FAILED_TO_BUILD": "did not build",
    "REMOTE_FAILURE": "failed remotely",
    "FAILED": "failed without a failing case: it crashed",
}


def cases_of_run(target, status, text):
    """The cases of one run: of its XML (None if there is none), and one failed case if the run ended badly anyhow."""
    cases, torn = [], text is None
    try:
        cases = cases_of_xml(target, text) if text is not None else []
    except ElementTree.ParseError:
        torn = True
    if status in ("PASSED", "FLAKY"):
        if torn:
            cases.append(Case(target, target, "failed", reason="passed, but left no readable test.xml"))
    elif status != "FAILED" or not any(case.outcome == "failed" for case in cases):
        # Bazel's stand-in for the XML that never came says less than the status does.
        cases = [case for case in cases if case.outcome != "failed"]
        cases.append(Case(target, target, "failed", reason=_ENDINGS.get(status, f"ended with {status}")))
    return cases


def _read_output(result):
    for output in result.get("testActionOutput", []):
        if output.get("name") == "test.xml" and output.get("uri", "").startswith("file://"):
            path = urllib.parse.unquote(urllib.parse.urlparse(output["uri"]).path)
            try:
                with open(path, encoding="utf-8", errors="replace") as file:
                    return file.read()
            except OSError:
                return None
    return None


_BROKEN_PACKAGE = re.compile(r"(?:package contains errors: |error loading package ')([^'\s:]+)", re.IGNORECASE)


class _Events:
    """What matters of a build event stream. Later attempts of a run replace earlier ones."""

    def __init__(self, lines):
        self.tests, self.unbuilt, self.runs = set(), {}, {}
        for line in lines:
            event = json.loads(line)
            kind, key = next(iter(event["id"].items()))
            if "aborted" in event:
                self._add_aborted(kind, key, event["aborted"])
            elif kind == "targetConfigured" and "testSize" in event.get("configured", {}):
                self.tests.add(key["label"])
            elif kind == "targetCompleted" and not event["completed"].get("success"):
                self.unbuilt[key["label"]] = "did not build"
            elif kind == "progress":
                # A package that cannot be read has no event of its own, only words.
                for package in _BROKEN_PACKAGE.findall(event.get("progress", {}).get("stderr", "")):
                    self.unbuilt["//" + package] = "its BUILD file has errors"
            elif kind == "testResult":
                self.runs[key["label"], key.get("run", 1), key.get("shard", 1)] = event["testResult"]

    def _add_aborted(self, kind, key, aborted):
        # Bazel says the same thing several times over: of a label, its pattern and its configuration.
        if kind in ("unconfiguredLabel", "configuredLabel", "targetCompleted") and aborted.get("reason") != "SKIPPED":
            self.unbuilt.setdefault(key["label"], _first_line(aborted.get("description")) or "could not be analysed")
        elif kind == "pattern":
            for pattern in key.get("pattern", []):
                self.unbuilt.setdefault(pattern, _first_line(aborted.get("description")) or "could not be loaded")


def read_events(lines):
    """The report of a `bazel test --build_event_json_file` stream, whose XML files are read from the disk."""
    events, report = _Events(lines), Report()
    ran = {label for label, _, _ in events.runs}
    for (label, _, _), result in sorted(events.runs.items()):
        report.cases += cases_of_run(label, result.get("status", "NO_STATUS"), _read_output(result))
    broken = {label: "did not run" for label in events.tests - ran} | events.unbuilt
    for label, reason in sorted(broken.items()):
        if label not in ran:
            report.cases.append(Case(label, label, "failed", reason=reason))
    return report
