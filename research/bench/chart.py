"""Two pictures as SVG, by hand: bars of ratios, and a roofline for work that computes more than it moves."""

import math
from html import escape

_OURS, _THEIRS, _INK, _FAINT = "#2a6f97", "#c1666b", "#222222", "#bbbbbb"


def _text(x, y, text, size=11, anchor="start", colour=_INK):
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'
    )


def _line(x1, y1, x2, y2, colour=_FAINT, dash=""):
    extra = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"{extra}/>'


def _bars(labels, left, top, width):
    """One bar a case, from 1 to its ratio on a logarithmic scale: to the right, ours is faster."""
    ratios = [(name, r.ratio, r.best_peer) for name, r in labels if r.best_peer]
    if not ratios:
        return [], 0
    reach = max(abs(math.log2(v)) for _, v, _ in ratios)
    reach = max(1.0, math.ceil(reach * 2) / 2)
    place = lambda v: left + width * (0.5 + math.log2(v) / reach / 2)  # noqa: E731
    out, height = [], 18 * len(ratios)
    marks = [2.0**p for p in range(-math.floor(reach), math.floor(reach) + 1)]
    for v in marks:
        out += [
            _line(place(v), top, place(v), top + height, _INK if v == 1 else _FAINT),
            _text(place(v), top - 4, f"{v:g}", 10, "middle"),
        ]
    for at, (name, value, peer) in enumerate(ratios):
        y = top + 18 * at
        a, b = sorted((place(1.0), place(value)))
        out.append(
            f'<rect x="{a:.1f}" y="{y + 3}" width="{max(0.5, b - a):.1f}" height="12" '
            f'fill="{_OURS if value >= 1 else _THEIRS}"/>'
        )
        out += [_text(left - 6, y + 13, name, 10, "end"), _text(left + width + 6, y + 13, f"{value:.2f} of {peer}", 10)]
    return out, height


def _roofline(labels, roofs, left, top, width):
    """Rate over arithmetic intensity, both logarithmic, under the roofs of bandwidth and of each arithmetic unit."""
    points = [
        (r.work / r.bytes, r.rate("strata"), r.dtype) for _, r in labels if r.bytes and r.work and r.work != r.bytes
    ]
    units = {n: roofs.of(n) for n in ("fma_f32", "dot_bf16", "dot_int8", "amx_bf16", "amx_int8") if roofs.of(n)}
    bandwidth = roofs.of("read_dram")
    if not points or not units or not bandwidth:
        return [], 0
    height, low_x = 260, min(p[0] for p in points) / 2
    high_x, high_y = max(p[0] for p in points) * 2, max(units.values()) * 1.5
    low_y = min(p[1] for p in points) / 2
    x = lambda v: left + width * math.log(v / low_x) / math.log(high_x / low_x)  # noqa: E731
    y = lambda v: top + height * (1 - math.log(v / low_y) / math.log(high_y / low_y))  # noqa: E731
    out = [f'<rect x="{left}" y="{top}" width="{width}" height="{height}" fill="none" stroke="{_FAINT}"/>']
    for name, peak in units.items():
        ridge = max(low_x, peak / bandwidth)
        if ridge < high_x:
            out += [
                _line(x(ridge), y(peak), x(high_x), y(peak), _INK),
                _text(x(high_x) + 6, y(peak) + 4, f"{name} {peak / 1e9:.0f} G/s", 10),
            ]
    start = max(low_x, low_y / bandwidth)
    end = min(high_x, max(units.values()) / bandwidth)
    if end > start:
        out += [
            _line(x(start), y(start * bandwidth), x(end), y(end * bandwidth), _INK),
            _text(x(start) + 6, y(start * bandwidth) - 6, f"memory {bandwidth / 1e9:.0f} GB/s", 10),
        ]
    for intensity, rate, dtype in points:
        out.append(
            f'<circle cx="{x(intensity):.1f}" cy="{y(rate):.1f}" r="3.5" fill="{_OURS}">'
            f"<title>{escape(dtype)}: {rate / 1e9:.1f} G/s at {intensity:.1f} per byte</title></circle>"
        )
    out.append(_text(left + width / 2, top + height + 16, "operations per byte moved, at least", 10, "middle"))
    return out, height + 30


def picture(title, labels, roofs, notes):
    """The whole SVG: title, bars, roofline where there is one, and the notes."""
    left, width = 330, 420
    parts, y = [_text(12, 22, title, 15)], 56
    for draw in (lambda top: _bars(labels, left, top, width), lambda top: _roofline(labels, roofs, left, top, width)):
        drawn, height = draw(y)
        parts += drawn
        y += height + (30 if height else 0)
    parts += [_text(12, y + 14 * at, note, 10, colour="#555555") for at, note in enumerate(notes)]
    total = y + 14 * len(notes) + 6
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="940" height="{total}" viewBox="0 0 940 {total}" '
        f'font-family="sans-serif">\n<rect width="100%" height="100%" fill="white"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )
