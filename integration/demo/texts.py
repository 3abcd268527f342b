"""Real texts: the docstrings of Python's standard library."""

import ast
import pathlib
import sysconfig

LIMIT = 2000


def _docstrings(path):
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            if text := ast.get_docstring(node):
                # The first paragraph says what a thing is for.
                summary = " ".join(text.split("\n\n")[0].split())
                if len(summary) >= 40:
                    yield f"{path.stem}.{node.name}", summary


def standard_library(limit=LIMIT):
    """[(name, text)] of about `limit` functions and classes, no text twice, spread over the whole library."""
    root = pathlib.Path(sysconfig.get_paths()["stdlib"])
    skip = {"test", "tests", "idlelib", "lib2to3", "site-packages", "turtledemo", "pydoc_data"}
    found = {}
    for path in sorted(root.rglob("*.py")):
        if not skip.intersection(path.relative_to(root).parts):
            for name, text in _docstrings(path):
                found.setdefault(text, name)
    everything = [(name, text) for text, name in found.items()]
    step = max(1.0, len(everything) / limit)
    return [everything[int(i * step)] for i in range(min(limit, len(everything)))]
