"""Every operation by hand, and against torchvision.

torchvision is imported from the folder named by VIDEOSWIN_TORCHVISION (pip install --no-deps --target FOLDER
torchvision==0.28.0); without it those tests skip.
"""

from __future__ import annotations

import functools
import importlib
import math
import os
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from videoswin.bench.peers import import_torchvision
from videoswin.data.augment import MAX_MAGNITUDE, MEAN_PIXEL
from videoswin.data.randaugment import OPERATIONS, choose, rand_augment

FOLDER = os.environ.get("VIDEOSWIN_TORCHVISION", "")
needs_torchvision = pytest.mark.skipif(
    not FOLDER, reason="VIDEOSWIN_TORCHVISION names no folder with torchvision"
)


def random_clip(shape: tuple[int, ...], seed: int = 0) -> Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def grey(*pictures: list[list[int]]) -> Tensor:
    """Pictures of one number a pixel -> (T, 3, H, W)."""
    return torch.tensor(pictures, dtype=torch.uint8).unsqueeze(1).repeat(1, 3, 1, 1)


def apply(name: str, clip: Tensor, amount: float) -> Tensor:
    result = OPERATIONS[name].apply(clip, amount)
    assert (result.shape, result.dtype) == (clip.shape, torch.uint8)
    return result


def red(clip: Tensor) -> Any:
    """The first channel of the first frame, as lists."""
    return clip[0, 0].tolist()


@pytest.mark.parametrize(
    ("name", "amount", "levels", "expected"),
    [
        ("identity", 0, [0, 77, 255], [0, 77, 255]),
        ("auto_contrast", 0, [50, 100, 150], [0, 127, 254]),  # 255 in float32 is 254.99998
        ("auto_contrast", 0, [80, 80, 80], [80, 80, 80]),
        ("equalize", 0, [50, 100, 150], [50, 100, 150]),  # fewer than 255 pixels: nothing to spread
        ("solarize", 0.7, [76, 77, 255], [76, 178, 0]),  # from 255 * 0.3 = 76.5 on
        ("solarize", 0.0, [0, 254, 255], [0, 254, 0]),
        ("posterize", 3, [183, 7, 255], [176, 0, 248]),
        ("posterize", 2.8, [183, 7, 255], [176, 0, 248]),
        ("posterize", 0, [183, 7, 255], [183, 7, 255]),
        ("brightness", 0.5, [50, 101, 200], [75, 151, 255]),
        ("brightness", -0.5, [50, 101, 200], [25, 50, 100]),
        ("contrast", -0.5, [0, 0, 201, 201], [50, 50, 150, 150]),  # mean of floor(0.9999 v): 100
        ("contrast", 0.5, [0, 0, 201, 201], [0, 0, 251, 251]),
        ("translate_x", 0.4, [1, 2, 3, 4, 5], [124, 124, 1, 2, 3]),
        ("translate_x", -0.5, [1, 2, 3, 4, 5], [3, 4, 5, 124, 124]),  # int(-2.5) = -2
        ("translate_y", 0.9, [1, 2, 3, 4, 5], [1, 2, 3, 4, 5]),  # int(0.9 * 1) = 0
    ],
)
def test_a_row_of_levels(name: str, amount: float, levels: list[int], expected: list[int]) -> None:
    assert red(apply(name, grey([levels]), amount)) == [expected]


def test_equalize_makes_levels_equally_frequent() -> None:
    rows = [[level] * 256 for level in (10, 20, 30, 200)]
    # step = (1024 - 256) // 255 = 3; (below + 1) // 3 for 0, 256, 512, 768 pixels below, the last cut at 255
    assert [row[0] for row in red(apply("equalize", grey(rows), 0))] == [0, 85, 171, 255]


def test_color_moves_away_from_the_own_grey() -> None:
    clip = torch.tensor([255, 0, 0], dtype=torch.uint8).view(1, 3, 1, 1)
    assert apply("color", clip, -0.5).flatten().tolist() == [165, 38, 38]  # floor(0.2989 * 255) = 76
    assert apply("color", clip, 0.5).flatten().tolist() == [255, 0, 0]


