"""Stand-ins for the peers' model files: what each imports, its class and its parameter names. They compute
with our own layers, so that the result is known."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from videoswin.model import SwinConfig, VideoSwin
from videoswin.model.blocks import WindowAttention
from videoswin.values import Size3

OFFICIAL = """
import torch.nn as nn
from timm.models.layers import DropPath, trunc_normal_
from mmcv.runner import load_checkpoint
from mmaction.utils import get_root_logger
from ..builder import BACKBONES
from einops import rearrange
from tests.bench.material import ours


@BACKBONES.register_module()
class SwinTransformer3D(nn.Module):
    def __init__(
        self, patch_size, embed_dim, depths, num_heads, window_size, mlp_ratio, drop_path_rate, patch_norm
    ):
        super().__init__()
        assert drop_path_rate == 0
        self.model = [ours(patch_size, embed_dim, depths, num_heads, window_size, mlp_ratio, patch_norm)]
        self.patch_embed, self.layers = self.model[0].patch_embed, self.model[0].layers
        self.norm = self.model[0].norm

    def forward(self, clips):
        return rearrange(self.model[0].features(clips)[-1], "n d h w c -> n c d h w")
"""

MMACTION2 = """
import torch.nn as nn
from einops import rearrange
from mmcv.cnn import build_activation_layer, build_conv_layer, build_norm_layer
from mmcv.cnn.bricks import DropPath
from mmengine.logging import MMLogger
from mmengine.model import BaseModule, ModuleList
from mmengine.model.weight_init import trunc_normal_
from mmengine.runner.checkpoint import _load_checkpoint
from mmaction.registry import MODELS
from tests.bench.material import ours


@MODELS.register_module()
class SwinTransformer3D(BaseModule):
    def __init__(self, arch, patch_size, window_size, mlp_ratio, drop_path_rate, patch_norm):
        super().__init__(init_cfg=None)
        assert drop_path_rate == 0
        sizes = (arch[name] for name in ("embed_dims", "depths", "num_heads"))
        self.model = [ours(patch_size, *sizes, window_size, mlp_ratio, patch_norm)]
        self.patch_embed, self.layers = self.model[0].patch_embed, self.model[0].layers
        self.norm3 = self.model[0].norm
        width = self.norm3.normalized_shape[0]
        assert isinstance(build_norm_layer(dict(type="LN"), width)[1], nn.LayerNorm)
        assert isinstance(build_activation_layer(dict(type="GELU")), nn.GELU)
        build_conv_layer(dict(type="Conv3d"), 3, 8, kernel_size=patch_size, stride=patch_size)

    def forward(self, clips):
        return rearrange(self.model[0].features(clips)[-1], "n d h w c -> n c d h w")
"""


def ours(
    patch: tuple[int, ...],
    embed_dim: int,
    depths: list[int],
    num_heads: list[int],
    window: tuple[int, ...],
    mlp_ratio: float,
    patch_norm: bool,
) -> nn.Module:
    """Our model, with the buffers of the official one."""
    config = SwinConfig(
        patch=Size3(*patch),
        embed_dim=embed_dim,
        depths=tuple(depths),
        num_heads=tuple(num_heads),
        window=Size3(*window),
        mlp_ratio=mlp_ratio,
        patch_norm=patch_norm,
        legacy_bias_index=True,
    )
    model = VideoSwin(config)
    tokens = Size3(*window).volume
    for module in model.modules():
        if isinstance(module, WindowAttention):
            module.register_buffer("relative_position_index", torch.empty(tokens, tokens, dtype=torch.int64))
    return model


def write_peer(folder: Path, name: str, source: str) -> str:
    """The file `name`.py in `folder`."""
    path = folder / f"{name}.py"
    path.write_text(source)
    return str(path)
