"""The published JSON Schemas: what the exporter writes fits them, and what the reader takes fits them, too."""

import copy
import json
import pathlib
import random

import jsonschema
import pytest

from integration.runtime import bundles, c_api

FILES = ("manifest", "plan")
VALUES = [0, 1, -1, 2**40, 2**40 + 1, 0.5, "", "B", "B+1", "b", "float32", "reshape", "$none", None, True, [], {}, [1]]


def validator(name):
    schema = json.loads(pathlib.Path(f"docs/formats/{name}.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("schema")
    return [pathlib.Path(bundles.classifier(folder)), pathlib.Path(bundles.images(folder))]


def test_what_is_exported_fits(exported):
    for bundle in exported:
        for name in FILES:
            validator(name).validate(json.loads((bundle / f"{name}.json").read_text()))


def places(value, path=()):
    """Every container of a document with the keys into it."""
    if isinstance(value, (dict, list)):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield path, key
            yield from places(value[key], (*path, key))


def mutated(document, rng):
    """A copy with one change: another value, a key or an element that is gone, one too many, or one that is moved."""
    made = copy.deepcopy(document)
    path, key = rng.choice(list(places(made)))
    holder = made
    for step in path:
        holder = holder[step]
    kind = rng.randrange(4)
    if kind == 0:
        del holder[key]
    elif kind == 1 and isinstance(holder, dict):
        holder[rng.choice(["more", "", "B", "9"])] = rng.choice(VALUES)
    elif kind == 2 and isinstance(holder, list):
        holder.insert(key, copy.deepcopy(rng.choice(holder)))
    else:
        holder[key] = copy.deepcopy(rng.choice(VALUES))
    return made


def test_what_the_reader_takes_fits(exported):
    rng, lib, counts = random.Random(7), c_api.library(), {}
    for bundle in exported:
        for name in FILES:
            file = bundle / f"{name}.json"
            text = file.read_text()
            document, check = json.loads(text), validator(name)
            for _ in range(150):
                made = mutated(document, rng)
                file.write_text(json.dumps(made))
                handle = lib.strata_load(str(bundle).encode(), 1)
                lib.strata_free(handle)
                fits = check.is_valid(made)
                assert fits or not handle, json.dumps(made)
                counts[bool(handle), fits] = counts.get((bool(handle), fits), 0) + 1
            file.write_text(text)
    # Both happened often: else the test would test nothing.
    assert counts[True, True] > 40 and counts[False, False] > 100, counts
