"""Places the boxes of a data-flow graph in layers, top to bottom, and the lines between them (Sugiyama, Tagawa & Toda
1981, "Methods for visual understanding of hierarchical system structures").

    placed = arrange({"a": (80, 30), "b": (80, 30)}, [("a", "b")])
    placed.at["b"]       # (x of the middle, y of the top)
"""

import collections
import dataclasses

_SWEEPS, _STRAIGHTENINGS = 12, 24


@dataclasses.dataclass
class Placed:
    """Where the boxes and lines are; lines start under a box and end on top of one, and run down through `points`."""

    at: dict  # box -> (x of its middle, y of its top)
    lines: list  # for each edge its points [(x, y)]
    width: float
    height: float


def arrange(sizes, edges, gap=26, fall=46, spread=None):
    """sizes: {box: (width, height)} in an order in which edges go forwards; edges: [(from, to)].

    spread: how many lines may end side by side on a box, {box: number}; by default all of them meet in its middle.
    """
    ranks = _ranks(list(sizes), edges)
    layers, hops, widths = _with_bends(sizes, edges, ranks)
    _order(layers, hops)
    xs = _columns(layers, hops, widths, gap)
    left = min(x - widths[box] / 2 for box, x in xs.items())
    xs = {box: x - left for box, x in xs.items()}
    tops, y = [], 0.0
    for layer in layers:
        tops.append(y)
        y += max((sizes[box][1] for box in layer if box in sizes), default=0) + fall
    at = {box: (xs[box], tops[ranks[box]]) for box in sizes}
    lines = _lines(sizes, edges, ranks, xs, tops, at, spread or {})
    return Placed(at, lines, max(x + widths[box] / 2 for box, x in xs.items()), y - fall)


def _ranks(boxes, edges):
    """The layer of each box: under all that it reads, and what reads nothing right above its first reader."""
    rank, above, below = dict.fromkeys(boxes, 0), collections.defaultdict(list), collections.defaultdict(list)
    for a, b in edges:
        above[b].append(a)
        below[a].append(b)
    for box in boxes:
        rank[box] = max((rank[a] + 1 for a in above[box]), default=0)
    for box in reversed(boxes):
        if not above[box] and below[box]:
            rank[box] = min(rank[b] for b in below[box]) - 1
    return rank


def _with_bends(sizes, edges, ranks):
    """(layers with the places where long lines pass, hops from one layer to the next, width of everything)."""
    layers = [[] for _ in range(max(ranks.values()) + 1)]
    for box in sizes:
        layers[ranks[box]].append(box)
    widths = {box: size[0] for box, size in sizes.items()}
    hops = dict.fromkeys([])
    for a, b in edges:
        last = a
        for rank in range(ranks[a] + 1, ranks[b]):
            bend = ("bend", a, rank)  # lines of one value share their way
            if bend not in widths:
                widths[bend] = 12
                layers[rank].append(bend)
            hops[last, bend] = None
            last = bend
        hops[last, b] = None
    return layers, list(hops), widths


def _neighbours(hops):
    up, down = collections.defaultdict(list), collections.defaultdict(list)
    for a, b in hops:
        down[a].append(b)
        up[b].append(a)
    return up, down


def _order(layers, hops):
    """Sorts each layer by where its neighbours are, down and up again; the order with the fewest crossings stays."""
    up, down = _neighbours(hops)
    best, fewest = [list(layer) for layer in layers], None
    for sweep in range(_SWEEPS):
        way, near = (layers[1:], up) if sweep % 2 == 0 else (layers[-2::-1], down)
        place = {box: at for layer in layers for at, box in enumerate(layer)}
        for layer in way:
            own = {box: at for at, box in enumerate(layer)}
            middle = {b: sum(place[n] for n in near[b]) / len(near[b]) if near[b] else own[b] for b in layer}
            layer.sort(key=lambda box: middle[box])
            place.update((box, at) for at, box in enumerate(layer))
        crossings = _crossings(layers, down)
        if fewest is None or crossings < fewest:
            best, fewest = [list(layer) for layer in layers], crossings
    for layer, kept in zip(layers, best):
        layer[:] = kept


def _crossings(layers, down):
    count = 0
    for upper, lower in zip(layers, layers[1:]):
        place = {box: at for at, box in enumerate(lower)}
        ends = [place[b] for a in upper for b in sorted(down[a], key=place.get)]
        count += sum(later < end for at, end in enumerate(ends) for later in ends[at + 1 :])
    return count


def _columns(layers, hops, widths, gap):
    """The x of everything: as near to its neighbours as the others of its layer let it."""
    up, down = _neighbours(hops)
    xs = {}
    for layer in layers:
        x = 0.0
        for box in layer:
            xs[box] = x + widths[box] / 2
            x += widths[box] + gap
    for turn in range(_STRAIGHTENINGS):
        near = up if turn % 2 == 0 else down
        for layer in layers if turn % 2 == 0 else layers[::-1]:
            wish = [sum(xs[n] for n in near[b]) / len(near[b]) if near[b] else xs[b] for b in layer]
            xs.update(zip(layer, _apart(layer, wish, widths, gap)))
    return xs


def _apart(layer, wish, widths, gap):
    """The places nearest to the wishes, in order and apart (least squares: neighbours in each other's way share)."""
    offset, x = [], 0.0
    for at, box in enumerate(layer):
        x += (widths[layer[at - 1]] + widths[box]) / 2 + gap if at else 0
        offset.append(x)
    runs = []  # [sum of wishes, weight, how many]
    for box, w, o in zip(layer, wish, offset):
        weight = 8 if isinstance(box, tuple) else 1  # long lines are to be straight
        runs.append([(w - o) * weight, weight, 1])
        while len(runs) > 1 and runs[-2][0] / runs[-2][1] > runs[-1][0] / runs[-1][1]:
            total, weight, count = runs.pop()
            runs[-1] = [runs[-1][0] + total, runs[-1][1] + weight, runs[-1][2] + count]
    places = [total / weight for total, weight, count in runs for _ in range(count)]
    return [p + o for p, o in zip(places, offset)]


def _lines(sizes, edges, ranks, xs, tops, at, spread):
    arriving = collections.defaultdict(list)
    for number, (a, b) in enumerate(edges):
        before = ("bend", a, ranks[b] - 1)
        arriving[b].append((xs[before] if before in xs else xs[a], number))
    lines = [None] * len(edges)
    for box, ends in arriving.items():
        ends.sort()
        for place, (_, number) in enumerate(ends):
            a, b = edges[number]
            shift = (place + 0.5) / len(ends) - 0.5 if box in spread else 0
            x, y = at[a]
            points = [(x, y + sizes[a][1])]
            for rank in range(ranks[a] + 1, ranks[b]):
                bottom = tops[rank + 1] - 30 if rank + 1 < len(tops) else tops[rank]
                points += [(xs["bend", a, rank], tops[rank]), (xs["bend", a, rank], max(bottom, tops[rank]))]
            lines[number] = [*points, (at[b][0] + shift * spread.get(box, 0), at[b][1])]
    return lines
