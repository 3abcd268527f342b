"""tools/bench: arguments, what a run prints and writes, and one tiny case of every kind."""

import csv
import dataclasses
import json
import xml.etree.ElementTree

import pytest
import torch
from bench import __main__ as bench
from bench import case, chart, goals, machine, report, runner, timing
from bench.progress import Progress


@pytest.fixture(scope="module", autouse=True)
def threads_stay_as_they_were():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module", autouse=True)
def roofs(tmp_path_factory):
    """Invented ones, so that only the suite that measures them does."""
    invented = {
        "fma_f32": 1e11,
        "fma_f64": 5e10,
        "read_dram": 2e10,
        "triad_dram": 2e10,
        "read_l2": 1e11,
        "triad_l2": 1e11,
    }
    machine.CACHE = tmp_path_factory.mktemp("roofs") / "roofs.json"
    known = {"processor": machine.processor(), "roofs": {str(threads): invented for threads in (1, 2)}}
    machine.CACHE.write_text(json.dumps(known))


def tiny(arguments):
    args = bench.parse([*arguments, "--quick"])
    options = dataclasses.replace(bench.options_of(args), rounds=2, slice_s=1e-4, budget_s=0.01, tiny=True)
    return bench.run(args, "tools/bench ...", options)


@pytest.mark.parametrize("suite", bench.SUITES)
def test_a_tiny_run_of_every_suite_ends_with_one_json_object(suite, capsys):
    assert tiny([suite]) == 0
    printed = capsys.readouterr().out
    last = json.loads(printed.rstrip("\n").split("\n")[-1])
    assert list(last) == ["suite", "ratio", "worst", "passed" if suite in ("coverage", "rewrites") else "roof", "cases"]
    assert last["suite"] == suite and "WRONG" not in printed
    if suite in ("coverage", "rewrites"):
        assert last["passed"] == last["cases"] > 0
    elif suite != "roof":
        assert last["cases"] > 0 and last["ratio"] > 0 and last["worst"] <= last["ratio"] * 1.001


def test_a_report_has_a_table_of_numbers_a_picture_and_a_page(tmp_path, capsys):
    assert tiny(["gemm", "--out", str(tmp_path), "--threads", "1"]) == 0
    capsys.readouterr()
    rows = list(csv.DictReader((tmp_path / "gemm-1t.csv").read_text().splitlines()))
    timed = [r for r in rows if r["side"] == "strata"]
    assert timed and all(float(r["median_s"]) > 0 and float(r["ratio"]) > 0 for r in timed)
    picture = xml.etree.ElementTree.fromstring((tmp_path / "gemm-1t.svg").read_text())
    assert picture.tag.endswith("svg") and len(picture) > len(timed)
    page = (tmp_path / "gemm-1t.md").read_text()
    assert "gemm-1t.svg" in page and machine.processor() in page and "linear 16x24 -> 32" in page


