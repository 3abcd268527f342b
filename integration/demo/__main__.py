"""The main job, end to end: train, import, export, deploy, use, prove. Run by tools/demo."""

import concurrent.futures
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch
from tokenizers import Tokenizer

import strata
from integration import server as servers
from integration.demo import clients
from integration.demo.console import Failed, bar, check, console, say, step
from integration.demo.texts import standard_library
from strata.models import bert, digits

QUESTIONS = (
    "how do I read a file line by line?",
    "how do I run another program and get its output?",
    "how can I measure how long a piece of code takes?",
)
PEER_TEXTS = 200
BUNDLES = servers.ROOT / "build" / "demo"


def train_digits(data):
    step(1, "Train: a digit classifier on Strata's kernels")
    model, ours = digits.train(data, label="strata.nn")
    _, plain = digits.train(data, parts=digits.Plain, label="torch.nn")
    say("training loss, log scale:")
    for line in strata.train.plot({"strata.nn": ours.losses, "torch.nn": plain.losses}).splitlines():
        say(f"  {line}")
    score = strata.train.accuracy(model, *data.test)
    check(score >= 0.97, f"test accuracy {score:.2%} on {len(data.test[1])} digits, trained in {ours.seconds:.1f} s "
          f"(the same network of torch.nn modules: {plain.seconds:.1f} s)")
    return model, score


def research_vectors(encoder, tokenizer, texts, advance=lambda n=1: None):
    """Every text alone through torch.ops.strata: [len(texts), D]. Two texts at a time, each on one thread."""

    def embed(text):
        with torch.no_grad():
            ids = torch.tensor(tokenizer.encode(text).ids)
            vector = encoder(ids, torch.tensor([0, len(ids)]))[0]
        advance(1)
        return vector

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with concurrent.futures.ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            return torch.stack(list(pool.map(embed, texts))).numpy()
    finally:
        torch.set_num_threads(threads)


def load_tokenizer():
    """Hugging Face's own tokenizer, as the bundle's settings have it: no padding, at most 256 tokens."""
    tokenizer = Tokenizer.from_file(str(bert.minilm_folder() / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(256)
    return tokenizer


def run_peer(texts):
    """sentence-transformers in its own process: (figures, vectors)."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "vectors.npy"
        done = subprocess.run([sys.executable, "-m", "integration.demo.peer", str(path)], input=json.dumps(texts),
                              capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failed(f"sentence-transformers failed: {done.stderr.strip().splitlines()[-1:]}")
        return json.loads(done.stdout.splitlines()[-1]), np.load(path)


def import_minilm(texts):
    step(2, "Import: all-MiniLM-L6-v2 with its real weights")
    encoder, tokenizer = bert.load_minilm(), load_tokenizer()
    say("running sentence-transformers beside it, in its own process ...")
    peer, theirs = run_peer(texts)
    ours = research_vectors(encoder, tokenizer, texts)
    cosine = (ours * theirs).sum(1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
    check(cosine.min() >= 0.99999, f"{len(texts)} sentences against sentence-transformers: cosine at least "
          f"{cosine.min():.7f}, largest difference {np.abs(ours - theirs).max():.1e}")
    return encoder, tokenizer, peer


def export_bundles(classifier):
    step(3, "Export: one bundle each")
    paths = []
    for made in (bert.exportable(), digits.exportable(classifier)):
        path = BUNDLES / f"{made.name}.bundle"
        say(str(strata.export(**vars(made), path=path)).replace(str(servers.ROOT) + "/", ""))
        paths.append(path)
    return paths


def deploy(paths):
    step(4, "Deploy: strata-server, one C++ process, no Python and no torch in it")
    server = servers.start(paths)
    check(server.startup_s < 1, f"goldens replayed and ready {server.startup_s * 1000:.0f} ms after spawn, "
          f"{server.memory_mib():.0f} MiB resident")
    return server


def use(server, texts, data, score):
    step(5, "Use: real requests over HTTP")
    begin = time.perf_counter()
    with bar("embedding", len(texts)) as advance:
        vectors = clients.embed(server.url, [text for _, text in texts], advance)
    rate = len(texts) / (time.perf_counter() - begin)
    say(f"{len(texts)} docstrings of the standard library embedded by 16 concurrent clients")
    asked = clients.embed(server.url, QUESTIONS, clients=1)
    for question, vector in zip(QUESTIONS, asked):
        say(f"[italic]{question}[/italic]")
        for at in np.argsort(-(vectors @ vector), kind="stable")[:5]:
            name, text = texts[at]
            say(f"  {vectors[at] @ vector:.2f}  {name:<32} {text[:70]}")
    logits = clients.classify(server.url, data.test[0].numpy())
    served = float((logits.argmax(1) == data.test[1].numpy()).mean())
    check(served == score, f"digit accuracy served {served:.4%}, in research {score:.4%}")
    return vectors, rate


def prove(server, encoder, tokenizer, texts, vectors, rate, peer):
    step(6, "Prove: every served vector against torch.ops.strata, that text alone")
    with bar("comparing", len(texts)) as advance:
        alone = research_vectors(encoder, tokenizer, [text for _, text in texts], advance)
    same = int((alone.view(np.uint32) == vectors.view(np.uint32)).all(1).sum())
    check(same == len(texts), f"bit-identical: {same}/{len(texts)}")
    rows = (
        ("", "strata-server", "sentence-transformers in Python"),
        ("texts per second", f"{rate:.0f} (over HTTP)", f"{peer['texts_per_s']:.0f} (called directly, batch 32)"),
        ("start to first answer", f"{server.startup_s * 1000:.0f} ms", f"{peer['startup_s'] * 1000:.0f} ms"),
        ("peak memory", f"{server.memory_mib('VmHWM'):.0f} MiB", f"{peer['memory_mib']:.0f} MiB"),
    )
    for row in rows:
        say("{:<24}{:<24}{}".format(*row))


def main():
    begin = time.perf_counter()
    texts, data = standard_library(), digits.load_data()
    classifier, score = train_digits(data)
    encoder, tokenizer, peer = import_minilm([text for _, text in texts[:: max(1, len(texts) // PEER_TEXTS)]])
    server = deploy(export_bundles(classifier))
    try:
        vectors, rate = use(server, texts, data, score)
        prove(server, encoder, tokenizer, texts, vectors, rate, peer)
    finally:
        status, printed = server.stop() if server.process.poll() is None else (server.process.returncode, "")
    check(status == 0 and "dropped=0" in printed, "SIGTERM: drained with dropped=0")
    console.print(f"\n[bold green]All of it held[/bold green], in {time.perf_counter() - begin:.0f} s. "
                  f"The bundles are in {BUNDLES.relative_to(servers.ROOT)}; serve them with tools/strata serve.")


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        console.print(f"[bold red]The demo failed:[/bold red] {failure}")
        sys.exit(1)
