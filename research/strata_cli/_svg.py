"""A plan as an SVG picture: boxes coloured by kernel family, dims on the lines, weights as small squares, and how much
memory is live as a bar. For light and dark pages; nothing is loaded from anywhere.

    text = draw("minilm", entry, stored, {"B": 1, "N": 128})
"""

from html import escape

from ._layers import arrange
from ._picture import Picture
from ._sizes import human, live

# family -> fill, line; the same on dark.
_COLOURS = {
    "product": ("#dbe8fb", "#2f6fc4", "#17304f", "#6fa8ee"),
    "attention": ("#e9dffa", "#7a4cc2", "#33224f", "#b394ee"),
    "image": ("#d3efec", "#14857a", "#113c38", "#4fc4b7"),
    "norm": ("#ddf1d9", "#3c8a31", "#1e3d1a", "#84c97a"),
    "pointwise": ("#fdeacd", "#bd7a12", "#452f0c", "#e8b35c"),
    "reduction": ("#fbdde5", "#c03d66", "#4a1b2a", "#ee8aa8"),
    "recurrent": ("#f3e0d3", "#9a5a2e", "#41281a", "#d79b72"),
    "memory": ("#ebebeb", "#7b7b7b", "#303030", "#a5a5a5"),
    "folded": ("#f6f6f6", "#a5a5a5", "#242424", "#777777"),
    "input": ("#ffffff", "#555555", "#111111", "#bbbbbb"),
    "output": ("#ffffff", "#555555", "#111111", "#bbbbbb"),
}
_HEIGHT, _LETTER, _MARGIN, _MOST_BOXES = 46, 7.8, 28, 3000
_FRAME = 22  # around a group


def draw(name, entry, stored, dims):
    """The picture of an entry point. stored: {weight: (dtype, shape, bytes)}; dims: a size for each dim, for memory.

    Raises ValueError for a plan of more boxes than a picture can show."""
    picture = Picture(entry, stored)
    if len(picture.boxes) > _MOST_BOXES:
        raise ValueError(f"a picture of {len(picture.boxes)} boxes: {_MOST_BOXES} is the most")
    return _Drawing(name, entry, stored, dims, picture).text()


