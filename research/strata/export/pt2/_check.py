"""What a .pt2 archive may hold. torch's own reader evaluates size strings as Python, imports what targets and trees
of arguments name, and unpickles weights; so everything is read against a grammar here, and a new archive is written
of what was understood. Only that one is given to torch.

    clean, model = checked(data)          # ExportError with a sentence for anything else
"""

import io
import json
import re
import zipfile

from .._errors import ExportError

_MOST_BYTES, _MOST_ENTRIES, _DEEPEST = 16 << 30, 20_000, 40
_KEPT = re.compile(
    r"models/model\.json|data/weights/(weight_\d{1,6}|model_weights_config\.json)"
    r"|data/constants/(tensor_\d{1,6}|model_constants_config\.json)|archive_format|archive_version|byteorder"
    r"|\.data/version|\.data/serialization_id"
)
_DROPPED = re.compile(r"data/sample_inputs/model\.pt")  # pickled; not needed
_TARGET = re.compile(
    r"torch\.ops\.(aten|strata)\.[a-z0-9_]{1,64}\.[A-Za-z0-9_]{1,64}"
    r"|_operator\.(add|sub|mul|floordiv|truediv|mod|neg|pow|eq|ne|lt|le|gt|ge|getitem|and_|or_)"
    r"|torch\.(sym_max|sym_min|sym_int|sym_float|sym_not|sym_sum)"
)
_READS_FILES = re.compile(r"torch\.ops\.aten\.(from_file|_?load\w*|_?save\w*)\.")
_TOKEN = re.compile(
    r"\s*(?:(?P<name>Symbol)\(\s*'(?P<symbol>[a-z]{1,3}\d{1,6})'(?:\s*,\s*(?:positive|integer|nonnegative|real)\s*=\s*"
    r"(?:True|False)){0,4}\s*\)|(?P<call>Add|Mul|Max|Min|Mod|PythonMod|FloorDiv|CleanDiv|Integer|Pow|Equality|"
    r"Unequality|GreaterThan|StrictGreaterThan|LessThan|StrictLessThan|And|Or|Not)\(|(?P<number>-?\d{1,18})"
    r"|(?P<other>[,)]))"
)
_SYMBOL = re.compile(r"[a-z]{1,3}\d{1,6}")
_TREES = ("builtins.tuple", "builtins.list", "builtins.dict", None)


def expression(text):
    """Refuses a size string that is more than sympy's sums and products of symbols and numbers."""
    at, open_ = 0, 0
    if not isinstance(text, str) or len(text) > 2000:
        raise ExportError("a size of the archive is no text of 2,000 characters at most")
    while at < len(text):
        token = _TOKEN.match(text, at)
        if not token:
            raise ExportError(f"the archive has the size {text[:80]!r}, which is no expression of sizes")
        open_ += bool(token["call"]) - (token["other"] == ")")
        if open_ < 0 or open_ > 30:
            break
        at = token.end()
    if at < len(text) or open_:
        raise ExportError(f"the archive has the size {text[:80]!r}, whose brackets do not match")


def _tree(text):
    """Refuses a tree of arguments that names other types than tuple, list and dict."""
    if not text:
        return
    version, spec = _json(text.encode(), "a tree of arguments")
    todo = [spec]
    while todo:
        node = todo.pop()
        if node["type"] not in _TREES:
            raise ExportError(f"the archive's arguments are of type {node['type']!r}, wanted tuples, lists and dicts")
        todo += node["children_spec"]


def _json(data, what):
    def depth(value, left):
        if left == 0:
            raise ExportError(f"{what} is nested deeper than {_DEEPEST}")
        for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            depth(one, left - 1)

    try:
        made = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ExportError(f"{what} is no JSON: {error}") from error
    depth(made, _DEEPEST)
    return made