def test_sharpness_weighs_the_neighbourhood() -> None:
    picture = [[0] * 5, [0] * 5, [0, 0, 130, 0, 0], [0] * 5, [0] * 5]
    smooth = [[0] * 5, *[[0, 10, middle, 10, 0] for middle in (10, 50, 10)], [0] * 5]
    assert red(apply("sharpness", grey(picture), -1)) == smooth
    assert red(apply("sharpness", grey(picture), 1))[2] == [0, 0, 210, 0, 0]
    rim = [[9, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert red(apply("sharpness", grey(rim), -1)) == [[9, 0, 0], [0, 1, 0], [0, 0, 0]]  # the rim stays
    assert red(apply("sharpness", grey([[1, 200], [7, 0]]), 1)) == [[1, 200], [7, 0]]  # no middle


def test_rotation_is_counter_clockwise() -> None:
    clip = random_clip((2, 3, 6, 6))
    assert torch.equal(apply("rotate", clip, 90), clip.rot90(1, (-2, -1)))
    picture = [[10 * row + column for column in range(5)] for row in range(5)]
    assert red(apply("rotate", grey(picture), 21)) == [
        [124, 2, 3, 4, 124],
        [0, 11, 12, 13, 24],
        [10, 21, 22, 23, 34],
        [20, 31, 32, 33, 44],
        [124, 40, 41, 42, 124],
    ]


def test_shear_moves_rows_and_columns() -> None:
    picture = [[1, 2, 3, 4, 5, 6]] * 4
    # distances from the top 0.5, 1.5, 2.5, 3.5: half of them are 0.25, 0.75, 1.25, 1.75
    middle = [2, 3, 4, 5, 6, 124]
    sheared = [[1, 2, 3, 4, 5, 6], middle, middle, [3, 4, 5, 6, 124, 124]]
    assert red(apply("shear_x", grey(picture), 0.5)) == sheared
    middle = [124, 1, 2, 3, 4, 5]
    back = [[1, 2, 3, 4, 5, 6], middle, middle, [124, 124, 1, 2, 3, 4]]
    assert red(apply("shear_x", grey(picture), -0.5)) == back
    upright = grey(picture).transpose(-2, -1).contiguous()
    assert apply("shear_y", upright, 0.5)[0, 0].T.tolist() == sheared


def test_holes_are_the_mean_pixel() -> None:
    moved = apply("translate_y", random_clip((2, 3, 4, 4)), 0.25)
    assert torch.equal(moved[:, :, 0], torch.tensor(MEAN_PIXEL).view(1, 3, 1).expand(2, 3, 4))


@pytest.mark.parametrize("name", ["auto_contrast", "contrast", "equalize"])
def test_statistics_are_those_of_each_frame(name: str) -> None:
    dark, bright = random_clip((1, 3, 32, 32)) // 3, random_clip((1, 3, 32, 32), seed=1) // 2 + 100
    both = apply(name, torch.cat([dark, bright]), 0.5)
    assert torch.equal(both, torch.cat([apply(name, dark, 0.5), apply(name, bright, 0.5)]))
    assert not torch.equal(both, torch.cat([dark, bright]))


def test_the_operations_of_the_paper_at_magnitude_7() -> None:
    amounts = {name: round(op.largest * 7 / MAX_MAGNITUDE, 4) for name, op in OPERATIONS.items()}
    assert amounts == {
        **dict.fromkeys(("identity", "auto_contrast", "equalize"), 0),
        **dict.fromkeys(("color", "contrast", "brightness", "sharpness"), 0.21),
        **dict.fromkeys(("shear_x", "shear_y"), 0.07),
        **dict.fromkeys(("translate_x", "translate_y"), 0.1057),  # of the side: 24 of 224 px
        **{"rotate": 7, "solarize": 0.2333, "posterize": 0.9333},
    }
    assert {name for name, op in OPERATIONS.items() if not op.is_signed} == {
        *("identity", "auto_contrast", "equalize", "solarize", "posterize")
    }


def test_choice_is_uniform_with_either_sign() -> None:
    chosen = choose(num_ops=14_000, magnitude=7, random=np.random.default_rng(0))
    counts = Counter(name for name, _ in chosen)
    assert set(counts) == set(OPERATIONS)
    assert all(900 < count < 1100 for count in counts.values()), counts  # 1000 expected, deviation 30
    signed = [amount > 0 for name, amount in chosen if OPERATIONS[name].is_signed]
    assert 0.48 < np.mean(signed) < 0.52
    assert all(amount >= 0 for name, amount in chosen if not OPERATIONS[name].is_signed)


def test_choice_of_a_seed_stays_what_it_was() -> None:
    chosen = choose(num_ops=4, magnitude=7, random=np.random.default_rng(5))
    assert [(name, round(amount, 4)) for name, amount in chosen] == CHOSEN
    assert choose(num_ops=4, magnitude=0, random=np.random.default_rng(5)) == [
        (name, 0.0) for name, _ in CHOSEN
    ]


CHOSEN = [("sharpness", -0.21), ("identity", 0.0), ("posterize", 0.9333), ("brightness", 0.21)]


def test_no_operations_draw_nothing_and_change_nothing() -> None:
    random, clip = np.random.default_rng(0), random_clip((2, 5, 5, 3))
    assert rand_augment(clip, num_ops=0, magnitude=7, random=random) is clip
    assert random.random() == np.random.default_rng(0).random()


@settings(max_examples=40, deadline=None)
@given(
    frames=st.integers(1, 4),
    height=st.integers(1, 24),
    width=st.integers(1, 24),
    num_ops=st.integers(1, 5),
    magnitude=st.integers(0, MAX_MAGNITUDE),
    seed=st.integers(0, 1000),
)
def test_all_frames_get_the_same_of_one_seed(
    frames: int, height: int, width: int, num_ops: int, magnitude: int, seed: int
) -> None:
    """A frame alone becomes what it becomes in its clip; the clip that came in stays."""
    clip = random_clip((frames, height, width, 3), seed)
    before = clip.clone()

    def augmented(frames: Tensor) -> Tensor:
        return rand_augment(frames, num_ops=num_ops, magnitude=magnitude, random=np.random.default_rng(seed))

    whole = augmented(clip)
    assert (whole.shape, whole.dtype) == (clip.shape, torch.uint8)
    assert torch.equal(whole, torch.cat([augmented(frame) for frame in clip.split(1)]))
    assert torch.equal(clip, before)


def test_clips_of_other_memory_order_give_the_same() -> None:
    """Resized and flipped clips come as views."""
    clip = random_clip((2, 3, 20, 24)).permute(0, 2, 3, 1).flip(2)
    for seed in range(5):
        given_view = rand_augment(clip, num_ops=3, magnitude=7, random=np.random.default_rng(seed))
        dense = rand_augment(clip.contiguous(), num_ops=3, magnitude=7, random=np.random.default_rng(seed))
        assert torch.equal(given_view, dense)


@functools.cache
def torchvision_part(name: str) -> Any:
    import_torchvision(FOLDER)
    return importlib.import_module(f"torchvision.transforms.v2{name}")


def peer(name: str, amount: float, *, height: int, width: int) -> Callable[[Tensor], Tensor]:
    """torchvision's function for one frame, with the arguments that its RandAugment would give it."""
    functional = torchvision_part(".functional")
    fill = [float(level) for level in MEAN_PIXEL]

    def affine(translate: tuple[int, int] = (0, 0), shear: tuple[float, float] = (0.0, 0.0)) -> Any:
        center = [0, 0] if any(shear) else None
        return lambda frame: functional.affine(
            frame, 0.0, list(translate), 1.0, list(shear), fill=fill, center=center
        )

    slope = math.degrees(math.atan(amount))
    table: dict[str, Callable[[Tensor], Tensor]] = {
        "identity": lambda frame: frame,
        "auto_contrast": functional.autocontrast,
        "equalize": functional.equalize,
        "rotate": lambda frame: functional.rotate(frame, amount, fill=fill),
        "solarize": lambda frame: functional.solarize(frame, 255 * (1 - amount)),
        "color": lambda frame: functional.adjust_saturation(frame, 1 + amount),
        "posterize": lambda frame: functional.posterize(frame, round(8 - amount)),
        "contrast": lambda frame: functional.adjust_contrast(frame, 1 + amount),
        "brightness": lambda frame: functional.adjust_brightness(frame, 1 + amount),
        "sharpness": lambda frame: functional.adjust_sharpness(frame, 1 + amount),
        "shear_x": affine(shear=(slope, 0.0)),
        "shear_y": affine(shear=(0.0, slope)),
        "translate_x": affine(translate=(int(amount * width), 0)),
        "translate_y": affine(translate=(0, int(amount * height))),
    }
    return table[name]


@needs_torchvision
@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize(("height", "width"), [(64, 64), (33, 47)])
def test_torchvision_gives_the_same_to_the_bit(name: str, height: int, width: int) -> None:
    clip = random_clip((3, 3, height, width))
    clip[1] = clip[1] // 4 + 90  # a flat picture
    clip[2] = clip[2, :1]  # a grey one
    for magnitude in range(MAX_MAGNITUDE + 1):
        for sign in (1, -1) if OPERATIONS[name].is_signed else (1,):
            amount = sign * OPERATIONS[name].largest * magnitude / MAX_MAGNITUDE
            same = peer(name, amount, height=height, width=width)
            assert torch.equal(apply(name, clip, amount), torch.stack([same(frame) for frame in clip]))


@needs_torchvision
def test_ranges_are_those_of_torchvision() -> None:
    space = torchvision_part("").RandAugment._AUGMENTATION_SPACE
    assert {name.replace("_", "") for name in OPERATIONS} == {name.lower() for name in space}
    for name, (magnitudes, is_signed) in space.items():
        ours = next(op for key, op in OPERATIONS.items() if key.replace("_", "") == name.lower())
        assert ours.is_signed == is_signed, name
        amounts = magnitudes(MAX_MAGNITUDE + 1, 1, 1)
        if amounts is None:
            assert ours.largest == 0, name
        elif name in ("Posterize", "Solarize"):  # bits that stay, the level that stays
            assert float(amounts[0] - amounts[-1]) == ours.largest, name
        else:
            assert float(amounts[-1]) == pytest.approx(ours.largest), name
