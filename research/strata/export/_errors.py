"""The errors of the exporter."""


class ExportError(Exception):
    """The model cannot become a bundle; the message says what, where in the model, and what to do."""


class Unsupported(Exception):
    """This call of a known operator cannot be lowered; the message says why."""


def where(node):
    """The line of the model that made a graph node: "model.py:12: y = x + z", or "" where torch kept none."""
    trace = (node.meta.get("stack_trace") or "").strip().splitlines()
    for at in range(len(trace) - 1, -1, -1):
        place = trace[at].strip()
        if place.startswith("File "):
            name, line = place.split('"')[1], place.split("line ")[1].split(",")[0]
            code = trace[at + 1].strip() if at + 1 < len(trace) else ""
            return f"{name.rsplit('/', 1)[-1]}:{line}: {code}"
    return ""
