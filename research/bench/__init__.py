"""tools/bench: Strata's operators beside their peers and beside what the machine can do. See docs/benchmarks.md.

A suite (bench/suites/) yields cases (case.py); the runner (runner.py) checks that all sides agree, times them in turns
(timing.py) and compares with the measured roofs (machine.py); report.py and chart.py write what was found.
"""
