"""Colour jitter by hand, and against torchvision (see test_randaugment.py for how it is found)."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.data.test_randaugment import FOLDER, needs_torchvision, random_clip
from videoswin.bench.peers import import_torchvision
from videoswin.data.jitter import JITTER, color_jitter, hue

ALL = {"brightness": 0.4, "contrast": 0.3, "saturation": 0.2, "hue": 0.1}
NONE = dict.fromkeys(ALL, 0.0)


def colours(*levels: tuple[int, int, int]) -> Tensor:
    """One picture of a row of colours, (1, 3, 1, W)."""
    return torch.tensor(levels, dtype=torch.uint8).T.reshape(1, 3, 1, len(levels))


@pytest.mark.parametrize(
    ("turn", "before", "after"),
    [
        (1 / 3, (255, 0, 0), (0, 255, 0)),  # red, green, blue are thirds apart
        (-1 / 3, (255, 0, 0), (0, 0, 255)),
        (0.5, (255, 0, 0), (0, 255, 255)),
        (0.5, (200, 100, 100), (100, 200, 200)),  # the weaker ones keep their level
        (0.25, (77, 77, 77), (77, 77, 77)),  # grey has no hue
        (0.0, (0, 0, 0), (0, 0, 0)),
        (1 / 6, (10, 250, 40), (10, 220, 250)),  # from 127.5 degrees to 187.5: down to 1/8 below full green
    ],
)
def test_hue_turns_the_circle(turn: float, before: tuple[int, int, int], after: tuple[int, int, int]) -> None:
    found = hue(colours(before), turn).flatten().tolist()
    assert found == pytest.approx(after, abs=1)


def test_nothing_asked_for_draws_nothing() -> None:
    random, frames = np.random.default_rng(0), random_clip((2, 5, 6, 3))
    assert color_jitter(frames, largest=NONE, random=random) is frames
    assert random.random() == np.random.default_rng(0).random()


def test_draws_do_not_depend_on_what_is_on() -> None:
    def next_number(largest: dict[str, float]) -> float:
        random = np.random.default_rng(3)
        color_jitter(random_clip((1, 4, 4, 3)), largest=largest, random=random)
        return random.random()

    assert len({next_number({**NONE, name: 0.2}) for name in ALL} | {next_number(ALL)}) == 1


def test_all_frames_change_alike_and_the_argument_stays() -> None:
    frames = random_clip((1, 9, 7, 3)).repeat(4, 1, 1, 1)
    before = frames.clone()
    for seed in range(8):
        changed = color_jitter(frames, largest=ALL, random=np.random.default_rng(seed))
        assert (changed.shape, changed.dtype) == (frames.shape, torch.uint8)
        assert not torch.equal(changed, frames)
        assert (changed == changed[:1]).all()
    assert torch.equal(frames, before)


def test_changes_reach_both_ends_and_the_order_varies() -> None:
    grey = torch.full((1, 2, 2, 3), 100, dtype=torch.uint8)
    only = {**NONE, "brightness": 0.5}
    levels = [
        int(color_jitter(grey, largest=only, random=np.random.default_rng(seed))[0, 0, 0, 0])
        for seed in range(300)
    ]
    assert 50 <= min(levels) < 54  # 100 x (1 - 0.5) .. 100 x (1 + 0.5)
    assert 146 < max(levels) <= 150
    orders = {tuple(np.random.default_rng(seed).permutation(4).tolist()) for seed in range(300)}
    assert len(orders) == 24


@needs_torchvision
@pytest.mark.parametrize("name", JITTER)
def test_torchvision_gives_the_same_to_the_bit(name: str) -> None:
    import_torchvision(FOLDER)
    functional: Any = importlib.import_module("torchvision.transforms.v2.functional")
    clip = random_clip((3, 3, 33, 47))
    clip[1] = clip[1] // 4 + 90  # a flat picture
    clip[2] = clip[2, :1]  # a grey one
    for change in np.linspace(-0.5, 0.5, 21).tolist():
        amount = change if name == "hue" else 1 + change
        same = getattr(functional, f"adjust_{name}")
        assert torch.equal(JITTER[name](clip, change), torch.stack([same(frame, amount) for frame in clip]))