class _Drawing:
    def __init__(self, name, entry, stored, dims, picture):
        self.picture, self.parts = picture, []
        self.live = live(entry, dims)
        self.peak = max(self.live, default=0)
        self.head = self._heading(name, entry, stored, dims)
        self.inner = {group: self._inside(group) for group in picture.groups}
        self.home = {box: group for group in picture.groups for box in group.boxes}

    def _heading(self, name, entry, stored, dims):
        ranges = ", ".join(f"{dim} {low} to {high}" for dim, (low, high) in entry["dims"].items())
        kernels = sum("op" in step for step in entry["steps"])
        weights = sum(size for _, _, size in stored.values())
        at = ", ".join(f"{dim} = {size}" for dim, size in dims.items())
        return [
            name,
            f"{kernels} kernels, {len(entry['steps']) - kernels} views; weights {human(weights)}",
            (f"dims: {ranges}. " if ranges else "") + f"At most {human(self.peak)} live" + (f" at {at}" if at else ""),
        ]

    def _size(self, box):
        marks = len(box.weights[:6]) * 11 + (len(self._weight_text(box)) * 6 + 6 if box.weights else 0)
        detail = len(box.detail) * 6
        lines = sum(line.target is box for line in self.picture.lines)
        return max(96, len(box.title) * _LETTER + 24, marks + 20, detail + 20, min(lines, 6) * 34), _HEIGHT

    @staticmethod
    def _weight_text(box):
        return human(sum(size for _, _, size in box.weights))

    def _inside(self, group):
        """The group's boxes by themselves, with a place for each line that enters or leaves."""
        mine, sizes, edges, lines = set(group.boxes), {}, [], []
        for line in self.picture.lines:
            if line.target in mine and line.source not in mine:
                sizes["in", line.source] = (10, 0)
        sizes |= {box: self._size(box) for box in group.boxes}
        for line in self.picture.lines:
            a = line.source if line.source in mine else ("in", line.source)
            b = line.target if line.target in mine else ("out", line.source)
            if line.source in mine and line.target not in mine:
                sizes[b] = (10, 0)
            if (line.source in mine or line.target in mine) and (b in mine or (a, b) not in edges):
                edges.append((a, b))
                lines.append(line)
        spread = {box: sizes[box][0] - 24 for box in group.boxes}
        return arrange(sizes, edges, spread=spread), edges, lines

    def text(self):
        sizes = {}
        for box in self.picture.boxes:
            group = self.home.get(box)
            if group is None:
                sizes[box] = self._size(box)
            elif group not in sizes:
                placed = self.inner[group][0]
                sizes[group] = (placed.width + 2 * _FRAME, placed.height + 2 * _FRAME)
        edges, lines = self._outer_edges()
        spread = {box: size[0] - 24 for box, size in sizes.items() if box not in self.inner}
        placed = arrange(sizes, edges, spread=spread)
        for group in self.inner:
            self._frame(group, *placed.at[group], *sizes[group])
        for (a, b), line, points in zip(edges, lines, placed.lines):
            points = list(points)
            if a in self.inner:
                points[0] = (self._port(a, "out", line.source, placed), points[0][1])
            if b in self.inner:
                points[-1] = (self._port(b, "in", line.source, placed), points[-1][1])
            self._line(points, line, b not in self.inner)
        for box in self.picture.boxes:
            if box not in self.home:
                self._box(box, *placed.at[box], *sizes[box])
        return self._page(placed)

    def _outer_edges(self):
        edges, lines = [], []
        for line in self.picture.lines:
            a, b = self.home.get(line.source, line.source), self.home.get(line.target, line.target)
            known = b in self.inner and any(e == (a, b) and x.source is line.source for e, x in zip(edges, lines))
            if a is not b and not known:
                edges.append((a, b))
                lines.append(line)
        return edges, lines

    def _port(self, group, kind, source, placed):
        inner = self.inner[group][0]
        return placed.at[group][0] - inner.width / 2 + inner.at[kind, source][0]

    def _frame(self, group, x, y, width, height):
        inner, edges, lines = self.inner[group]
        left, top = x - width / 2, y
        self._rect("frame", left, top, width, height, 14)
        self._text(left + 14, top + 22, "times", f"× {group.times}", "start")
        left, top = left + _FRAME, top + _FRAME
        for (a, b), line, points in zip(edges, lines, inner.lines):
            points = [(px + left, py + top) for px, py in points]
            if isinstance(a, tuple):
                points[0] = (points[0][0], y)
            if isinstance(b, tuple):
                points[-1] = (points[-1][0], y + height)
            self._line(points, line, not isinstance(b, tuple), not isinstance(a, tuple))
        for box in group.boxes:
            px, py = inner.at[box]
            self._box(box, px + left, py + top, *self._size(box))

    def _box(self, box, x, y, width, height):
        left = x - width / 2
        used = max((self.live[at] for at in box.steps), default=0)
        weights = "".join(f"\n{name} {list(shape)} {human(size)}" for name, shape, size in box.weights)
        tip = f"{box.tip or box.title}{weights}" + (f"\n{human(used)} live" if used else "")
        radius = height / 2 if box.family in ("input", "output") else 8
        self._put(f"<g><title>{escape(tip)}</title>")
        self._rect(f"box {box.family}", left, y, width, height, radius)
        second = box.weights or box.detail
        self._text(x, y + (19 if second else 27), "title", box.title)
        if box.weights:
            self._weights(box, x, y + 28)
        elif box.detail:
            self._text(x, y + 34, "small", box.detail)
        if used and self.peak:
            self._rect(f"bar {box.family}", left + 8, y + height - 5, (width - 16) * used / self.peak, 2.5)
        self._put("</g>")
        if box.shape and any(line.source is box for line in self.picture.lines):
            self._text(x + 6, y + height + 12, "dims", box.shape, "start")

    def _weights(self, box, x, y):
        text, shown = self._weight_text(box), box.weights[:6]
        left = x - (len(shown) * 11 + len(text) * 5.6 + 4) / 2
        for at in range(len(shown)):
            self._rect(f"weight {box.family}", left + at * 11, y - 1, 8, 8)
        self._text(left + len(shown) * 11 + 2, y + 6.5, "small", text, "start")

    def _line(self, points, line, arrives=True, starts=True):
        path = f"M{points[0][0]:.1f},{points[0][1]:.1f}"
        for (x0, y0), (x1, y1) in zip(points, points[1:]):
            middle = (y0 + y1) / 2
            path += (f"L{x1:.1f},{y1:.1f}" if x0 == x1 else
                     f"C{x0:.1f},{middle:.1f} {x1:.1f},{middle:.1f} {x1:.1f},{y1:.1f}")  # fmt: skip
        tip = f"{line.shape or line.source.shape}" + (f"\n{line.views}" if line.views else "")
        look = "line view" if line.views else "line"
        end = ' marker-end="url(#tip)"' if arrives else ""
        self._put(f'<path class="{look}" d="{path}"{end}><title>{escape(tip)}</title></path>')

    def _text(self, x, y, look, text, anchor="middle"):
        text = text if len(text) <= 60 else text[:57] + "..."
        self._put(f'<text class="{look}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>')

    def _rect(self, look, x, y, width, height, radius=0):
        corner = f' rx="{radius}"' if radius else ""
        self._put(f'<rect class="{look}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"{corner}/>')

    def _put(self, text):
        self.parts.append(text)

    def _page(self, placed):
        top, found = 92, [f for f in _COLOURS if any(b.family == f for b in self.picture.boxes)]
        found = [f for f in found if f not in ("input", "output", "folded")]
        width = max(placed.width, max(len(line) for line in self.head) * 6.4, len(found) * 92) + 2 * _MARGIN + 60
        height = placed.height + top + _MARGIN + 48
        drawn, self.parts = self.parts, []
        self._text(_MARGIN, 34, "head", self.head[0], "start")
        self._text(_MARGIN, 54, "sub", self.head[1], "start")
        self.parts.append(f'<text class="sub" x="{_MARGIN}" y="72">{escape(self.head[2])}</text>')
        for at, kind in enumerate(found):
            x = _MARGIN + at * 92
            self._rect(f"box {kind}", x, height - 44, 12, 12, 3)
            self._text(x + 18, height - 34, "small", kind, "start")
        key = "square: a weight; bar: live memory; dashed line: through a view"
        self.parts.append(f'<text class="small" x="{_MARGIN}" y="{height - 14:.1f}">{key}</text>')
        shift = (width - placed.width) / 2
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{escape(self.head[0])}">\n'
            f"<style>{_style()}</style>\n"
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
            '<path class="arrow" d="M0,0.8L7.5,4L0,7.2z"/></marker></defs>\n'
            f'<rect class="page" width="100%" height="100%"/>\n' + "\n".join(self.parts)
            + f'\n<g transform="translate({shift:.1f},{top})">\n' + "\n".join(drawn) + "\n</g>\n</svg>\n"
        )  # fmt: skip


def _style():
    light = _look("#ffffff", "#1c1c1c", "#616161", "#8a8a8a", "#f7f8fa", "#c9ced6", 0)
    dark = _look("#16181c", "#ececec", "#a8a8a8", "#8b8b8b", "#1c1f25", "#474d57", 2)
    fixed = (
        "text{font-family:system-ui,'Segoe UI',Helvetica,Arial,sans-serif}"
        ".head{font-size:19px;font-weight:650}.sub{font-size:12px}.title{font-size:13px;font-weight:600}"
        ".small{font-size:10.5px}.dims{font-size:10px;stroke-width:3px;paint-order:stroke;stroke-linejoin:round}.times{font-size:17px;font-weight:700}"
        ".line{fill:none;stroke-width:1.3}.view{stroke-dasharray:5 3}.box{stroke-width:1.3}.frame{stroke-width:1.2;"
        "stroke-dasharray:7 4}.bar,.weight{stroke:none}.folded{stroke-dasharray:4 3}"
    )
    return fixed + light + "@media(prefers-color-scheme:dark){" + dark + "}"


def _look(page, ink, soft, line, frame, edge, first):
    rules = (
        f".page{{fill:{page}}}text{{fill:{ink}}}.sub,.small,.dims,.times{{fill:{soft}}}.line{{stroke:{line}}}"
        f".arrow{{fill:{line}}}.dims{{stroke:{frame}}}.frame{{fill:{frame};stroke:{edge}}}"
    )
    for kind, colours in _COLOURS.items():
        fill, stroke = colours[first : first + 2]
        rules += f".box.{kind}{{fill:{fill};stroke:{stroke}}}.bar.{kind},.weight.{kind}{{fill:{stroke}}}"
    return rules
