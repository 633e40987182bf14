"""Counts equal those measured on the official code (all joint rows) and those of the built model."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from videoswin.model import SWIN_B, SWIN_L, SWIN_L_384, SWIN_S, SWIN_T, SwinConfig, VideoSwin
from videoswin.model.cost import cost
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
]


@pytest.mark.parametrize(("config", "clip", "parameters", "giga_multiply_adds"), ROWS)
def test_measured_counts_of_the_official_code(config, clip, parameters, giga_multiply_adds):
    frames, side = clip
    parts = cost(config, Size3(frames, side, side))
    assert sum(part.parameters for part in parts) == parameters
    assert round(sum(part.multiply_adds for part in parts) / 1e9, 2) == giga_multiply_adds


@pytest.mark.parametrize(
    "config",
    [
        SWIN_T,
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
    assert list(parts.values()) == [sum(p.numel() for p in stage.parameters()) for stage in model.layers]