def _walk(value):
    """Every size string below `value`."""
    todo = [value]
    while todo:
        value = todo.pop()
        if isinstance(value, dict):
            if "expr_str" in value:
                expression(value["expr_str"])
            todo += value.values()
        elif isinstance(value, list):
            todo += value


def _node(node):
    target = node["target"]
    if not isinstance(target, str) or not _TARGET.fullmatch(target) or _READS_FILES.match(target):
        raise ExportError(f"the archive calls {str(target)[:100]!r}, which is no operator of a model: it is not read")
    node["metadata"] = {k: v for k, v in node["metadata"].items() if k == "stack_trace" and isinstance(v, str)}


def _model(data):
    """models/model.json, checked, without what only torch would run."""
    model = _json(data, "models/model.json")
    graph = model["graph_module"]["graph"]
    for node in graph["nodes"]:
        _node(node)
    if graph.get("custom_obj_values"):
        raise ExportError("the archive has objects of its own classes: they are not read")
    _walk(model)
    # Ranges of what is computed from symbols follow from theirs, and torch would evaluate the text.
    ranges = model["range_constraints"]
    model["range_constraints"] = {text: held for text, held in ranges.items() if _SYMBOL.fullmatch(text)}
    for call in model["graph_module"]["module_call_graph"]:
        if call.get("signature"):
            _tree(call["signature"].get("in_spec"))
            _tree(call["signature"].get("out_spec"))
    model["guards_code"], model["graph_module"]["metadata"] = [], {}
    return model


def _config(data, name, entries):
    """Weights are plain bytes: an entry of the archive each, none pickled."""
    config = _json(data, name)
    for key, weight in config["config"].items():
        if weight.get("use_pickle", True):
            raise ExportError(f"the archive's weight {key!r} is pickled: it is not read")
        if f"{name.rsplit('/', 1)[0]}/{weight['path_name']}" not in entries:
            raise ExportError(f"the archive's weight {key!r} is missing")
    _walk(config)


def _entries(data):
    """{name below the archive's folder: bytes}."""
    if len(data) > _MOST_BYTES:
        raise ExportError(f"the archive has {len(data)} bytes, wanted {_MOST_BYTES} at most")
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except zipfile.BadZipFile as error:
        raise ExportError(f"the file is no .pt2 archive: {error}") from error
    made, folders = {}, set()
    if len(archive.infolist()) > _MOST_ENTRIES:
        raise ExportError(f"the archive has {len(archive.infolist())} entries, wanted {_MOST_ENTRIES} at most")
    for entry in archive.infolist():
        folder, _, name = entry.filename.partition("/")
        folders.add(folder)
        if _DROPPED.fullmatch(name):
            continue
        if not _KEPT.fullmatch(name) or name in made:
            raise ExportError(f"the archive has the entry {entry.filename[:99]!r}, which a saved program does not have")
        if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1 or entry.file_size > len(data):
            raise ExportError(f"the archive's entry {entry.filename[:99]!r} is compressed or encrypted")
        made[name] = archive.read(entry)
    if len(folders) != 1 or "models/model.json" not in made:
        raise ExportError("the file is no .pt2 archive of one program: it has no models/model.json")
    return made


def checked(data):
    """The bytes of a new archive with what was understood of `data`, and its model.json as JSON.

    Raises ExportError for anything that is not understood.
    """
    try:
        entries = _entries(data)
        model = _model(entries["models/model.json"])
        for kind in ("weights", "constants"):
            name = f"data/{kind}/model_{kind}_config.json"
            if name in entries:
                _config(entries[name], name, entries)
    except (KeyError, TypeError, AttributeError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
        raise ExportError(f"the archive is not as torch.export.save writes it: {error!r}"[:300]) from error
    entries["models/model.json"] = json.dumps(model).encode()
    entries["data/sample_inputs/model.pt"] = b""  # torch wants it to be there
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
        for name, content in entries.items():
            archive.writestr("archive/" + name, content)
    return made.getvalue(), model
