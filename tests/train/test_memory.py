"""How many clips fit, with the free memory given: the real estimate of the real model."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest
from torch import nn

from tests.train.material import CLIP, MICRO, micro_config
from videoswin.data.augment import Augment
from videoswin.errors import ConfigError
from videoswin.model import VideoSwin
from videoswin.model.options import Recompute
from videoswin.train import memory
from videoswin.train.config import TrainConfig
from videoswin.train.memory import USABLE, choose_micro_batch

MIXED = Augment(mixup_alpha=0.8)
ENOUGH = 1 << 40


@pytest.fixture(scope="module")
def model() -> nn.Module:
    return VideoSwin(MICRO)


def config_of(*, global_batch: int, micro_batch: int | str = "auto", augment: Augment = MIXED) -> TrainConfig:
    config = micro_config(Path("videos"), Path("out"))
    return replace(config, global_batch=global_batch, micro_batch=micro_batch, augment=augment)  # type: ignore[arg-type]


def choose(config: TrainConfig, model: nn.Module, *, world_size: int = 1, sharing: int = 1) -> int:
    return choose_micro_batch(config, model, clip=CLIP, world_size=world_size, sharing=sharing)


def room_for(
    num_clips: float, model: nn.Module, monkeypatch: pytest.MonkeyPatch, *, sharing: int = 1
) -> None:
    """Make the machine's free memory just what so many clips take by the log's own account."""
    weights = 3 * 4 * sum(parameter.numel() for parameter in model.parameters())
    free = (weights + num_clips * bytes_of_a_clip(model)) / USABLE
    monkeypatch.setattr(memory, "free_bytes", lambda: round(free) * sharing)


def bytes_of_a_clip(model: nn.Module) -> int:
    shape = (CLIP.num_frames, CLIP.size, CLIP.size)
    return memory.training_peak(VideoSwin(MICRO).to("meta"), shape) + memory.clip_bytes(CLIP)


@pytest.fixture(autouse=True)
def _on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory.torch.cuda, "is_available", lambda: False)


def test_a_number_is_taken_as_it_is(model: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda: 0)
    assert choose(config_of(global_batch=8, micro_batch=6), model) == 6


@pytest.mark.parametrize(
    ("augment", "global_batch", "world_size", "room", "expected"),
    [
        # All that a process has of an update, if it fits.
        (Augment(), 8, 1, 100, 8),
        (Augment(), 8, 2, 100, 4),
        (Augment(), 7, 2, 100, 4),  # 4 and 3
        (Augment(), 2, 3, 100, 1),
        # Equal portions: 10 of which 7 fit are 5 and 5, not 7 and 3.
        (Augment(), 10, 1, 7.5, 5),
        (Augment(), 10, 1, 3.5, 3),  # 3, 3, 3, 1
        (Augment(), 10, 1, 1.5, 1),
        # Pairs stay together.
        (MIXED, 8, 1, 100, 8),
        (MIXED, 8, 1, 5.5, 4),
        (MIXED, 10, 1, 9.5, 6),  # 6 and 4
        (MIXED, 10, 2, 100, 6),  # three pairs and two
        (MIXED, 8, 1, 3.9, 2),
    ],
)
def test_the_most_that_fit_in_portions_as_equal_as_can_be(
    augment: Augment,
    global_batch: int,
    world_size: int,
    room: float,
    expected: int,
    model: nn.Module,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room_for(room, model, monkeypatch)
    config = config_of(global_batch=global_batch, augment=augment)
    assert choose(config, model, world_size=world_size) == expected


def test_processes_of_a_machine_share_its_memory(model: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    room_for(2.5, model, monkeypatch, sharing=2)
    assert choose(config_of(global_batch=8, augment=Augment()), model, world_size=2, sharing=2) == 2


@pytest.mark.parametrize(("augment", "room", "few"), [(Augment(), 0.9, 1), (MIXED, 1.9, 2)])
def test_too_little_memory_is_refused_before_the_run(
    augment: Augment, room: float, few: int, model: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    room_for(room, model, monkeypatch)
    message = (
        rf"^micro_batch is auto, but {few} of 4 frames x 32 px need about 0\.\d\d GiB beside the weights"
    )
    with pytest.raises(ConfigError, match=message):
        choose(config_of(global_batch=8, augment=augment), model)


def test_what_was_chosen_is_said(
    model: nn.Module, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "videoswin.train")
    monkeypatch.setattr(memory, "free_bytes", lambda: ENOUGH)
    choose(config_of(global_batch=8), model)
    (said,) = caplog.messages
    assert said.startswith("micro_batch: 8 clips at once, about 0.0")
    assert said.endswith("of 1024.00 GiB free memory")


def test_the_model_stays_as_it_is(model: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda: ENOUGH)
    model.eval()
    choose(config_of(global_batch=8), model)
    assert not model.training
    assert not any(parameter.is_meta for parameter in model.parameters())
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize(("recompute", "micro_batch"), [("blocks", 2), ("light", 2), ("mlp", 4)])
def test_a_gpu_keeps_more_unless_its_layers_are_computed_again(
    recompute: Recompute, micro_batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a GPU with room for five clips of what a CPU keeps."""
    model = VideoSwin(MICRO, recompute=recompute, recompute_stages=0 if recompute == "blocks" else 2)
    weights = 3 * 4 * sum(parameter.numel() for parameter in model.parameters())
    free = (weights + 5.1 * bytes_of_a_clip(model)) / USABLE
    monkeypatch.setattr(memory.torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(memory.torch.cuda, "mem_get_info", lambda: (round(free), round(free)))
    assert choose(config_of(global_batch=4, augment=Augment()), model) == micro_batch
