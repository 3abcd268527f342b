"""Every relative link of the documents leads to something, every document is reached from README.md, and the pages that
sources name exist."""

import os
import pathlib
import re

ROOT = pathlib.Path(os.path.realpath("WORKSPACE")).parent  # the checkout itself, so that no page can be forgotten
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")
SOURCES = {".bzl", ".cc", ".cu", ".h", ".md", ".py", ".sh"}


def _targets(page, text):
    """The files that a page links to, without addresses elsewhere and places within the page."""
    links = (link.partition("#")[0] for link in LINK.findall(text) if not re.match(r"[a-z]+:", link))
    return [page.parent / link for link in links if link]


def test_links_lead_to_files():
    checked = [(page, target) for page in PAGES for target in _targets(page, page.read_text())]
    assert len(checked) > 30
    dead = [f"{page.relative_to(ROOT)}: {target.name}" for page, target in checked if not target.exists()]
    assert not dead, "\n".join(dead)


def test_a_dead_link_is_found():
    (target,) = _targets(ROOT / "README.md", "see [a page](docs/nowhere.md#part) and [a site](https://example.org)")
    assert not target.exists()


def test_every_page_is_reached_from_the_readme():
    left, reached = [ROOT / "README.md"], set()
    while left:
        page = left.pop().resolve()
        if page.suffix == ".md" and page not in reached:
            reached.add(page)
            left += _targets(page, page.read_text())
    assert not [str(page.relative_to(ROOT)) for page in PAGES if page.resolve() not in reached]


def test_pages_that_sources_name_exist():
    found, missing = 0, []
    for top in ("kernels", "systems", "integration", "research", "tests", "tools"):
        for file in sorted((ROOT / top).rglob("*")):
            if file.suffix not in SOURCES or file.name == "docs_links_test.py":
                continue
            for name in re.findall(r"\bdocs/[\w/]+\.md\b", file.read_text(encoding="utf-8")):
                found += 1
                if not (ROOT / name).exists():
                    missing.append(f"{file.relative_to(ROOT)}: {name}")
    assert found > 5 and not missing, "\n".join(missing)
