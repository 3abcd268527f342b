"""The counting, against XML and events written by hand in the forms of GoogleTest, pytest and Bazel."""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import run_tests
import test_report

GTEST = """<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="4" failures="1" disabled="1" errors="0" time="0." name="AllTests">
  <testsuite name="Norm" tests="4" failures="1" disabled="1" skipped="1" errors="0">
    <testcase name="Passes" file="kernels/norm_test.cc" line="3" status="run" result="completed" classname="Norm" />
    <testcase name="Fails" file="kernels/norm_test.cc" line="4" status="run" result="completed" classname="Norm">
      <failure message="kernels/norm_test.cc:5&#x0A;Expected: 1&#x0A;  Actual: 2" type=""><![CDATA[long]]></failure>
      <failure message="kernels/norm_test.cc:6&#x0A;again" type=""><![CDATA[long]]></failure>
    </testcase>
    <testcase name="Skips" file="kernels/norm_test.cc" line="7" status="run" result="skipped" classname="Norm">
      <skipped message="kernels/norm_test.cc:8&#x0A;no AMX on this machine&#x0A;"/>
    </testcase>
    <testcase name="DISABLED_Off" status="notrun" result="suppressed" classname="Norm" />
  </testsuite>
</testsuites>"""

PYTEST = """<?xml version="1.0" encoding="utf-8"?><testsuites><testsuite name="pytest" errors="1" tests="3">
<testcase classname="a.b_test" name="test_one" file="a/b_test.py" line="4" time="0.1" />
<testcase classname="a.b_test" name="test_two" file="a/b_test.py" line="9">
<error message="failed on setup">x</error></testcase>
<testcase classname="a.b_test" name="test_gpu"><skipped type="pytest.skip" message="no GPU">at</skipped></testcase>
</testsuite></testsuites>"""

BAZEL = """<?xml version="1.0" encoding="UTF-8"?><testsuites><testsuite name="a/b" tests="1" failures="0" errors="%d">
<testcase name="a/b" status="run" duration="0" time="0">%s</testcase><system-out>log</system-out>
</testsuite></testsuites>"""
BAZEL_PASSED = BAZEL % (0, "")
BAZEL_FAILED = BAZEL % (1, '<error message="exited with error code 134"></error>')


def outcomes(cases):
    return [case.outcome for case in cases]


def test_counts_cases_of_googletest():
    cases = test_report.cases_of_xml("//a:b", GTEST)
    assert outcomes(cases) == ["passed", "failed", "skipped", "skipped"]
    assert (cases[1].name, cases[1].place, cases[1].reason) == ("Norm.Fails", "kernels/norm_test.cc:4", "Expected: 1")
    assert [c.reason for c in cases[2:]] == ["no AMX on this machine", "disabled"]


def test_counts_cases_of_pytest():
    cases = test_report.cases_of_xml("//a:b", PYTEST)
    assert outcomes(cases) == ["passed", "failed", "skipped"]
    assert (cases[1].place, cases[1].reason, cases[2].reason) == ("a/b_test.py:9", "failed on setup", "no GPU")


def test_a_test_without_cases_of_its_own_counts_as_one():
    assert outcomes(test_report.cases_of_run("//a:b", "PASSED", BAZEL_PASSED)) == ["passed"]
    assert outcomes(test_report.cases_of_run("//a:b", "FAILED", BAZEL_FAILED)) == ["failed"]


def test_a_timeout_is_one_failure_and_says_so():
    (case,) = test_report.cases_of_run("//a:b", "TIMEOUT", BAZEL_FAILED)
    assert (case.outcome, case.reason) == ("failed", "timed out")


def test_a_crash_after_the_last_case_is_a_failure():
    all_passed = PYTEST.replace('<error message="failed on setup">x</error>', "")
    got = outcomes(test_report.cases_of_run("//a:b", "FAILED", all_passed))
    assert got == ["passed", "passed", "skipped", "failed"]


