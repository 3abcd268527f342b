"""The machine: its name, the versions that matter, and its roofs as kernels/bench/roof measured them.

Roofs are kept in build/roofs.json; `tools/bench roof` measures again and keeps the better figure of each. Delete the
file after a change of the machine that /proc/cpuinfo does not show.
"""

import dataclasses
import json
import os
import pathlib
import platform
import subprocess

from strata._library import ROOT

CACHE = ROOT / "build" / "roofs.json"


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def features():
    """Instruction sets that the kernels tell apart."""
    wanted = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "avx_vnni", "amx_bf16", "amx_int8", "asimd", "sve")
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith(("flags", "Features")):
            return [f for f in wanted if f in line.split(":", 1)[1].split()]
    return []


def commit():
    """The checkout's commit, "+" where tracked files differ from it, "" where git does not know."""

    def git(*arguments):
        done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    try:
        return git("rev-parse", "--short=12", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else "")
    except FileNotFoundError:
        return ""


def _cache_bytes(level, otherwise):
    for index in pathlib.Path("/sys/devices/system/cpu/cpu0/cache").glob("index*"):
        try:
            if (index / "level").read_text().strip() == str(level) and (
                index / "type"
            ).read_text().strip() != "Instruction":
                return int((index / "size").read_text().strip().removesuffix("K")) * 1024
        except (OSError, ValueError):
            continue
    return otherwise


@dataclasses.dataclass(frozen=True)
class Roofs:
    """Peaks in operations and bytes a second, for one number of threads."""

    values: dict
    threads: int

    def of(self, name, size=0.0):
        """The roof `name`, 0 where unknown.

        "stream" and "read" choose the memory level that holds `size` bytes: what reads and writes, and what reads.
        "bf16" and "int8" are the best units that the processor has.
        """
        v = lambda key: self.values.get(key, 0.0)  # noqa: E731
        if name == "bf16":
            return max(v("amx_bf16"), v("dot_bf16"), v("fma_f32"))
        if name == "int8":
            return max(v("amx_int8"), v("dot_int8"), v("fma_f32"))
        if name in ("stream", "read"):
            kind = "triad" if name == "stream" else "read"
            dram = max(v(f"{kind}_dram"), v("triad_nt_dram"))
            if size <= self.threads * _cache_bytes(2, 1 << 20):
                return max(v(f"{kind}_l2"), dram)
            return max(v(f"{kind}_l3"), dram) if size <= _cache_bytes(3, 16 << 20) / 2 else dram
        return v(name)


def find(name):
    """The path of a file of kernels/bench, or a FileNotFoundError that says what to do."""
    folders = [pathlib.Path(named).parents[1] / "kernels" / "bench"] if (named := os.environ.get("STRATA_LIB")) else []
    for folder in [*folders, ROOT / "kernels" / "bench", ROOT / "bazel-bin" / "kernels" / "bench"]:
        if (folder / name).is_file():
            return str(folder / name)
    raise FileNotFoundError(f"kernels/bench/{name} was not found: bazel build //kernels/bench:all")


def measure(threads, seconds=0.15, tick=None):
    """Runs the program and keeps what it found; [{name, threads, value, unit}]."""
    command = [find("roof"), "--threads", str(threads), "--seconds", str(seconds)]
    lines = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        for line in child.stdout:
            lines.append(json.loads(line))
            if tick:
                tick(lines[-1])
    if child.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with status {child.returncode}")
    cached = _read()
    for found in lines:
        # The best that was ever seen here: a busy moment does not lower a roof.
        best = cached["roofs"].setdefault(str(found["threads"]), {})
        best[found["name"]] = max(best.get(found["name"], 0.0), found["value"] * 1e9)
    CACHE.parent.mkdir(exist_ok=True)
    CACHE.write_text(json.dumps(cached, indent=1))
    return lines


def _read():
    try:
        cached = json.loads(CACHE.read_text())
        if cached["processor"] == processor():
            return cached
    except (OSError, ValueError, KeyError):
        pass
    return {"processor": processor(), "roofs": {}}


def known():
    """What was measured on this machine: {threads: {name: per second}}."""
    return _read()["roofs"]


def roofs(threads, quick=False):
    """The roofs for that many threads, measured now where they are not known; empty where nothing can measure."""
    values = known().get(str(threads))
    if values is None:
        try:
            measure(threads, 0.04 if quick else 0.15)
        except FileNotFoundError:
            return Roofs({}, threads)
        values = known().get(str(threads), {})
    return Roofs(values, threads)
