"""From 2D tensors to 3D ones: the formulae, written out, and shapes that no Swin has."""

from __future__ import annotations

import pytest
import torch

from tests.weights import plain2d
from videoswin.errors import ConfigError, WeightsError
from videoswin.values import Size3
from videoswin.weights import Inflation
from videoswin.weights.inflate import inflate

STATE = plain2d.random_state(width=8, depths=(1, 1), heads=(1, 2), window=3, seed=0)
PATCH, TABLE = "patch_embed.proj.weight", "layers.1.blocks.0.attn.relative_position_bias_table"


def inflated(**options: object) -> dict[str, torch.Tensor]:
    return inflate(STATE, inflation=Inflation(**options), window=None)[0]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("patch", "frames", "shares"),
    [
        ("inflate", 2, (0.5, 0.5)),
        ("inflate", 4, (0.25, 0.25, 0.25, 0.25)),
        ("center", 1, (1,)),
        ("center", 2, (0, 1)),
        ("center", 3, (0, 1, 0)),
        ("center", 4, (0, 0, 1, 0)),
    ],
)
def test_patch_embedding(patch, frames, shares):
    weight = inflated(patch=patch, temporal_patch=frames)[PATCH]
    assert weight.shape == (8, 3, frames, 4, 4)
    for frame, share in enumerate(shares):
        torch.testing.assert_close(weight[:, :, frame], STATE[PATCH] * share)


def test_bias_tables():
    duplicate, center = (inflated(bias=bias, temporal_window=3)[TABLE] for bias in ("duplicate", "center"))
    assert torch.equal(duplicate, STATE[TABLE].repeat(5, 1))
    assert torch.equal(center[50:75], STATE[TABLE])
    others = torch.cat([center[:50], center[75:]])
    assert torch.equal(others, torch.full_like(others, -4.6))


def test_everything_else_is_copied_and_the_classifier_dropped():
    found, window, steps = inflate(STATE, inflation=Inflation(), window=None)
    assert window == (8, 3, 3)
    assert found.keys() == {name for name in STATE if not name.startswith("head.")}
    assert all(found[name] is STATE[name] for name in found if name != PATCH and not name.endswith("table"))
    assert steps == (
        "32 tensors copied",
        "patch embedding to 2 frames (inflate)",
        "2 bias tables to 8 frames (duplicate)",
        "2 tensors of the 2D classifier dropped",
    )


@pytest.mark.parametrize(("source", "wanted"), [(7, 12), (12, 7)])
def test_windows_of_the_published_models(source, wanted):
    state = plain2d.random_state(width=8, depths=(1, 1), heads=(1, 2), window=source, seed=0)
    found, window, steps = inflate(state, inflation=Inflation(), window=Size3(8, wanted, wanted))
    assert window == (8, wanted, wanted)
    assert found[TABLE].shape == (15 * (2 * wanted - 1) ** 2, 2)
    assert f"2 bias tables resized from {source}x{source} to {wanted}x{wanted} (bicubic)" in steps


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        (PATCH, (8, 3, 2, 4, 4), r"patch_embed.proj.weight of a 2D model is \(8, 3, 2, 4, 4\)"),
        (PATCH, (8, 0, 4, 4), r"patch_embed.proj.weight of a 2D model is \(8, 0, 4, 4\)"),
        (TABLE, (24, 2), r"layers.1.* is \(24, 2\); expected 25 rows for a window of 1x3x3"),
        (
            TABLE.replace("layers.1", "layers.0"),
            (24, 1),
            r"layers.0.* is \(24, 1\); expected \(2S-1\)\^2 rows",
        ),
        (
            TABLE.replace("layers.1", "layers.0"),
            (16, 1),
            r"layers.0.* is \(16, 1\); expected \(2S-1\)\^2 rows",
        ),
        (TABLE.replace("layers.1", "layers.0"), (25,), r"layers.0.* is \(25,\); expected \(2S-1\)\^2 rows"),
    ],
)
def test_impossible_shapes_are_named(name, shape, message):
    with pytest.raises(WeightsError, match=message):
        inflate(STATE | {name: torch.zeros(shape)}, inflation=Inflation(), window=None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"patch": "middle"}, "inflation.patch is 'middle'; allowed: inflate, center"),
        ({"bias": "zero"}, "inflation.bias is 'zero'; allowed: duplicate, center"),
        ({"temporal_patch": 0}, "inflation.temporal_patch is 0; allowed: a whole number of at least 1"),
        ({"temporal_window": 2.5}, "inflation.temporal_window is 2.5; allowed: a whole number of at least 1"),
    ],
)
def test_wrong_values(options, message):
    with pytest.raises(ConfigError, match=message):
        Inflation(**options)
