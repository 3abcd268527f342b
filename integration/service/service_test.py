"""strata-server as others see it: other people's clients, bits against the plan in Python, faults and signals."""

import base64
import concurrent.futures
import json
import pathlib
import shutil
import signal
import socket
import subprocess
import threading

import numpy as np
import openai
import pytest
import torch
import tritonclient.http as triton
from tokenizers import Tokenizer
from tritonclient.utils import InferenceServerException

import strata
from integration import server as servers
from integration.service import clients
from strata.models import digits

TEXTS = [
    "how do I read a file line by line?",
    "Größe, naïve café — 中文字符 and emoji 🙂",
    "a",
    "Return a list of the words in the string, using sep as the delimiter string. " * 3,
    "the quick brown fox jumps over the lazy dog " * 40,
]


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    return clients.export(tmp_path_factory.mktemp("bundles"))


@pytest.fixture(scope="module")
def server(bundles):
    with servers.running([bundles[0].parent]) as running:
        yield running


@pytest.fixture(scope="module")
def embed_alone(bundles):
    """One text, alone, through torch.ops.strata in Python."""
    plan = strata.runtime.load(bundles[0])
    tokenizer = Tokenizer.from_file(str(bundles[0] / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(256)

    def embed(text):
        ids = torch.tensor(tokenizer.encode(text).ids)
        return plan(ids=ids, cu_seqlens=torch.tensor([0, len(ids)]))["embedding"][0].numpy()

    embed.ids = lambda text: tokenizer.encode(text).ids
    return embed


@pytest.fixture(scope="module")
def pixels():
    return digits.load_data().test[0].numpy()


def same_bits(a, b):
    a, b = np.asarray(a, np.float32), np.asarray(b, np.float32)
    return a.shape == b.shape and bool((a.view(np.uint32) == b.view(np.uint32)).all())


def api(server):
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0)


def triton_client(server):
    return triton.InferenceServerClient(server.url.removeprefix("http://"), network_timeout=60)


def test_triton_client_lists_and_describes_the_models(server):
    client = triton_client(server)
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("minilm")
    index = client.get_model_repository_index()
    states = [(m["name"], m["version"], m["state"]) for m in index]
    assert states == [("digits", "1", "READY"), ("minilm", "1", "READY")]
    assert client.get_server_metadata()["name"] == "strata"
    metadata = client.get_model_metadata("digits")
    assert metadata["inputs"] == [{"name": "pixels", "datatype": "FP32", "shape": [-1, 64]}]
    assert [o["name"] for o in metadata["outputs"]] == ["logits", "probabilities"]
    client.close()


@pytest.mark.parametrize("binary", [False, True])
def test_triton_client_infers_with_the_plans_bits(server, bundles, pixels, binary):
    client, plan = triton_client(server), strata.runtime.load(bundles[1])
    for rows in (1, 7, 100):
        tensor = triton.InferInput("pixels", [rows, 64], "FP32")
        tensor.set_data_from_numpy(pixels[:rows], binary_data=binary)
        outputs = [triton.InferRequestedOutput(name, binary_data=binary) for name in ("probabilities", "logits")]
        reply = client.infer("digits", [tensor], outputs=outputs, request_id="r")
        wanted = plan(pixels=torch.from_numpy(pixels[:rows]))
        assert reply.get_response()["id"] == "r"
        for name in wanted:
            assert same_bits(reply.as_numpy(name), wanted[name].numpy())
    client.close()


@pytest.mark.parametrize("binary", [False, True])
def test_triton_client_embeds_tokens_of_several_texts(server, embed_alone, binary):
    rows = [embed_alone.ids(text) for text in TEXTS]
    ids = np.concatenate([np.array(r, np.int64) for r in rows])
    offsets = np.cumsum([0] + [len(r) for r in rows], dtype=np.int64)
    client, inputs = triton_client(server), []
    for name, values in (("ids", ids), ("cu_seqlens", offsets)):
        inputs.append(triton.InferInput(name, list(values.shape), "INT64"))
        inputs[-1].set_data_from_numpy(values, binary_data=binary)
    outputs = [triton.InferRequestedOutput("embedding", binary_data=binary)]
    vectors = client.infer("minilm", inputs, outputs=outputs).as_numpy("embedding")
    assert same_bits(vectors, [embed_alone(text) for text in TEXTS])
    client.close()


def test_openai_client_gets_the_plans_bits_in_every_form(server, embed_alone):
    client, wanted = api(server), [embed_alone(text) for text in TEXTS]
    assert [m.id for m in client.models.list()] == ["digits", "minilm"]
    tokens = [embed_alone.ids(text) for text in TEXTS]
    for given in (TEXTS, tokens):
        for encoding in ("float", "base64"):
            reply = client.embeddings.create(model="minilm", input=given, encoding_format=encoding)
            values = [item.embedding for item in reply.data]
            if encoding == "base64" and isinstance(values[0], str):
                values = [np.frombuffer(base64.b64decode(v), np.float32) for v in values]
            assert same_bits(values, wanted), (encoding, type(given[0]))
            assert reply.usage.prompt_tokens == sum(map(len, tokens))
    assert same_bits(client.embeddings.create(model="minilm", input=TEXTS[0]).data[0].embedding, wanted[0])
    assert same_bits(client.embeddings.create(model="minilm", input=tokens[1]).data[0].embedding, wanted[1])


def test_errors_reach_the_clients_as_their_own_exceptions(server):
    client = api(server)
    with pytest.raises(openai.NotFoundError, match="there is no model"):
        client.embeddings.create(model="other", input="a")
    with pytest.raises(openai.BadRequestError, match="gives no embeddings"):
        client.embeddings.create(model="digits", input="a")
    with pytest.raises(openai.BadRequestError, match="has token 30522 at position 1"):
        client.embeddings.create(model="minilm", input=[101, 30522])
    tensor = triton.InferInput("pixels", [1, 3], "FP32")
    tensor.set_data_from_numpy(np.zeros((1, 3), np.float32))
    with pytest.raises(InferenceServerException, match=r"wanted \[B, 64\]"):
        triton_client(server).infer("digits", [tensor])


def test_32_clients_of_mixed_sizes_get_what_each_gets_alone(server, bundles, embed_alone, pixels):
    wanted = {text: embed_alone(text) for text in TEXTS}
    plan = strata.runtime.load(bundles[1])
    logits = [plan(pixels=torch.from_numpy(pixels[i : i + 1]))["logits"][0].numpy() for i in range(40)]

    def embed(seed):
        random, client, equal = np.random.default_rng(seed), api(server), []
        for _ in range(4):
            some = [TEXTS[i] for i in random.integers(0, len(TEXTS), random.integers(1, 6))]
            data = client.embeddings.create(model="minilm", input=some).data
            equal += [same_bits(item.embedding, wanted[text]) for item, text in zip(data, some, strict=True)]
        return equal

    def classify(seed):
        random, client, equal = np.random.default_rng(seed), triton_client(server), []
        for _ in range(12):
            some = random.integers(0, 40, random.integers(1, 40))
            tensor = triton.InferInput("pixels", [len(some), 64], "FP32")
            tensor.set_data_from_numpy(pixels[some])
            got = client.infer("digits", [tensor]).as_numpy("logits")
            equal += [same_bits(row, logits[i]) for row, i in zip(got, some, strict=True)]
        client.close()
        return equal

    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        jobs = [pool.submit(embed if i % 2 else classify, i) for i in range(32)]
        answers = [equal for job in jobs for equal in job.result()]
    assert len(answers) > 32 * 4 and all(answers), f"bit-identical: {sum(answers)}/{len(answers)}"
    samples = clients.parse_metrics(clients.request(server.url, "GET", "/metrics")[2])
    labels = (("model", "minilm"), ("version", "1"))
    batches, requests = samples["nv_inference_exec_count", labels], samples["nv_inference_request_success", labels]
    assert 0 < batches < requests, "requests that came together rode together"


def test_metrics_are_prometheus_text(server):
    status, headers, text = clients.request(server.url, "GET", "/metrics")
    samples = clients.parse_metrics(text)
    assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert samples["nv_inference_pending_request_count", (("model", "digits"), ("version", "1"))] == 0
    assert samples["process_resident_memory_bytes", ()] > 0


def test_the_process_maps_no_python_and_no_torch(server):
    maps = pathlib.Path(f"/proc/{server.pid}/maps").read_text()
    assert "weights.safetensors" in maps
    assert not [line for line in maps.splitlines() if "torch" in line or "python" in line.rsplit("/", 1)[-1]]


def test_one_flipped_bit_of_a_weight_is_refused_by_name(bundles, tmp_path):
    for good, output in zip(bundles, ("embedding", "logits")):
        bad = tmp_path / good.name
        shutil.copytree(good, bad)
        with open(bad / "weights.safetensors", "r+b") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
            # The last layer's bias, so that no later rounding hides it; the top bit of a mantissa.
            name = "head.bias" if "head.bias" in header else sorted(n for n in header if n.endswith("bias"))[-1]
            begin = file.tell() + header[name]["data_offsets"][0]
            file.seek(begin + 2)
            byte = file.read(1)[0]
            file.seek(begin + 2)
            file.write(bytes([byte ^ 0x40]))
        done = subprocess.run([servers.binary(), "--port=0", bad], capture_output=True, text=True, timeout=60)
        assert done.returncode == 1 and not done.stdout
        assert f'the output "{output}" is not what the golden has' in done.stderr, done.stderr


def test_sigterm_under_load_drops_nothing(bundles):
    server = servers.start(bundles)
    begun, bad = threading.Semaphore(0), []
    counts = {"answered": 0}
    lock = threading.Lock()

    def client(number):
        while True:
            try:
                status, _, body = clients.request(server.url, "POST", "/v1/embeddings",
                                                  {"model": "minilm", "input": TEXTS[number % len(TEXTS)]})
            except ConnectionRefusedError:
                return  # it listens no more
            except OSError as error:
                return bad.append(repr(error))
            begun.release()
            with lock:
                counts["answered"] += 1
                if status != 200:
                    bad.append(body)

    threads = [threading.Thread(target=client, args=(i,)) for i in range(16)]
    for thread in threads:
        thread.start()
    for _ in range(64):
        begun.acquire()
    status, printed = server.stop()
    for thread in threads:
        thread.join()
    assert not bad and status == 0
    assert f"stopped: accepted={counts['answered']} answered={counts['answered']} dropped=0" in printed


def test_a_second_signal_ends_a_drain_at_once(bundles):
    server = servers.start(bundles[1:])
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as unfinished:
        unfinished.sendall(b"POST /v2/models/digits/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n"
                           b"Expect: 100-continue\r\n\r\n")
        assert unfinished.recv(100).startswith(b"HTTP/1.1 100")  # it has begun: the drain waits for it
        server.process.send_signal(signal.SIGTERM)
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(timeout=60) == 1


def test_a_taken_port_and_a_bad_flag_are_sentences(server, bundles):
    port = server.url.rsplit(":", 1)[-1]
    for flags in ([f"--port={port}"], ["--port=0", "--executors=0"], ["--port=0", "--log_level=loud"]):
        done = subprocess.run([servers.binary(), *flags, bundles[1]], capture_output=True, text=True, timeout=60)
        assert done.returncode == 1 and done.stderr.startswith("strata-server: ") and not done.stdout, done
