"""`config.json`: our configuration, clip and labels as transformers keeps them."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

from transformers import PreTrainedConfig

from videoswin.model import SWIN_T, SwinConfig
from videoswin.values import ClipSpec

ARCHITECTURE = "VideoSwinForVideoClassification"


class VideoSwinConfig(PreTrainedConfig):  # type: ignore[no-untyped-call]
    """The fields of SwinConfig and of ClipSpec under their own names, flat. The number of classes is
    transformers' `num_labels`, the class names are its `id2label`."""

    model_type = "videoswin"

    embed_dim: int = SWIN_T.embed_dim
    depths: tuple[int, ...] | list[int] = SWIN_T.depths
    num_heads: tuple[int, ...] | list[int] = SWIN_T.num_heads
    window: tuple[int, ...] | list[int] = SWIN_T.window
    patch: tuple[int, ...] | list[int] = SWIN_T.patch
    patch_norm: bool = SWIN_T.patch_norm
    in_channels: int = SWIN_T.in_channels
    mlp_ratio: float = SWIN_T.mlp_ratio
    design: str = SWIN_T.design
    shift: str = SWIN_T.shift
    temporal_bias: bool = SWIN_T.temporal_bias
    legacy_bias_index: bool = SWIN_T.legacy_bias_index
    num_frames: int = ClipSpec().num_frames
    stride: int = ClipSpec().stride
    size: int = ClipSpec().size
    sampling: str = ClipSpec().sampling
    resize: str = ClipSpec().resize
    drop_path_rate: float = 0.0
    """Stochastic depth while training; never part of what the weights mean."""
    head_dropout: float = 0.0
    """Dropout before the classifier while training."""
    notes: dict[str, str] | None = None
    """Where the weights come from, as in the header of a weights file."""

    def swin(self) -> SwinConfig:
        """What the model computes. Raises ConfigError for values that are not allowed."""
        found: dict[str, Any] = {name: getattr(self, name) for name in _names(SwinConfig) - {"num_classes"}}
        found |= {name: tuple(value) for name, value in found.items() if isinstance(value, list)}
        return SwinConfig(num_classes=self.num_labels or 0, **found)

    def clip(self) -> ClipSpec:
        """What the model was trained to see. Raises ConfigError for values that are not allowed."""
        return ClipSpec(**{name: getattr(self, name) for name in _names(ClipSpec)})

    def labels(self) -> tuple[str, ...]:
        """Class names in the order of the head; empty if they say no more than the class number."""
        found: dict[Any, str] = self.id2label or {}
        names = tuple(found[index] for index in range(len(found)))
        numbers = [(str(index), f"LABEL_{index}") for index in range(len(names))]
        return () if all(name in both for name, both in zip(names, numbers, strict=True)) else names


def config_of(
    swin: SwinConfig, *, labels: tuple[str, ...], clip: ClipSpec, notes: dict[str, str]
) -> VideoSwinConfig:
    """The same facts as transformers keeps them. Weights without class names get class numbers, as Predictor
    gives."""
    names = labels or tuple(str(index) for index in range(swin.num_classes))
    found = {name: value for name, value in asdict(swin).items() if name != "num_classes"}
    return VideoSwinConfig(
        **found,
        **asdict(clip),
        id2label=dict(enumerate(names)),
        label2id={name: index for index, name in enumerate(names)},
        architectures=[ARCHITECTURE],
        notes=dict(notes),
    )


def _names(dataclass_type: type[SwinConfig] | type[ClipSpec]) -> set[str]:
    return {field.name for field in fields(dataclass_type)}
