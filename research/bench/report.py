"""What a run prints and writes: a table, a CSV, a page of both with the machine and the command."""

import csv
import importlib.metadata

from . import chart, machine

_UNITS = {"GFLOP/s": 1e9, "GB/s": 1e9, "G/s": 1e9}


def _seconds(s):
    for unit, scale in (("s", 1), ("ms", 1e3), ("us", 1e6)):
        if s * scale >= 1:
            return f"{s * scale:.3g} {unit}"
    return f"{s * 1e9:.3g} ns"


def _value(result, side, unit):
    if side not in result.times:
        return "-"
    if unit in _UNITS and result.work:
        return f"{result.rate(side) / _UNITS[unit]:.3g}"
    return _seconds(result.times[side].median)


def _label(result, results):
    """The name, with what tells it from others of the same run."""
    several = len({r.dtype for r in results}) > 1
    name = f"{result.name}, {result.dtype}" if several else result.name
    return f"{name}, fresh outputs" if result.mode == "fresh" else name


def rows(results, unit):
    """(header, lines) of cells."""
    sides = list(dict.fromkeys(s for r in results for s in r.times))
    header = ["", *sides, "± %", "ratio", "roof %"]
    lines = []
    for r in results:
        name = _label(r, results)
        if r.wrong:
            lines.append([name, f"WRONG RESULT: {r.wrong}"])
        elif r.skipped:
            lines.append([name, f"skipped: {r.skipped}"])
        else:
            spread = max(t.spread for t in r.times.values())
            lines.append(
                [
                    name,
                    *(_value(r, s, unit) for s in sides),
                    f"{100 * spread:.0f}",
                    f"{r.ratio:.2f}" if r.best_peer else "-",
                    f"{100 * r.fraction:.0f}" if r.fraction else "-",
                ]
            )
    return header, lines


def table(header, lines):
    """Lines of text with aligned columns; a line of two cells is a name and a remark."""
    full = [header, *(line for line in lines if len(line) == len(header))]
    widths = [max(len(line[i]) for line in full) for i in range(len(header))]
    widths[0] = max(widths[0], *(len(line[0]) for line in lines), 1) if lines else widths[0]
    show = lambda line: line[0].ljust(widths[0]) + "".join(c.rjust(w + 2) for c, w in zip(line[1:], widths[1:]))  # noqa: E731
    return [
        show(line) if len(line) == len(header) else f"{line[0].ljust(widths[0])}  {line[1]}"
        for line in [header, *lines]
    ]


def versions():
    found = []
    for package in ("torch", "onnxruntime", "numpy"):
        try:
            found.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return ", ".join(found)


def context(options, command):
    """What a reader needs to judge the figures, or to get them again."""
    return [
        f"{machine.processor()} ({', '.join(machine.features())}), {options.threads} thread(s)",
        f"{versions()}; commit {machine.commit() or 'unknown'}",
        f"{command}; {options.rounds} rounds at most, medians, sides in turns; ± half the distance of the quartiles",
    ]


def _write_csv(path, results):
    with open(path, "w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(
            [
                "case",
                "dtype",
                "outputs",
                "side",
                "median_s",
                "spread",
                "samples",
                "work_per_s",
                "roof_per_s",
                "ratio",
                "note",
            ]
        )
        for r in results:
            if r.skipped or r.wrong:
                writer.writerow([r.name, r.dtype, r.mode, *[""] * 7, r.wrong or r.skipped])
            for side, t in r.times.items():
                ratio = f"{r.ratio:.4f}" if side == "strata" and r.best_peer else ""
                writer.writerow(
                    [
                        r.name,
                        r.dtype,
                        r.mode,
                        side,
                        f"{t.median:.6g}",
                        f"{t.spread:.4f}",
                        t.samples,
                        f"{r.rate(side):.6g}",
                        f"{r.roof:.6g}",
                        ratio,
                        "aside" if side in r.aside else "",
                    ]
                )


def _page(title, notes, picture, cells, unit):
    header, lines = cells
    lines = ["|".join(line + [""] * (len(header) - len(line))) for line in [header, ["---"] * len(header), *lines]]
    about = f"Sides in {unit or 'time'}; ratio: the best peer's time through ours; roof %: of what the machine can do."
    text = [f"# {title}", "", *(f"* {note}" for note in notes), ""]
    text += [f"![{title}]({picture})", "", about, ""] if picture else []
    return "\n".join([*text, *(f"|{line}|" for line in lines)]) + "\n"


def write(folder, name, title, results, cells, unit, options, command, roofs):
    """<name>.md and, where cases were timed, .csv and .svg; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    csv_path, svg_path, page = (folder / f"{name}.{kind}" for kind in ("csv", "svg", "md"))
    notes, labels = context(options, command), [(_label(r, results), r) for r in results if r.times]
    page.write_text(_page(title, notes, svg_path.name if labels else "", cells, unit), encoding="utf-8")
    if not labels:
        return [page]
    _write_csv(csv_path, results)
    svg_path.write_text(chart.picture(title, labels, roofs, notes), encoding="utf-8")
    return [page, csv_path, svg_path]
