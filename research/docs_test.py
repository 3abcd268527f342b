"""Every Python snippet of docs/research.md runs, in order, in one process."""

import pathlib
import re

DOC = pathlib.Path(__file__).parents[1] / "docs" / "research.md"


def test_the_snippets_run(tmp_path, monkeypatch, capsys):
    snippets = re.findall(r"^```python\n(.*?)^```", DOC.read_text(), re.M | re.S)
    assert len(snippets) >= 9
    monkeypatch.chdir(tmp_path)  # the export writes its bundle here
    scope = {}
    for at, snippet in enumerate(snippets):
        exec(compile(snippet, f"{DOC.name} snippet {at}", "exec"), scope)
    printed = capsys.readouterr().out
    assert "strata::rms_norm: weight has shape [7], wanted [D] with D=384" in printed
    assert "logits bit-identical to the eager model" in printed
