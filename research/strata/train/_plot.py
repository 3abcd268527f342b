"""Loss curves as text, side by side, for a terminal."""

import math

_BARS = "▁▂▃▄▅▆▇█"


def plot(curves, width=48):
    """One line per curve {name: [loss per epoch]}: its shape on a common logarithmic scale, first and last value."""
    logs = {name: [math.log(max(v, 1e-12)) for v in losses] for name, losses in curves.items()}
    low, high = min(map(min, logs.values())), max(map(max, logs.values()))
    label = max(map(len, curves))
    lines = []
    for name, values in logs.items():
        picks = (
            [values[round(i * (len(values) - 1) / (width - 1))] for i in range(width)] if len(values) > 1 else values
        )
        bars = "".join(_BARS[round((v - low) / (high - low or 1) * (len(_BARS) - 1))] for v in picks)
        lines.append(f"{name:<{label}}  {curves[name][0]:.4f} {bars} {curves[name][-1]:.4f}")
    return "\n".join(lines)
