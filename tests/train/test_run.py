"""Whole runs through the real Trainer on real, tiny videos."""

from __future__ import annotations

import csv
import json
import logging
import signal
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from matplotlib.image import imread

import videoswin
from tests.train.material import CLASSES, CLIP, MICRO, micro_config, write_videos
from videoswin import weights
from videoswin.data.clips import validation_clip
from videoswin.errors import CheckpointError, ConfigError, DatasetError, NonFiniteLossError
from videoswin.train import material
from videoswin.train.assemble import assemble
from videoswin.train.metrics_file import METRICS
from videoswin.train.module import TrainModule
from videoswin.train.progress import Pace
from videoswin.train.run import TrainResult, train

on_cpu = pytest.mark.skipif(torch.cuda.is_available(), reason="speaks of a run on the CPU")


class Finished:
    """A run of two epochs over nine videos, one of them unreadable."""

    def __init__(self, folder: Path) -> None:
        self.videos = write_videos(folder / "videos", per_class=4)
        self.bad = self.videos / "dark" / "torn.mp4"
        self.bad.write_bytes((self.videos / "dark" / "0.mp4").read_bytes()[:300])
        self.lines: list[str] = []
        self.result: TrainResult
        self.module: TrainModule


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Bit-equal results need the same number of threads, which else depends on the number of workers."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finished]:
    done = Finished(tmp_path_factory.mktemp("run"))

    def keep_module(*arguments: Any, **named: Any) -> TrainModule:
        done.module = assemble(*arguments, **named)
        return done.module

    handler = logging.Handler()
    handler.emit = lambda record: done.lines.append(record.getMessage())  # type: ignore[method-assign]
    log = logging.getLogger("videoswin.train")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("error")  # a run has nothing to warn of
        patch.setattr(material, "assemble", keep_module)
        done.result = train(micro_config(done.videos, done.videos.parent / "out"))
    yield done
    log.removeHandler(handler)


def test_a_run_learns_and_says_where_it_left_what(finished: Finished) -> None:
    result = finished.result
    assert result.best_value == 1.0  # bright against dark
    assert result.best_epoch in (1, 2)
    assert result.evaluation is None
    assert sorted(path.name for path in result.output.iterdir()) == [
        ".lock",
        "bad_samples.jsonl",
        "best.safetensors",
        "checkpoints",
        "config.yaml",
        "curves.png",
        "data.json",
        "finished.json",
        "last.safetensors",
        "metrics.csv",
        "report.html",
        "speed.csv",
        "tensorboard",
        "validation.safetensors",
    ]


def test_the_lines_of_a_run(finished: Finished) -> None:
    lines = iter(finished.lines)
    assert next(lines).startswith("training from scratch: no pretrained weights named")
    assert next(lines).startswith("no data.val named: 2 videos (25% of every class")
    assert next(lines) == "loader: no workers, nothing is read ahead"
    assert next(lines) == (
        "data: 7 training and 2 validation videos, 2 classes; clips of 4 frames (dense, stride 2), 32 px"
    )
    model = next(lines)
    assert model.startswith("model: 20,315 parameters; fp32 on ")
    assert ", attention boxes, " in model
    assert next(lines) == "batch: 3 clips an update = 3 at once x 1 in turn; 3 updates an epoch, 2 epochs"
    assert next(lines).startswith("epoch 1/2: loss 0.")
    second = next(lines)
    assert second.startswith("epoch 2/2: loss 0.")
    assert "bad 1 of 9" in second
    assert next(lines).startswith(f"best top-1 100.0% after epoch {finished.result.best_epoch}: ")
    assert next(lines, None) is None


def test_the_bad_video_is_listed_once_an_epoch(finished: Finished) -> None:
    text = (finished.result.output / "bad_samples.jsonl").read_text()
    rows = [json.loads(line) for line in text.splitlines()]
    assert [(row["path"], row["epoch"]) for row in rows] == [(str(finished.bad), 0), (str(finished.bad), 1)]


def test_last_gives_the_logits_of_the_trained_model(finished: Finished) -> None:
    trained = finished.module.model.cpu().eval()
    clip = validation_clip(finished.videos / "dark" / "0.mp4", CLIP)
    with torch.no_grad():
        assert torch.equal(videoswin.load(finished.result.last)(clip), trained(clip))


def test_both_weights_carry_labels_clip_and_origin(finished: Finished) -> None:
    best, last = (weights.read(path) for path in (finished.result.best, finished.result.last))
    for found in (best, last):
        assert found.labels == CLASSES
        assert found.clip == CLIP
        assert found.config == replace(MICRO, num_classes=2)
    assert best.notes == {"epoch": str(finished.result.best_epoch), "val_top1": "1.0000"}
    assert last.notes["epoch"] == "2"


