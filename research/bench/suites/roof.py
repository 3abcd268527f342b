"""The machine's roofs: no cases, its table is what was measured."""

from .. import machine

UNIT = "G/s"


def measure(options, progress):
    progress.total = 30

    def tick(found):
        progress.note = found["name"]
        progress.step()

    machine.measure(options.threads, 0.002 if options.tiny else 0.05 if options.quick else 0.25, tick)
    return machine.roofs(options.threads)


def cases(options):
    return []


def rows(results):
    """One line a roof, a column for each number of threads that was measured on this machine."""
    known = machine.known()
    threads = sorted(known, key=int)
    names = list(dict.fromkeys(n for t in threads for n in known[t]))
    units = lambda n: "GB/s" if n.startswith(("read", "triad")) else "GOP/s" if "int8" in n else "GFLOP/s"  # noqa: E731
    lines = [[n, *(f"{known[t].get(n, 0) / 1e9:.4g}" for t in threads), units(n)] for n in names]
    return ["", *(f"{t} thread(s)" for t in threads), "unit"], lines
