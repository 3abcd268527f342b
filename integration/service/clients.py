"""What the tests of the service share: bundles of the two models, plain HTTP, and a reader of Prometheus' text."""

import http.client
import json
import re
import urllib.parse

import strata
from strata.models import bert, digits


def export(folder):
    """Bundles of MiniLM (real weights) and of a digit classifier, trained just enough: [path, path]."""
    model, _ = digits.train(digits.load_data(), epochs=2, show=False)
    paths = []
    for made in (bert.exportable(), digits.exportable(model)):
        paths.append(folder / f"{made.name}.bundle")
        strata.export(**vars(made), path=paths[-1])
    return paths


def request(url, method, path, body=None, headers=()):
    """(status, headers, body) of one request on a connection of its own."""
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=60)
    try:
        data = json.dumps(body) if isinstance(body, (dict, list)) else body
        connection.request(method, path, data, {"Connection": "close", **dict(headers)})
        reply = connection.getresponse()
        return reply.status, reply.headers, reply.read().decode()
    finally:
        connection.close()


_SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)'
                     r'(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (\S+)')
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"')


def parse_metrics(text):
    """{(name, ((label, value), ...)): number} of Prometheus' text format 0.0.4; ValueError for what is not of it."""
    types, samples = {}, {}
    if not text.endswith("\n"):
        raise ValueError("the last line has no end")
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            if name in types or kind not in ("counter", "gauge", "histogram", "summary", "untyped"):
                raise ValueError(line)
            types[name] = kind
        elif line and not line.startswith("#"):
            match = _SAMPLE.fullmatch(line)
            if not match:
                raise ValueError(line)
            name, labels, value = match.groups()
            key = name, tuple(sorted(_LABEL.findall(labels or "")))
            family = name if name in types else re.sub("_(bucket|sum|count)$", "", name)
            if key in samples or family not in types:
                raise ValueError(f"{line}: twice, or without a type")
            samples[key] = float(value)
    return samples
