"""Counts equal those measured on the official code (joint), those derived from the paper (split, factorized)
and those of the built model."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from videoswin.model import SWIN_B, SWIN_L, SWIN_L_384, SWIN_S, SWIN_T, SwinConfig, VideoSwin
from videoswin.model.cost import cost
from videoswin.model.published import in_design
from videoswin.values import Size3

ROWS = [
    (SWIN_T, (32, 224), 28_158_070, 87.76),
    (SWIN_S, (32, 224), 49_816_678, 165.68),
    (SWIN_B, (32, 224), 88_048_984, 281.33),
    (replace(SWIN_B, num_classes=600), (32, 224), 88_253_984, 281.33),
    (replace(SWIN_B, window=(16, 7, 7)), (32, 224), 89_065_688, 320.36),
    (replace(SWIN_B, window=(16, 7, 7), num_classes=174), (32, 224), 88_834_038, 320.36),
    (SWIN_L, (32, 224), 196_953_916, 603.27),
    (SWIN_L_384, (32, 384), 199_999_516, 2106.38),
    (replace(SWIN_L_384, num_classes=600), (32, 384), 200_306_916, 2106.38),
    (SWIN_L, (32, 384), 196_953_916, 1974.44),
    (replace(SWIN_T, window=(16, 7, 7)), (32, 224), 28_531_222, 105.70),
    (replace(SWIN_T, window=(4, 7, 7)), (32, 224), 27_971_494, 78.80),
    (replace(SWIN_T, window=(1, 7, 7)), (32, 224), 27_831_562, 72.07),
    (SWIN_T, (16, 224), 28_158_070, 43.88),
    (replace(SWIN_T, window=(4, 7, 7)), (8, 224), 27_971_494, 19.70),
    (replace(SWIN_T, patch=(4, 4, 4)), (32, 224), 28_167_286, 44.11),
    (replace(SWIN_T, patch=(8, 4, 4), window=(4, 7, 7)), (32, 224), 27_999_142, 20.05),
    # Table 4: spatial only and two temporal layers; 36,484,234 and 12 gates.
    (in_design(SWIN_T, "split"), (32, 224), 27_831_562 + 14_175_744, 83.20),
    (in_design(SWIN_T, "factorized"), (32, 224), 36_484_246, 95.00),
    # Over 8 steps in time; the paper's 95 is this as well.
    (replace(in_design(SWIN_T, "factorized"), window=(8, 7, 7)), (32, 224), 36_484_246, 94.63),
]

MICRO = SwinConfig(embed_dim=8, depths=(2, 3), num_heads=(1, 2), window=(2, 3, 3), num_classes=5)
DESIGNS = [
    MICRO,
    replace(MICRO, design="split"),
    replace(MICRO, design="factorized"),
    replace(MICRO, design="split", temporal_bias=True),
    replace(MICRO, design="factorized", temporal_bias=True),
]


@pytest.mark.parametrize(("config", "clip", "parameters", "giga_multiply_adds"), ROWS)
def test_counts_of_the_official_code_and_of_the_paper(config, clip, parameters, giga_multiply_adds):
    frames, side = clip
    parts = cost(config, Size3(frames, side, side))
    assert sum(part.parameters for part in parts) == parameters
    assert round(sum(part.multiply_adds for part in parts) / 1e9, 2) == giga_multiply_adds


@pytest.mark.parametrize(
    "config",
    [
        SWIN_T,
        in_design(SWIN_T, "split"),
        in_design(SWIN_T, "factorized"),
        *DESIGNS,
        SwinConfig(
            embed_dim=16, depths=(1, 2), num_heads=(1, 2), patch_norm=False, num_classes=3, in_channels=1
        ),
    ],
)
def test_parameters_are_those_of_the_model(config):
    with torch.device("meta"):
        model = VideoSwin(config)
    parts = {part.name: part.parameters for part in cost(config, Size3(8, 32, 32))}
    assert parts.pop("patch embedding") == sum(p.numel() for p in model.patch_embed.parameters())
    head = [*model.norm.parameters(), *model.head.parameters()]
    assert parts.pop("head") == sum(p.numel() for p in head)
    temporal = [] if model.temporal is None else list(model.temporal.parameters())
    assert parts.pop("temporal layers", 0) == sum(p.numel() for p in temporal)
    assert list(parts.values()) == [sum(p.numel() for p in stage.parameters()) for stage in model.layers]


@pytest.mark.parametrize("config", DESIGNS)
@pytest.mark.parametrize("shift", ["3d", "none"])
def test_multiply_adds_are_those_of_the_model(config, shift):
    """The backend that partitions whole windows does the products that are counted; torch counts a multiply
    and an add as two. Grids of 4x6x6 and 4x3x3: nothing is padded, as ours would not project it."""
    model = VideoSwin(replace(config, shift=shift), attention_backend="reference").eval()
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        model(torch.zeros(1, 3, 8, 24, 24))
    assert counter.get_total_flops() == 2 * sum(
        part.multiply_adds for part in cost(model.config, Size3(8, 24, 24))
    )


@pytest.mark.parametrize(
    ("config", "linear", "scores"),
    [
        # 5x7x7 tokens of width 8 in windows of 2x3x3: padded to 6x9x9. A projection of 4 x 8 x 8 and
        # products with 18 keys, each twice, for two blocks.
        (replace(MICRO, depths=(2,), num_heads=(1,)), 2 * 486 * 256, 2 * 486 * 2 * 18 * 8),
        # In space 5x9x9 tokens and 9 keys; in time 6x7x7 tokens and 2 keys, in two layers above.
        (
            replace(MICRO, depths=(2,), num_heads=(1,), design="split"),
            2 * 405 * 256 + 2 * 294 * 256,
            2 * 405 * 2 * 9 * 8 + 2 * 294 * 2 * 2 * 8,
        ),
        (  # the same attentions, each behind a block's own
            replace(MICRO, depths=(2,), num_heads=(1,), design="factorized"),
            2 * 405 * 256 + 2 * 294 * 256,
            2 * 405 * 2 * 9 * 8 + 2 * 294 * 2 * 2 * 8,
        ),
        # A window larger than the clip becomes the clip: 5 keys, nothing padded in time.
        (
            replace(MICRO, depths=(1,), num_heads=(1,), window=(16, 3, 3), design="factorized"),
            405 * 256 + 245 * 256,
            405 * 2 * 9 * 8 + 245 * 2 * 5 * 8,
        ),
    ],
)
def test_padded_tokens_count_in_projections_and_scores(config, linear, scores):
    parts = cost(config, Size3(10, 28, 28))
    assert sum(part.linear for part in parts) == linear
    assert sum(part.scores for part in parts) == scores
    blocks = sum(config.depths) + 2 * (config.design == "split")
    assert sum(part.mlp for part in parts) == blocks * 245 * 2 * 8 * 32  # real tokens only


def test_temporal_layers_of_split_stand_apart():
    parts = {part.name: part for part in cost(in_design(SWIN_T, "split"), Size3(32, 224, 224))}
    assert list(parts) == [
        "patch embedding",
        *(f"stage {number}" for number in range(1, 5)),
        "temporal layers",
        "head",
    ]
    temporal = parts["temporal layers"]
    tokens, width = 16 * 7 * 7, 768
    assert temporal.parameters == 14_175_744
    assert temporal.linear == 2 * tokens * 4 * width**2
    assert temporal.scores == 2 * tokens * 2 * 16 * width
    assert temporal.mlp == 2 * tokens * 8 * width**2
