"""What tensors under our names say about the model they belong to, where no header says it.

Names and shapes tell everything but how windows shift and how tokens of clamped windows are numbered, which
are taken as published (3d, exact), and the temporal window of attention in time that has no bias table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from videoswin.errors import ConfigError, WeightsError
from videoswin.model import SwinConfig
from videoswin.model.config import Design
from videoswin.values import Size3
from videoswin.weights.formats import GATED, TABLE, TOP, count_stages, infer_design, infer_window
from videoswin.weights.temporal import square_side


def infer_config(
    state_dict: Mapping[str, Tensor],
    *,
    path: str,
    window: Size3 | None = None,
    frames: int | None = None,
    has_head: bool = True,
) -> SwinConfig:
    """The configuration that tensors under our names imply.

    window: if it is known already. frames: the temporal window of a split or factorized model whose tensors
    don't tell it. Without a head num_classes is the default.

    Raises WeightsError if they imply none.
    """
    try:
        design, depths = infer_design(state_dict), _depths(state_dict)
        _, in_channels, *patch = _shaped(state_dict, "patch_embed.proj.weight", 5)
        return SwinConfig(
            embed_dim=len(state_dict["patch_embed.proj.weight"]),
            depths=depths,
            num_heads=tuple(
                _shaped(state_dict, f"layers.{i}.blocks.0{TABLE}", 2)[1] for i in range(len(depths))
            ),
            window=window or _window(state_dict, design, frames=frames),
            patch=(patch[0], patch[1], patch[2]),
            patch_norm="patch_embed.norm.weight" in state_dict,
            num_classes=_shaped(state_dict, "head.weight", 2)[0] if has_head else SwinConfig.num_classes,
            in_channels=in_channels,
            mlp_ratio=len(state_dict["layers.0.blocks.0.mlp.fc1.bias"])
            / len(state_dict["patch_embed.proj.weight"]),
            design=design,
            temporal_bias=_temporal_table(state_dict) is not None,
        )
    except KeyError as error:
        raise WeightsError(f"{path}: not a complete Video Swin: tensor {error} is missing") from error
    except (ConfigError, TypeError) as error:
        raise WeightsError(
            f"{path}: tensors of a Video Swin whose shapes do not fit each other: {error}"
        ) from error


def _window(state_dict: Mapping[str, Tensor], design: Design, *, frames: int | None) -> Size3:
    """Joint: from the rows of one table. Else M from a table in space, P from one in time."""
    if design == "joint":
        return infer_window(state_dict)
    space = f"layers.0.blocks.0{TABLE}"
    side, time = square_side(state_dict[space], name=space), _temporal_table(state_dict)
    if time is not None:
        rows = len(state_dict[time]) if state_dict[time].ndim == 2 else 0
        if rows % 2 == 0:
            raise WeightsError(
                f"{time} is {tuple(state_dict[time].shape)}; expected 2P-1 rows for a temporal window P"
            )
        return Size3((rows + 1) // 2, side, side)
    if frames is None:
        raise WeightsError(
            f"a {design} model without bias tables in time, whose tensors do not tell its temporal window; "
            f"read it with the window it was trained with (PxMxM with M {side}), or from a file of "
            "videoswin's, which has it in its header"
        )
    return Size3(frames, side, side)


def _temporal_table(state_dict: Mapping[str, Tensor]) -> str | None:
    """The name of a bias table in time, if there is one."""
    tables = (name for name in state_dict if name.endswith(TABLE))
    return next((name for name in tables if name.startswith(TOP) or GATED in name), None)


def _shaped(state_dict: Mapping[str, Tensor], name: str, dimensions: int) -> torch.Size:
    """The shape of a tensor that the configuration is read from. Raises KeyError, ConfigError."""
    shape = state_dict[name].shape
    if len(shape) != dimensions or 0 in shape:
        raise ConfigError(f"{name} is {tuple(shape)}; expected {dimensions} sizes of at least 1")
    return shape


def _depths(state_dict: Mapping[str, Tensor]) -> tuple[int, ...]:
    """Blocks of each stage: as many as the stage has first norms."""
    norms = [re.match(r"layers\.(\d+)\.blocks\.\d+\.norm1\.weight", name) for name in state_dict]
    stages = [int(match[1]) for match in norms if match]
    return tuple(stages.count(stage) for stage in range(count_stages(state_dict)))
