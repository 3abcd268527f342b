"""Requests per second of a real server, by connections and by how the cores are split. wrk must be installed.

    tools/python -m integration.service.bench BUNDLES [--seconds=5] [-- server flags ...]

Every request is one docstring of Python's standard library to /v1/embeddings (base64), or one digit to /v2. wrk runs on
the same machine and takes its share of it.
"""

import argparse
import json
import os
import pathlib
import subprocess
import tempfile

from integration import server as servers
from integration.demo.texts import standard_library

LUA = pathlib.Path(__file__).with_name("load.lua")


def bodies(model):
    """(target, [JSON])."""
    if model == "minilm":
        texts = [text for _, text in standard_library()]
        return "/v1/embeddings", [{"model": model, "input": text, "encoding_format": "base64"} for text in texts]
    pixels = [(i * 37 % 17) / 16 for i in range(64)]
    tensor = {"name": "pixels", "datatype": "FP32", "shape": [1, 64], "data": pixels}
    return f"/v2/models/{model}/infer", [{"inputs": [tensor], "outputs": [{"name": "logits"}]}]


def load(url, model, connections, seconds):
    """wrk's figures: requests per second, median and 99th percentile in milliseconds, errors."""
    target, requests = bodies(model)
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        file.writelines(json.dumps(r) + "\n" for r in requests)
        file.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout=30s", "-s", str(LUA), url]
        done = subprocess.run(command, env={**os.environ, "TEXTS": file.name, "TARGET": target}, capture_output=True,
                              text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def cpu_s(pid):
    """Processor seconds of a process up to now: unlike its speed, they do not depend on what else the machine does."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundles", nargs="+")
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--models", default="minilm,digits")
    parser.add_argument("--connections", default="1,16,64")
    arguments, flags = parser.parse_known_args()
    with servers.running(arguments.bundles, *flags) as server:
        print(f"ready after {server.startup_s * 1000:.0f} ms, {server.memory_mib():.0f} MiB resident")
        for model in arguments.models.split(","):
            for connections in map(int, arguments.connections.split(",")):
                before = cpu_s(server.pid)
                figures = load(server.url, model, connections, arguments.seconds)
                cpu_ms = (cpu_s(server.pid) - before) * 1000 / max(1, figures["per_s"] * arguments.seconds)
                print(f"{model:<8}{connections:>4} connections  {figures['per_s']:>8.0f}/s  median "
                      f"{figures['p50_ms']:.1f} ms  p99 {figures['p99_ms']:.1f} ms  processor {cpu_ms:.2f} ms a request"
                      f"  bad {figures['bad']}", flush=True)
        print(f"{server.memory_mib('VmHWM'):.0f} MiB at most")


if __name__ == "__main__":
    main()
