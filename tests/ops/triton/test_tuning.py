"""Sizes of kernels: the defaults, what tuning finds, and the file that keeps it."""

from __future__ import annotations

import itertools
import json

import pytest
import torch

from tests.ops.triton.problems import DEVICE, Problem, errors
from videoswin.ops.triton import configs, tuning
from videoswin.ops.triton.configs import KERNELS, Config, candidates, default_config, keep_tuned, read_tuned

DTYPES = (torch.float32, torch.bfloat16)
SOME = Config(rows=16, columns=16, num_warps=2, num_stages=1)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("VIDEOSWIN_CACHE", str(tmp_path))
    read_tuned.cache_clear()


@pytest.mark.parametrize(
    ("kernel", "width", "dtype"), list(itertools.product(KERNELS, (16, 32, 48, 256), DTYPES))
)
def test_the_default_is_tried_first_and_nothing_twice(kernel, width, dtype):
    tried = candidates(kernel, width, dtype)
    assert tried[0] == default_config(kernel, width, dtype)
    assert len(tried) == len(set(tried))


@pytest.mark.parametrize("change", [{"rows": 8}, {"columns": 48}, {"num_warps": 0}, {"num_stages": "2"}])
def test_impossible_sizes_are_named(change):
    (name,) = change
    with pytest.raises(ValueError, match=f"{name} is .*; allowed: powers of two"):
        Config(**{"rows": 16, "columns": 16, "num_warps": 2, "num_stages": 1} | change)


def test_kept_sizes_are_read_again_beside_older_ones(tmp_path):
    file = configs.cache_file("NVIDIA H200", "3.7.1")
    assert file.is_relative_to(tmp_path)
    assert read_tuned(file) == {}
    keep_tuned(file, {"first": SOME})
    keep_tuned(file, {"second": default_config("forward", 32, torch.bfloat16)})
    assert read_tuned(file)["first"] == SOME
    assert len(read_tuned(file)) == 2


@pytest.mark.parametrize("content", ["", "[1]", '{"forward": 3}', '{"forward": {"rows": 7}}'])
def test_a_damaged_file_is_said_and_not_used(tmp_path, caplog, content):
    file = tmp_path / "damaged.json"
    file.write_text(content)
    assert read_tuned(file) == {}
    assert "are not used" in caplog.text


def test_the_fastest_is_taken_and_one_that_does_not_fit_is_left_out():
    def seconds(run):
        run()
        return times[ran[-1]]

    def run(config):
        ran.append(config)
        if config.rows == 128:
            raise tuning.OutOfResources(300_000, 232_448, "shared memory")

    tried = [Config(rows=rows, columns=32, num_warps=4, num_stages=1) for rows in (64, 128, 32)]
    ran: list[Config] = []
    times = dict(zip(tried, (2.0, 0.0, 1.0), strict=True))
    assert tuning.fastest(tried, run, seconds) == tried[2]
    assert ran == tried


def test_tuned_once_then_read(monkeypatch):
    """The forward of a real call, with fewer candidates than there are; then a kept choice is used."""
    few = [SOME, Config(rows=32, columns=16, num_warps=2, num_stages=1)]
    monkeypatch.setattr(tuning, "candidates", lambda *_: few)
    monkeypatch.setenv("VIDEOSWIN_TUNE", "1")
    problem = Problem(grid=(2, 3, 3), window=(2, 3, 3))
    assert max(errors(problem).values()) < 2e-6
    file = configs.cache_file(tuning.device_name(DEVICE), tuning.triton.__version__)
    kept = json.loads(file.read_text())
    assert sorted(kept) == sorted(f"{kernel} d16 float32 S18" for kernel in KERNELS)
    monkeypatch.setattr(tuning, "candidates", lambda *_: pytest.fail("tuned again"))
    assert max(errors(problem).values()) < 2e-6