def test_a_pass_without_readable_xml_is_not_counted_as_one():
    for text in (None, GTEST[:200]):
        assert outcomes(test_report.cases_of_run("//a:b", "PASSED", text)) == ["failed"]


def configured(label):
    kind = {"targetKind": "cc_test rule", "testSize": "SMALL"}
    return {"id": {"targetConfigured": {"label": label}}, "configured": kind}


def ran(label, status, xml_path, attempt=1):
    ident = {"testResult": {"label": label, "run": 1, "shard": 1, "attempt": attempt}}
    output = [{"name": "test.log", "uri": "file:///x"}, {"name": "test.xml", "uri": f"file://{xml_path}"}]
    return {"id": ident, "testResult": {"status": status, "testActionOutput": output}}


def read(events):
    return test_report.read_events([json.dumps(event) for event in events])


def test_reads_the_xml_that_events_name(tmp_path):
    xml = tmp_path / "test.xml"
    xml.write_text(GTEST, encoding="utf-8")
    assert read([configured("//a:b"), ran("//a:b", "FAILED", xml)]).summary() == "1 passed, 1 failed, 2 skipped"


def test_only_the_last_attempt_of_a_flaky_test_counts(tmp_path):
    bad, good = tmp_path / "bad.xml", tmp_path / "good.xml"
    bad.write_text(BAZEL_FAILED)
    good.write_text(BAZEL_PASSED)
    assert read([ran("//a:b", "FAILED", bad), ran("//a:b", "PASSED", good, 2)]).summary() == "1 passed, 0 failed"


def test_names_each_target_that_did_not_build_once():
    aborted = {"reason": "ANALYSIS_FAILURE", "description": "no //x"}
    report = read([
        configured("//a:compile"),
        {"id": {"targetCompleted": {"label": "//a:compile"}}, "completed": {}},
        configured("//a:never_started"),
        {"id": {"targetCompleted": {"label": "//a:library"}}, "completed": {}},
        {"id": {"targetCompleted": {"label": "//a:fine"}}, "completed": {"success": True}},
        {"id": {"configuredLabel": {"label": "//a:dep"}}, "aborted": aborted},
        {"id": {"targetCompleted": {"label": "//a:dep"}}, "aborted": {"reason": "ANALYSIS_FAILURE"}},
        {"id": {"progress": {}}, "progress": {"stderr": "ERROR: b/BUILD:1\nERROR: package contains errors: b\n"}},
    ])
    assert {(case.target, case.reason) for case in report.of("failed")} == {
        ("//a:compile", "did not build"),
        ("//a:never_started", "did not run"),
        ("//a:library", "did not build"),
        ("//a:dep", "no //x"),
        ("//b", "its BUILD file has errors"),
    }
    assert len(report.cases) == 5


def test_the_last_line_is_the_count_and_bazels_own_failure_is_never_green():
    passed = test_report.Report([test_report.Case("//a:b", "A.B", "passed")])
    assert run_tests.conclude(passed, 0, list_skips=False) == (["1 passed, 0 failed"], 0)
    lines, status = run_tests.conclude(passed, 37, list_skips=False)
    assert (lines[-1], status) == ("1 passed, 1 failed", 1)
    assert "status 37" in lines[0]


def test_no_test_at_all_is_a_failure():
    lines, status = run_tests.conclude(test_report.Report(), 4, list_skips=False)
    assert (lines, status) == (["FAILED  bazel: found no test", "0 passed, 1 failed"], 1)


def test_skips_are_listed_with_their_reason_only_when_asked():
    report = test_report.Report([test_report.Case("//a:b", "A.B", "skipped", "a.cc:3", "no GPU")])
    assert run_tests.conclude(report, 0, list_skips=True)[0][0] == "SKIPPED //a:b A.B (a.cc:3): no GPU"
    assert run_tests.conclude(report, 0, list_skips=False)[0] == ["0 passed, 0 failed, 1 skipped"]
