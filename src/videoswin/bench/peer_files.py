"""Peers that are one source file of a framework: the official Video Swin and mmaction2's.

The file alone is loaded. What it imports from its framework (registries, loggers, checkpoint readers, thin
wrappers of torch's layers) is replaced while it is imported, so that mmcv, mmengine and timm need not be
there.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import Tensor, nn

from videoswin.errors import ConfigError
from videoswin.model import SwinConfig
from videoswin.weights import convert
from videoswin.weights.formats import FormatName


class WithHead(nn.Module):
    """A backbone and the classifier of its framework: the mean over time and space, then one layer."""

    def __init__(self, backbone: nn.Module, head: nn.Linear) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    def forward(self, clips: Tensor) -> Tensor:
        """(B, 3, T, H, W) -> logits (B, K); the backbone's features are (B, C, t, h, w)."""
        logits: Tensor = self.head(self.backbone(clips).mean((2, 3, 4)))
        return logits


def official_model(file: str, config: SwinConfig, state_dict: dict[str, Tensor]) -> nn.Module:
    """The official model of this configuration with our weights, in eval mode, loaded strictly.

    Raises ConfigError if `file` is not there or is not that file.
    """
    module = import_file(file, "swin_transformer", _official_imports())
    backbone = module.SwinTransformer3D(
        patch_size=tuple(config.patch),
        embed_dim=config.embed_dim,
        depths=list(config.depths),
        num_heads=list(config.num_heads),
        window_size=tuple(config.window),
        mlp_ratio=config.mlp_ratio,
        drop_path_rate=0.0,
        patch_norm=config.patch_norm,
    )
    return _loaded(backbone, config, state_dict, "official")


def mmaction2_model(file: str, config: SwinConfig, state_dict: dict[str, Tensor]) -> nn.Module:
    """mmaction2's model of this configuration with our weights, in eval mode, loaded strictly.

    Raises ConfigError if `file` is not there or is not that file.
    """
    module = import_file(file, "swin", _mmaction2_imports())
    backbone = module.SwinTransformer3D(
        arch={
            "embed_dims": config.embed_dim,
            "depths": list(config.depths),
            "num_heads": list(config.num_heads),
        },
        patch_size=tuple(config.patch),
        window_size=tuple(config.window),
        mlp_ratio=config.mlp_ratio,
        drop_path_rate=0.0,
        patch_norm=config.patch_norm,
    )
    return _loaded(backbone, config, state_dict, "mmaction2")


def _loaded(
    backbone: nn.Module, config: SwinConfig, state_dict: dict[str, Tensor], name: FormatName
) -> nn.Module:
    model = WithHead(backbone, nn.Linear(config.width(config.num_stages - 1), config.num_classes))
    theirs = convert(state_dict, to=name)
    model.load_state_dict(
        {key.replace("cls_head.fc_cls.", "head."): value for key, value in theirs.items()}, strict=True
    )
    return model.eval()


def import_file(file: str, name: str, imports: Mapping[str, Mapping[str, object]]) -> Any:
    """The module in `file`, imported as mmaction.models.backbones.NAME while modules of the names in
    `imports` exist with these contents. Raises ConfigError."""
    if not Path(file).is_file():
        raise ConfigError(f"{file!r} is not a file; expected the one called {name}.py in the peer's source")
    spec = importlib.util.spec_from_file_location(f"mmaction.models.backbones.{name}", file)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{file!r} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    with _modules(imports):
        try:
            spec.loader.exec_module(module)
        except ImportError as error:
            raise ConfigError(f"{file!r} cannot be imported: {error}") from error
    if not hasattr(module, "SwinTransformer3D"):
        raise ConfigError(f"{file!r} holds no SwinTransformer3D; expected the peer's {name}.py")
    return module


@contextlib.contextmanager
def _modules(contents: Mapping[str, Mapping[str, object]]) -> Iterator[None]:
    """While inside, modules of these names, and the packages above them, hold these contents."""
    names = {
        ".".join(name.split(".")[: depth + 1]) for name in contents for depth in range(name.count(".") + 1)
    }
    hidden = {name: sys.modules[name] for name in names if name in sys.modules}
    for name in sorted(names):
        made = ModuleType(name)
        made.__path__ = []
        vars(made).update(contents.get(name, {}))
        sys.modules[name] = made
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]
        sys.modules.update(hidden)


def _official_imports() -> dict[str, dict[str, object]]:
    return {
        "einops": {"rearrange": rearrange},
        "timm.models.layers": {"DropPath": nn.Identity, "trunc_normal_": nn.init.trunc_normal_},
        "mmcv.runner": {"load_checkpoint": _never_called},
        "mmaction.utils": {"get_root_logger": _never_called},
        "mmaction.models.builder": {"BACKBONES": _Registry()},
        "mmaction.models.backbones": {},
    }


def _mmaction2_imports() -> dict[str, dict[str, object]]:
    return {
        "einops": {"rearrange": rearrange},
        "mmcv.cnn": {
            "build_activation_layer": _activation_layer,
            "build_conv_layer": _conv_layer,
            "build_norm_layer": _norm_layer,
        },
        "mmcv.cnn.bricks": {"DropPath": nn.Identity},
        "mmengine.logging": {"MMLogger": logging.Logger},
        "mmengine.model": {"BaseModule": _BaseModule, "ModuleList": nn.ModuleList},
        "mmengine.model.weight_init": {"trunc_normal_": nn.init.trunc_normal_},
        "mmengine.runner.checkpoint": {"_load_checkpoint": _never_called},
        "mmaction.registry": {"MODELS": _Registry()},
        "mmaction.models.backbones": {},
    }


class _Registry:
    def register_module(self) -> Callable[[type], type]:
        return lambda registered: registered


class _BaseModule(nn.Module):
    """mmengine's: a module that knows how it is to be initialised."""

    def __init__(self, init_cfg: object = None) -> None:
        super().__init__()


def rearrange(x: Tensor, pattern: str) -> Tensor:
    """einops' function for what both files ask of it, another order of axes: `n c d h w -> n d h w c`."""
    before, after = (side.split() for side in pattern.split("->"))
    return x.permute([before.index(axis) for axis in after])


def _activation_layer(cfg: Mapping[str, str]) -> nn.Module:
    assert cfg == {"type": "GELU"}, cfg
    return nn.GELU()


def _norm_layer(cfg: Mapping[str, str], width: int, postfix: object = "") -> tuple[str, nn.Module]:
    assert cfg == {"type": "LN"}, cfg
    return f"ln{postfix}", nn.LayerNorm(width)


def _conv_layer(
    cfg: Mapping[str, str], in_channels: int, out_channels: int, *, kernel_size: Any, stride: Any
) -> nn.Module:
    assert cfg == {"type": "Conv3d"}, cfg
    return nn.Conv3d(in_channels, out_channels, kernel_size=kernel_size, stride=stride)


def _never_called(*arguments: object) -> None:
    raise AssertionError("a model that loads no file of its own has called its framework")
