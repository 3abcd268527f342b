"""The machine's roofs: no cases, its table is what was measured."""

from .. import machine

UNIT = "G/s"


def measure(options, progress):
    progress.total = 30
    print(f"{'':16}{'threads':>8}{'':>12}")

    def show(found):
        progress.clear()
        print(f"{found['name']:<16}{found['threads']:>8}{found['value']:>12.4g} {found['unit']}", flush=True)
        progress.step()

    machine.measure(options.threads, 0.002 if options.tiny else 0.05 if options.quick else 0.25, show)
    return machine.roofs(options.threads)


def cases(options):
    return []
