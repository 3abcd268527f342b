"""Every Python snippet of docs/research.md and docs/export.md runs, in order, in one process."""

import pathlib
import re

import pytest

DOCS = pathlib.Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize("page,least,words", [
    ("research.md", 9, ["strata::rms_norm: weight has shape [7], wanted [D] with D=384",
                        "logits bit-identical to the eager model"]),
    ("export.md", 2, []),
])
def test_the_snippets_run(page, least, words, tmp_path, monkeypatch, capsys):
    snippets = re.findall(r"^```python\n(.*?)^```", (DOCS / page).read_text(), re.M | re.S)
    assert len(snippets) >= least
    monkeypatch.chdir(tmp_path)  # the export writes its bundle here
    scope = {}
    for at, snippet in enumerate(snippets):
        exec(compile(snippet, f"{page} snippet {at}", "exec"), scope)
    printed = capsys.readouterr().out
    for text in words:
        assert text in printed
