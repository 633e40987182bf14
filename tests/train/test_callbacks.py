from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from videoswin.data.dataset import BadVideo, Batch
from videoswin.data.ledger import BadSampleLedger
from videoswin.errors import DatasetError
from videoswin.train.callbacks import BadVideos

EPOCH: Any = SimpleNamespace(current_epoch=0, global_step=7)
MODULE: Any = None


def batch_of(*, good: int, bad: int, first: int = 0) -> Batch:
    return Batch(
        clips=torch.zeros((good, 1, 3, 1, 1, 1), dtype=torch.uint8),
        labels=torch.zeros(good, dtype=torch.int64),
        indices=torch.arange(first, first + good),
        bad=tuple(
            BadVideo(index=first + good + i, path=f"{i}\n.mp4", label=0, code="V05", reason="not a video")
            for i in range(bad)
        ),
    )


def counter(tmp_path: Path, *, num_videos: int, max_fraction: float = 0.01) -> BadVideos:
    ledger = BadSampleLedger(tmp_path / "bad_samples.jsonl")
    callback = BadVideos(ledger, num_videos=num_videos, max_fraction=max_fraction)
    callback.on_train_epoch_start(EPOCH, MODULE)
    return callback


def test_bad_videos_are_counted_by_epoch_and_listed(tmp_path: Path) -> None:
    callback = counter(tmp_path, num_videos=10)
    callback.on_train_batch_end(EPOCH, MODULE, None, batch_of(good=4, bad=2), 0)
    callback.on_validation_start(EPOCH, MODULE)
    callback.on_validation_batch_end(EPOCH, MODULE, None, batch_of(good=3, bad=1), 0)
    callback.on_validation_epoch_end(EPOCH, MODULE)
    assert str(callback.ledger).startswith("bad 3 of 10")
    rows = [json.loads(line) for line in (tmp_path / "bad_samples.jsonl").read_text().splitlines()]
    assert [(row["stage"], row["code"]) for row in rows] == [
        ("train", "V05"),
        ("train", "V05"),
        ("validation", "V05"),
    ]
    callback.on_train_epoch_start(EPOCH, MODULE)
    assert callback.ledger.num_bad == 0


@pytest.mark.parametrize(
    ("num_bad", "num_videos", "max_fraction", "is_too_many"),
    [
        (9, 10, 0.0, False),  # fewer than ten are borne in any set
        (10, 999, 0.01, True),
        (10, 1000, 0.01, False),  # exactly the limit
        (11, 1000, 0.01, True),
        (50, 100, 0.5, False),
        (51, 100, 0.5, True),
    ],
)
def test_too_many_bad_videos_stop_the_run(
    tmp_path: Path, num_bad: int, num_videos: int, max_fraction: float, is_too_many: bool
) -> None:
    callback = counter(tmp_path, num_videos=num_videos, max_fraction=max_fraction)
    callback.on_train_batch_end(EPOCH, MODULE, None, batch_of(good=1, bad=num_bad - 1), 0)
    if is_too_many:
        message = (
            rf"^{num_bad} of {num_videos} videos can't be read, max_bad_fraction allows .* the last: 0\\n"
        )
        with pytest.raises(DatasetError, match=message):
            callback.on_train_batch_end(EPOCH, MODULE, None, batch_of(good=0, bad=1), 1)
    else:
        callback.on_train_batch_end(EPOCH, MODULE, None, batch_of(good=0, bad=1), 1)


@pytest.mark.parametrize("stage", ["train", "validation"])
def test_the_policy_fail_ends_the_run_at_the_first_bad_video(tmp_path: Path, stage: str) -> None:
    ledger = BadSampleLedger(tmp_path / "bad_samples.jsonl")
    callback = BadVideos(ledger, num_videos=1000, max_fraction=0.5, policy="fail")
    callback.on_train_epoch_start(EPOCH, MODULE)
    callback.on_train_batch_end(EPOCH, MODULE, None, batch_of(good=4, bad=0), 0)
    message = r"^0\\n\.mp4 can't be read: not a video; data\.bad_videos is fail \(skip-and-report goes on"
    end = callback.on_train_batch_end if stage == "train" else callback.on_validation_batch_end
    with pytest.raises(DatasetError, match=message):
        end(EPOCH, MODULE, None, batch_of(good=3, bad=1), 1)
    assert str(ledger).startswith("bad 1 of 8")  # it is listed too


def test_no_readable_training_video_stops_the_run(tmp_path: Path) -> None:
    callback = counter(tmp_path, num_videos=4)
    callback.on_train_batch_end(EPOCH, MODULE, None, batch_of(good=0, bad=2), 0)
    with pytest.raises(DatasetError, match="not one training video can be read"):
        callback.on_validation_start(EPOCH, MODULE)


def test_no_readable_validation_video_stops_the_run(tmp_path: Path) -> None:
    callback = counter(tmp_path, num_videos=4)
    callback.on_train_batch_end(EPOCH, MODULE, None, batch_of(good=2, bad=0), 0)
    callback.on_validation_start(EPOCH, MODULE)
    callback.on_validation_batch_end(EPOCH, MODULE, None, batch_of(good=0, bad=2), 0)
    with pytest.raises(DatasetError, match="not one validation video can be read"):
        callback.on_validation_epoch_end(EPOCH, MODULE)


def test_what_was_counted_goes_on_after_a_stop(tmp_path: Path) -> None:
    callback = counter(tmp_path, num_videos=10)
    callback.on_train_batch_end(EPOCH, MODULE, None, batch_of(good=4, bad=2), 0)
    other = BadVideos(BadSampleLedger(tmp_path / "bad_samples.jsonl"), num_videos=10, max_fraction=0.01)
    other.load_state_dict(json.loads(json.dumps(callback.state_dict())))
    other.on_validation_start(EPOCH, MODULE)  # some training videos could be read
    assert str(other.ledger).startswith("bad 2 of 6")