@pytest.mark.parametrize(
    "arguments,message",
    [
        ([], "SUITE"),
        (["gem"], "invalid choice"),
        (["gemm", "--threads", "0"], "1 or more"),
        (["gemm", "--rounds", "x"], "invalid _count value"),
    ],
)
def test_bad_arguments_are_named(arguments, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        bench.parse(arguments)
    assert stopped.value.code == 2 and message in capsys.readouterr().err


def test_a_text_that_matches_no_case_is_an_error(capsys):
    assert bench.main(["calls", "--quick", "--match", "no such case"]) == 1
    assert "no case of calls" in capsys.readouterr().err


def test_a_wrong_result_is_told_and_nothing_of_it_is_timed(capsys):
    wrong = case.Case("wrong", lambda: torch.ones(3), {"eager": lambda: torch.tensor([1.0, 1.0, 1.1])})
    options = runner.Options(1, 2, True, 1e-4, 0.01)
    found = runner.run_case(wrong, "reused", options, machine.Roofs({}, 1), None)
    assert "eager: relative difference" in found.wrong and not found.times
    assert "WRONG RESULT" in "\n".join(report.table(*report.rows([found], "")))


def test_a_case_that_fails_is_told_and_the_others_go_on():
    def fails():
        raise RuntimeError("no such row\nmore")

    class Suite:
        @staticmethod
        def cases(options):
            yield "a", fails
            yield "b", lambda: case.Case("b", lambda: torch.ones(3), {"eager": lambda: torch.ones(3)})

    options = runner.Options(1, 2, True, 1e-4, 0.01)
    found = runner.run(Suite, options, machine.Roofs({}, 1), Progress(1), lambda name: True)
    assert [r.wrong for r in found] == ["RuntimeError: no such row", ""] and found[1].times


def test_ratio_is_against_the_fastest_peer_that_counts():
    times = {"strata": 2.0, "eager": 3.0, "compile": 1.0, "other": 0.5}
    found = runner.Result(
        "a",
        "float32",
        "reused",
        {k: timing.Times(v, 0, 3) for k, v in times.items()},
        work=8.0,
        roof=8.0,
        aside=("other",),
    )
    assert (found.best_peer, found.ratio, found.fraction) == ("compile", 0.5, 0.5)
    summary = runner.summary(
        "s", [found, dataclasses.replace(found, mode="fresh"), runner.Result("b", "f", "reused", skipped="x")]
    )
    assert summary == {"suite": "s", "ratio": 0.5, "worst": 0.5, "roof": 0.5, "cases": 1}


def test_sides_take_turns():
    order = []
    # Long enough for one call to be a sample.
    sides = [lambda: (order.append("a"), sum(range(20000))), lambda: (order.append("b"), sum(range(20000)))]
    found = timing.alternate(sides, rounds=3, slice_s=0)
    assert "".join(order)[-12:] == "aabbaabbaabb"  # an untimed call and a timed one, each
    assert [t.samples for t in found] == [3, 3] and all(t.median > 0 for t in found)


def test_the_roof_of_streaming_is_that_of_the_level_that_holds_the_data():
    roofs = machine.Roofs(
        {"triad_l2": 9.0, "triad_l3": 5.0, "triad_dram": 2.0, "triad_nt_dram": 3.0, "fma_f32": 7.0, "dot_bf16": 8.0}, 1
    )
    assert (roofs.of("stream", 1000), roofs.of("stream", 1e12), roofs.of("bf16"), roofs.of("unknown")) == (
        9.0,
        3.0,
        8.0,
        0.0,
    )


def test_a_picture_without_peers_or_roofs_is_still_a_picture():
    xml.etree.ElementTree.fromstring(chart.picture("t < u", [], machine.Roofs({}, 1), ["note & more"]))


_HEADER = "case,dtype,outputs,side,median_s,spread,samples,work_per_s,roof_per_s,ratio,note\n"


def test_the_goals_page_counts_what_meets_a_goal_and_names_what_does_not(tmp_path):
    lines = [
        "linear 512x512 -> 512,float32,reused,strata,0.002,0,9,9.5e10,1e11,1.5,",
        "linear 512x512 -> 512,float32,reused,eager,0.003,0,9,6e10,1e11,,",
        "linear 512x512 -> 512,float32,reused,ort,0.001,0,9,2e11,1e11,,",  # not a peer of this goal
        "linear 1024x1024 -> 1024,float32,fresh,strata,1,0,9,1,1e11,1,",  # fresh outputs are not summed up
        "linear 1024x1024 -> 1024,float32,reused,strata,0.02,0,9,8e10,1e11,0.9,",
        "linear 1024x1024 -> 1024,float32,reused,eager,0.018,0,9,8e10,1e11,,",
    ]
    (tmp_path / "gemm-2t.csv").write_text(_HEADER + "\n".join(lines) + "\n")
    assert bench.main(["goals", "--out", str(tmp_path)]) == 0
    line = next(x for x in (tmp_path / "goals.md").read_text().splitlines() if x.startswith("|GEMM, squares, float32"))
    assert line.split("|")[2:-1] == [
        "92 % of the roof, ratio 1.00",
        "80 % to 95 %",
        "0.90 to 1.50, mean 1.16",
        "1 of 2",
        "linear 1024x1024 -> 1024 (80 %, 0.90)",
    ]


def test_the_committed_goals_page_is_made_of_the_committed_runs():
    folder = machine.ROOT / "docs" / "benchmarks"
    made = goals.page(folder)
    assert made.count("\n|") > len(goals.GOALS), "a goal without a run"
    assert (folder / "goals.md").read_text(encoding="utf-8") == made, "tools/bench goals makes it again"
