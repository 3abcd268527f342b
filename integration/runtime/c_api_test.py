"""The C library from an independent client: the same bits as the plan in Python, and sentences for what it refuses."""

import ctypes
import pathlib
import subprocess
import threading

import numpy as np
import pytest
import torch

from integration.runtime import bundles, c_api
from strata import runtime


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    return bundles.classifier(tmp_path_factory.mktemp("c"))


def rows(count, seed=1):
    return np.random.default_rng(seed).standard_normal((count, 6), np.float32)


def wanted(path, x):
    return [y.numpy() for y in runtime.load(path)(x=torch.from_numpy(x)).values()]


def test_it_gives_the_bits_of_the_plan_in_python(classifier):
    with c_api.Model(classifier) as model:
        assert model.arguments("input") == [("x", 0, [-1, 6])]
        assert [(dtype, sizes) for _, dtype, sizes in model.arguments("output")] == [(0, [-1, 3]), (4, [-1])]
        for count in (1, 5, 2):
            x = rows(count, count)
            for got, want in zip(model.run(x), wanted(classifier, x), strict=True):
                assert got.dtype == want.dtype and got.tobytes() == want.tobytes()


def test_images_too(tmp_path):
    path = bundles.images(tmp_path)
    image = np.random.default_rng(2).standard_normal((3, 2, 5, 4), np.float32)
    shift = np.ones((3, 4, 1, 1), np.float32)
    want = runtime.load(path)(image=torch.from_numpy(image), shift=torch.from_numpy(shift))
    with c_api.Model(path) as model:
        for got, expected in zip(model.run(image, shift), want.values(), strict=True):
            assert got.tobytes() == expected.contiguous().numpy().tobytes()


def test_clones_run_beside_each_other(classifier):
    with c_api.Model(classifier) as model:
        answers, threads = {}, []

        def work(number):
            with model.clone() as mine:
                answers[number] = [mine.run(rows(3, seed))[0].tobytes() for seed in range(50)]

        for number in range(3):
            threads.append(threading.Thread(target=work, args=(number,)))
            threads[-1].start()
        for thread in threads:
            thread.join()
        assert answers[0] == answers[1] == answers[2]
        assert answers[0][7] == model.run(rows(3, 7))[0].tobytes()


def test_what_it_refuses_it_refuses_with_a_sentence(classifier, tmp_path):
    def refused(call, *words, status=3):
        with pytest.raises(c_api.Refused) as error:
            call()
        assert error.value.args[0] in (status, None)
        for word in words:
            assert word in error.value.args[1]

    refused(lambda: c_api.Model(tmp_path / "none"), "the bundle's folder", "No such file")
    refused(lambda: c_api.Model(tmp_path), "manifest.json")
    with c_api.Model(classifier) as model:
        good = c_api.tensor_of(rows(2))
        refused(lambda: model.run(rows(2).astype(np.float64)), 'input "x" has dtype float64')
        refused(lambda: model.run(rows(2)[:, :4]), "has shape [2, 4], wanted [B, 6]")
        refused(lambda: model.run(rows(17)), "B = 17, wanted 1 to 16")
        refused(lambda: model.run(), "got 0 inputs, wanted 1")
        refused(lambda: model.run_tensors([good], b"other"), 'no entry point "other"', status=5)
        refused(lambda: model.run_tensors([good], outputs=1), "room for 1 outputs, wanted 2")
        shape = (ctypes.c_int64 * 8)(2, 6)
        data = good.data
        for tensor, words in [
            (c_api.Tensor(None, 0, 2, shape), "has no data"),
            (c_api.Tensor(data, 99, 2, shape), "unknown dtype 99"),
            (c_api.Tensor(data, -1, 2, shape), "unknown dtype -1"),
            (c_api.Tensor(data, 0, 9, shape), "rank 9, wanted -1 to 8"),
            (c_api.Tensor(data, 0, -2, shape), "rank -2"),
            (c_api.Tensor(data, 0, -1, shape), 'input "x" is missing'),
            (c_api.Tensor(data, 0, 2, (ctypes.c_int64 * 8)(-1, 6)), "a size of -1"),
            (c_api.Tensor(data, 0, 2, (ctypes.c_int64 * 8)(2**62, 6)), "impossible shape"),
            (c_api.Tensor(data + 1, 0, 2, (ctypes.c_int64 * 8)(1, 6)), "not aligned"),
        ]:
            refused(lambda tensor=tensor: model.run_tensors([tensor]), words)
        assert model.run(rows(1))[0].shape == (1, 3)  # as if nothing had been
        argument = c_api.Argument()
        assert model.lib.strata_input(model.handle, b"", 1, argument) == 5
        assert model.lib.strata_num_inputs(model.handle, b"none") == -1
    assert c_api.library().strata_load(None, 1) is None


def test_the_library_exports_its_functions_and_nothing_else():
    text = subprocess.run(
        ["nm", "-D", "--defined-only", c_api.path()], capture_output=True, text=True, check=True
    ).stdout
    names = {line.split()[-1] for line in text.splitlines()}
    header = pathlib.Path("systems/runtime/strata.h").read_text()
    said = {
        word
        for word in names | {"strata_load"}
        if f" {word}(" in header or f"*{word}(" in header or f"* {word}(" in header
    }
    assert names == said and len(names) == 9, names
