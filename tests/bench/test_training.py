"""Training steps on synthetic and loaded clips run and are counted; speeds are never asserted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.train.material import write_videos
from videoswin.bench.machine import machine
from videoswin.bench.training import Fed, TrainingBench, TrainingBenchConfig
from videoswin.cli.main import main
from videoswin.errors import ConfigError
from videoswin.model import VARIANTS, SwinConfig

MICRO = SwinConfig(embed_dim=16, depths=(1, 1), num_heads=(1, 2), window=(2, 4, 4))
SMALL = ["--frames", "4", "--side", "32", "--batch_size", "2", "--batches", "3", "--warm_up", "1"]


@pytest.fixture
def videos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(VARIANTS, "swin_t", MICRO)
    return str(write_videos(tmp_path / "videos", per_class=2))


def test_synthetic_clips_and_the_loader_with_and_without_workers(videos, capsys):
    threads = torch.get_num_threads()
    assert main(["bench", "training", videos, *SMALL, "--workers", "[1,0]", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [feed["workers"] for feed in report["feeds"]] == [None, 0, 1]
    for feed in report["feeds"]:
        assert feed["clips"] == 6
        assert feed["clips_per_second"] > 0
        assert 0 <= feed["waiting"] < 1
    # Decoding between the steps is waiting; clips that are there are not waited for.
    synthetic, between, _ = (feed["waiting"] for feed in report["feeds"])
    assert synthetic < between
    assert report["left_out"] == []
    assert torch.get_num_threads() == threads


def test_the_table_in_bf16(videos, capsys):
    assert main(["bench", "training", videos, *SMALL, "--workers", "[0]", "--precision", "bf16"]) == 0
    text = capsys.readouterr().out
    for expected in ("swin_t, bf16, batches of 2 x 4x32x32", "synthetic", "loader, 0 workers", "under 5%"):
        assert expected in text


def feed(workers: int | None, *, rate: float, waiting: float) -> Fed:
    return Fed(workers=workers, clips=int(rate * 10), seconds=10.0, waiting=waiting)


@pytest.mark.parametrize(
    ("feeds", "enough", "expected"),
    [
        ([feed(1, rate=20, waiting=0.8), feed(4, rate=80, waiting=0.2)], None, 5),
        ([feed(4, rate=80, waiting=0.2), feed(8, rate=99, waiting=0.01)], 8, 9),
        ([feed(0, rate=10, waiting=0.9)], None, None),
        ([], None, None),
    ],
)
def test_how_many_workers_feed_it(feeds, enough, expected):
    synthetic = feed(None, rate=100, waiting=0.0)
    bench = TrainingBench(machine=machine(), device="cpu", feeds=[synthetic, *feeds], left_out=[])
    assert bench.enough_workers == enough
    assert bench.expected_workers == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"variant": "swin_x"}, "variant is 'swin_x'; allowed: swin_t"),
        ({"precision": "int8"}, "precision is 'int8'; allowed: fp32, bf16"),
        ({"warm_up": 0}, "warm_up is 0; allowed: 1 or more"),
        ({"workers": (1, -1)}, r"workers are \[1, -1\]; allowed: 0 or more each"),
    ],
)
def test_what_cannot_be_measured_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        TrainingBenchConfig(data="videos", **options)


@pytest.mark.gpu
def test_on_a_gpu(videos, capsys):
    assert torch.cuda.is_available()
    assert main(["bench", "training", videos, *SMALL, "--workers", "[1]", "--device", "cuda", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["device"] == "cuda"