def test_metrics_are_a_table(finished: Finished) -> None:
    with (finished.result.output / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == ("step", "epoch", *METRICS)
    assert not any(row["val/map"] for row in rows)  # a video has one class
    rates = [float(row["learning_rate"]) for row in rows if row["learning_rate"]]
    # Warm-up over 1.5 batches to 3e-3, then a cosine over the other 4.5.
    assert rates == pytest.approx([0.002, 0.003, 0.0029095, 0.00225, 0.0012395, 0.00035095], rel=1e-3)
    assert len([row for row in rows if row["val/top1"]]) == 2


def test_curves_are_a_picture(finished: Finished) -> None:
    pixels = imread(finished.result.curves)
    assert pixels.std() > 0.05


def test_tensorboard_has_the_metrics(finished: Finished) -> None:
    events = list((finished.result.output / "tensorboard").glob("events.out.tfevents.*"))
    assert len(events) == 1
    assert b"val/top1" in events[0].read_bytes()


def is_equal(first: Path, second: Path) -> bool:
    """Bit for bit, all tensors."""
    left, right = (weights.read(path).state_dict for path in (first, second))
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


@on_cpu
def test_the_same_seed_gives_the_same_weights_for_any_number_of_workers(
    finished: Finished, tmp_path: Path
) -> None:
    again = train(micro_config(finished.videos, tmp_path / "again", num_workers=2))
    assert is_equal(again.last, finished.result.last)


def test_another_seed_gives_other_weights(finished: Finished, tmp_path: Path) -> None:
    other = train(micro_config(finished.videos, tmp_path / "other", seed=1))
    assert not is_equal(other.last, finished.result.last)


def test_fine_tuning_takes_model_clip_and_head_from_the_weights(finished: Finished, tmp_path: Path) -> None:
    start = micro_config(
        finished.videos,
        tmp_path / "tuned",
        weights=str(finished.result.best),
        model=None,
        clip=None,
        epochs=1,
        learning_rate=1e-6,
    )
    result = train(start)
    assert result.best_value == 1.0  # it starts where the first run ended
    assert weights.read(result.last).clip == CLIP


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Bytes and time of every file but the lock."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def test_t18_a_finished_run_says_so_and_is_left_as_it_is(
    finished: Finished, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "videoswin.train")
    output = finished.result.output
    before = contents(output)
    assert train(micro_config(finished.videos, output)) == finished.result
    assert caplog.messages == [
        f"the run in {output} is finished already; --output names a folder for another"
    ]
    assert contents(output) == before


def test_a_run_with_other_settings_is_refused_naming_each(finished: Finished) -> None:
    before = contents(finished.result.output)
    message = (
        r"has other settings: epochs was 2 and is 3; optimizer\.learning_rate was 0\.003 and is 0\.1; "
        r"seed was 0 and is 5\. Continue with its own .* or name a new folder with --output"
    )
    with pytest.raises(CheckpointError, match=message):
        train(micro_config(finished.videos, finished.result.output, epochs=3, learning_rate=0.1, seed=5))
    with pytest.raises(ConfigError, match="holds a run already, and resume is never"):
        train(replace(micro_config(finished.videos, finished.result.output), resume="never"))
    assert contents(finished.result.output) == before


def test_bf16_trains_and_keeps_weights_in_fp32(videos: Path, tmp_path: Path) -> None:
    result = train(replace(micro_config(videos, tmp_path / "out", epochs=1), precision="bf16"))
    assert all(tensor.dtype == torch.float32 for tensor in weights.read(result.last).state_dict.values())


@on_cpu
def test_fp16_is_refused_on_a_cpu(videos: Path, tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match="precision is fp16, which needs a CUDA GPU; allowed here: fp32, bf16"
    ):
        train(replace(micro_config(videos, tmp_path / "out"), precision="fp16"))


def test_a_diverging_run_stops_before_the_update(videos: Path, tmp_path: Path) -> None:
    config = micro_config(videos, tmp_path / "out", learning_rate=1e30)
    with pytest.raises(
        NonFiniteLossError, match=r"at update \d+ \(epoch 1, batch \d\).*(bright|dark)/\d\.mp4"
    ):
        train(config)


def test_weights_that_an_update_broke_are_not_kept(videos: Path, tmp_path: Path) -> None:
    # One batch an epoch: the loss of the first is fine, the weights after it are not.
    config = replace(micro_config(videos, tmp_path / "out", learning_rate=1e30), global_batch=8)
    with pytest.raises(NonFiniteLossError, match="the validation loss is nan after update 1"):
        train(config)
    assert not list((tmp_path / "out").glob("*.safetensors"))


def test_gradients_are_clipped_when_asked(videos: Path, tmp_path: Path) -> None:
    config = micro_config(videos, tmp_path / "out", epochs=1)
    clipped = replace(config, optimizer=replace(config.optimizer, max_gradient_norm=1e-9, weight_decay=0.0))
    state = weights.read(train(clipped).last).state_dict
    torch.manual_seed(config.seed)
    initial = videoswin.VideoSwin(replace(MICRO, num_classes=2)).state_dict()
    # AdamW divides by |gradient| + 1e-8: gradients of 1e-9 in all move the weights by a fraction of the rate.
    moved = max(float((state[name] - tensor).abs().max()) for name, tensor in initial.items())
    assert 0 < moved < config.optimizer.learning_rate / 2


def test_a_set_without_one_readable_video_ends(tmp_path: Path) -> None:
    folder = write_videos(tmp_path / "videos", per_class=2)
    for video in folder.rglob("*.mp4"):
        video.write_bytes(b"<html>")
    with pytest.raises(DatasetError, match="not one training video can be read"):
        train(micro_config(folder, tmp_path / "out"))


def test_ctrl_c_comes_through_as_what_it_is(
    videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Pace, "on_train_batch_end", interrupt)
    with pytest.raises(KeyboardInterrupt):
        train(micro_config(videos, tmp_path / "out"))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
