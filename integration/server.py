"""Starts a real strata-server for the demo, tests and benchmarks, and stops it again."""

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import time

ROOT = pathlib.Path(__file__).absolute().parents[1]
_READY = re.compile(r"ready on (http://\S+)")


def binary(name="strata-server", package="systems/server"):
    """The built binary. Raises FileNotFoundError that says how to build it."""
    for folder in (os.environ.get("STRATA_BIN"), ROOT / package, ROOT / "bazel-bin" / package):
        if folder and (pathlib.Path(folder) / name).exists():
            return str(pathlib.Path(folder) / name)
    raise FileNotFoundError(f"{name} is not built: bazel build //{package}:{name}")


class Server:
    """A running server: `url`, `startup_s` from spawn to ready, `pid`."""

    def __init__(self, process, url, startup_s):
        self.process, self.url, self.startup_s, self.pid = process, url, startup_s, process.pid

    def memory_mib(self, what="VmRSS"):
        """Resident memory in MiB: VmRSS now, VmHWM at its highest."""
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(what + ":"):
                return int(line.split()[1]) / 1024
        raise ValueError(f"/proc has no {what}")

    def stop(self, timeout_s=30):
        """SIGTERM; returns (exit status, what it printed since ready)."""
        self.process.send_signal(signal.SIGTERM)
        out, _ = self.process.communicate(timeout=timeout_s)
        return self.process.returncode, out


def start(bundles, *flags, timeout_s=60):
    """Spawns the server on a free port and waits for its ready line. Raises RuntimeError with what it printed."""
    command = [binary(), "--port=0", *flags, *map(str, bundles)]
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    seen = []
    for line in process.stdout:
        seen.append(line)
        if match := _READY.search(line):
            return Server(process, match[1], time.perf_counter() - begin)
        if time.perf_counter() - begin > timeout_s:
            break
    process.kill()
    process.wait()
    raise RuntimeError("strata-server did not become ready:\n" + "".join(seen))


@contextlib.contextmanager
def running(bundles, *flags):
    """with running([...]) as server: ..."""
    server = start(bundles, *flags)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()
