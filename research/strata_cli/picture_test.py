"""Pictures of plans: what is drawn, what is grouped, and that a hostile plan draws nothing but text."""

import xml.etree.ElementTree as ET

import pytest

from strata_cli import _layers, _picture, _sizes, _svg


def value(name, shape, dtype="float32"):
    return {"name": name, "dtype": dtype, "shape": shape}


def op(name, inputs, output, shape, dtype="float32", **attrs):
    return {"op": name, "inputs": inputs, "attrs": attrs, "outputs": [value(output, shape, dtype)]}


def layers(count):
    """norm, two products and a residual, again and again."""
    steps, stored, last = [op("embedding", ["$table", "ids"], "t", ["N", 8])], {"table": ("F32", [9, 8], 288)}, "t"
    for at in range(count):
        stored |= {f"{at}.up": ("F32", [16, 8], 512), f"{at}.down": ("F32", [8, 16], 512)}
        stored[f"{at}.norm"] = ("F32", [8], 32)
        steps += [
            op("rms_norm", [last, f"${at}.norm"], f"n{at}", ["N", 8], eps=1e-6),
            op("linear", [f"n{at}", f"${at}.up", None, None, None], f"u{at}", ["N", 16], activation="gelu"),
            {"view": "reshape", "inputs": [f"u{at}"], "outputs": [value(f"v{at}", ["N", 16])]},
            op("linear", [f"v{at}", f"${at}.down", None, None, last], f"d{at}", ["N", 8], activation="none"),
        ]
        last = f"d{at}"
    entry = {"dims": {"N": [0, 64]}, "inputs": [value("ids", ["N"], "int64")], "steps": steps,
             "outputs": [{"name": "states", "value": last}]}  # fmt: skip
    return entry, stored


def titles(boxes):
    return [box.title for box in boxes]


def test_layers_that_repeat_are_drawn_once():
    entry, stored = layers(12)
    picture = _picture.Picture(entry, stored)
    (group,) = picture.groups
    assert group.times == 12
    assert titles(group.boxes) == ["rms_norm", "linear, gelu", "linear + residual"]
    assert titles(picture.boxes) == ["ids", "embedding", *titles(group.boxes), "states"]
    (dashed,) = [line for line in picture.lines if line.views]
    assert (dashed.source.title, dashed.views, dashed.shape) == ("linear, gelu", "reshape", "N × 16")
    assert [line.target.title for line in picture.lines if line.source.title == "embedding"] == [
        "rms_norm",
        "linear + residual",
    ]
    assert [line.source.title for line in picture.lines if line.target.title == "states"] == ["linear + residual"]


def test_layers_that_only_look_alike_are_drawn_all():
    entry, stored = layers(2)
    for step in entry["steps"]:
        if step["outputs"][0]["name"] == "d1":
            step["inputs"][4] = "t"  # another residual: not what the first layer does
            step["inputs"][0] = "u1"
    assert _picture.Picture(entry, stored).groups == []


def test_arithmetic_on_positions_is_one_box():
    program = "int64 x0; v0 = add(x0, 1); return v0"
    entry, stored = layers(1)
    for at, name in enumerate("abcd"):
        entry["steps"].insert(0 + at, op("pointwise", [[chr(ord(name) - 1) if at else "ids"]], name, ["N"], "int64",
                                         program=program))  # fmt: skip
    entry["steps"][4]["inputs"] = ["$table", "d"]
    picture = _picture.Picture(entry, stored)
    folded = next(box for box in picture.boxes if box.title == "positions and masks")
    assert folded.steps == [0, 1, 2, 3]
    assert [line.target.title for line in picture.lines if line.source is folded] == ["embedding"]


def test_boxes_do_not_overlap_and_lines_run_down():
    entry, stored = layers(1)
    picture = _picture.Picture(entry, stored)
    edges = [(line.source, line.target) for line in picture.lines]
    placed = _layers.arrange({box: (100 + 7 * at, 40) for at, box in enumerate(picture.boxes)}, edges)
    for at, box in enumerate(picture.boxes):
        x, y = placed.at[box]
        assert 0 <= x - (100 + 7 * at) / 2 and x + (100 + 7 * at) / 2 <= placed.width
        for other_at, other in enumerate(picture.boxes[:at]):
            ox, oy = placed.at[other]
            assert y != oy or abs(x - ox) >= (200 + 7 * (at + other_at)) / 2
    assert all(a[1] <= b[1] for line in placed.lines for a, b in zip(line, line[1:]))


def test_memory_is_what_is_live():
    entry, stored = layers(2)
    # ids 8 N; t and n0 live while n0 is made; then t, n0 and u0: 4 * (8 + 8 + 16) N.
    live = _sizes.live(entry, {"N": 10})
    assert live[0] == 80 + 320 and live[1] == 640 and live[2] == 320 + 320 + 640
    assert live[4] == 640 + 320 + 320  # the view keeps u0, the residual keeps t
    assert _sizes.size("2*(B+1)//3%4", {"B": 7}) == 2 * 8 // 3 % 4


@pytest.mark.parametrize("text", ["B**2", "__import__('os')", "B.real", "x", "1.5", "B//0", "-B"])
def test_sizes_of_a_bundle_are_read_and_not_run(text):
    with pytest.raises((ValueError, SyntaxError)):
        _sizes.size(text, {"B": 7})


def test_the_picture_is_whole_xml_and_names_are_text():
    entry, stored = layers(3)
    entry["inputs"][0]["name"] = "<script>alert(1)</script>"
    entry["steps"][0]["inputs"][1] = "<script>alert(1)</script>"
    text = _svg.draw('a "b" & <c>', entry, stored, {"N": 4})
    root = ET.fromstring(text)
    kinds = {element.tag.rsplit("}", 1)[-1] for element in root.iter()}
    assert "script" not in kinds and {"rect", "path", "text", "title"} <= kinds
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "") and "prefers-color-scheme:dark" in text
    words = [element.text for element in root.iter() if element.tag.endswith("}text")]
    assert {"× 3", "linear, gelu", "N × 8", 'a "b" & <c>'} <= set(words)
