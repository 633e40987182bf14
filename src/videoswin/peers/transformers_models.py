"""The video networks of transformers: how each is built for a clip, and read from a folder that
`save_pretrained` wrote. Nothing is fetched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import (
    PreTrainedConfig,
    PreTrainedModel,
    TimesformerConfig,
    TimesformerForVideoClassification,
    VideoMAEConfig,
    VideoMAEForVideoClassification,
    VivitConfig,
    VivitForVideoClassification,
    VJEPA2Config,
    VJEPA2ForVideoClassification,
)
from transformers.utils import logging

from videoswin.errors import ConfigError, WeightsError, printable
from videoswin.peers.config import PEERS, PeerConfig, PeerName
from videoswin.values import ClipSpec


class _Kind(NamedTuple):
    """frames, size: the fields of the configuration that say what a clip is. has_tables: position embeddings
    are learnt, so weights fix the clip."""

    config: type[PreTrainedConfig]
    model: type[PreTrainedModel]
    frames: str
    size: str
    has_tables: bool


_KINDS: dict[PeerName, _Kind] = {
    "timesformer": _Kind(
        TimesformerConfig, TimesformerForVideoClassification, "num_frames", "image_size", True
    ),
    "vivit": _Kind(VivitConfig, VivitForVideoClassification, "num_frames", "image_size", True),
    "videomae": _Kind(VideoMAEConfig, VideoMAEForVideoClassification, "num_frames", "image_size", False),
    "vjepa2": _Kind(VJEPA2Config, VJEPA2ForVideoClassification, "frames_per_clip", "crop_size", False),
}

HEAD = "classifier"
_NEW = (f"{HEAD}.", "fc_norm.", "pooler.")
"""What weights from pretraining lack: it starts anew."""
_NOT_SAVED = (
    *("id2label", "label2id", "num_labels", "problem_type", "architectures", "model_type"),
    *("transformers_version", "dtype", "drop_path_rate"),
)
"""Of a configuration: not about the architecture."""


class FramesFirst(nn.Module):
    """Features (B, D) of clips (B, 3, T, H, W), by a network that wants (B, T, 3, H, W) and has lost its
    classifier."""

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, clips: Tensor) -> Tensor:
        features: Tensor = self.model(clips.transpose(1, 2)).logits
        return features


def backbone(config: PeerConfig, *, drop_path_rate: float, checkpoint_blocks: bool) -> tuple[nn.Module, int]:
    """The network without its classifier, and the number of its features."""
    rate = {"drop_path_rate": drop_path_rate} if PEERS[config.name].has_drop_path else {}
    settings = dict(config.settings) | rate
    library_config = _library_config(config.name, settings, config.clip)
    try:
        model = _KINDS[config.name].model(library_config)
    except (TypeError, ValueError, ZeroDivisionError) as error:
        raise _refused_settings(config.name, error) from error
    num_features: int = model.config.hidden_size
    setattr(model, HEAD, nn.Identity())
    if config.name == "vjepa2":
        # It predicts masked parts in pretraining; the classifier never asks it.
        model.get_submodule("vjepa2").predictor = nn.Identity()
    if checkpoint_blocks:
        model.activation_checkpointing_enable()
    return FramesFirst(model.train()), num_features


def _library_config(name: PeerName, settings: Mapping[str, Any], clip: ClipSpec) -> PreTrainedConfig:
    """Raises WeightsError for settings that transformers refuses: they are those of weights."""
    kind = _KINDS[name]
    try:
        found = kind.config.from_dict({**settings, kind.frames: clip.num_frames, kind.size: clip.size})
    except (StrictDataclassError, TypeError, ValueError) as error:
        raise _refused_settings(name, error) from error
    assert isinstance(found, PreTrainedConfig)
    return found


def _refused_settings(name: PeerName, error: Exception) -> WeightsError:
    reason = printable(" ".join(str(error).split()))[:400]
    return WeightsError(f"transformers refuses the configuration of this {name}: {reason}")


def require_clip(name: PeerName, clip: ClipSpec, settings: Mapping[str, Any]) -> None:
    """Raise ConfigError for a clip that is not whole patches of the network."""
    config = _library_config(name, settings, clip)
    tubelet, patch = getattr(config, "tubelet_size", 1), getattr(config, "patch_size", 0)
    if name == "vivit":
        tubelet, patch = config.tubelet_size[0], config.tubelet_size[1]
    patch = patch if isinstance(patch, int) else patch[0]
    if tubelet < 1 or patch < 1:
        raise _refused_settings(name, ValueError(f"patches of {tubelet} frames and {patch} px"))
    if clip.num_frames % tubelet or clip.size % patch:
        raise ConfigError(
            f"clip has {clip.num_frames} frames of {clip.size} px; "
            f"{name} takes multiples of {tubelet} frames and of {patch} px"
        )


class Folder(NamedTuple):
    """What a folder of `save_pretrained` holds; `head` is empty if it has no classifier."""

    backbone: dict[str, Tensor]
    head: dict[str, Tensor]
    labels: tuple[str, ...]
    clip: ClipSpec
    settings: dict[str, Any]
    new: tuple[str, ...]


def read_folder(folder: str, *, name: PeerName, clip: ClipSpec | None) -> Folder:
    """Read safetensors and configuration. clip: what the run wants; None keeps that of the weights.

    Raises WeightsError for a folder that can't be used, ConfigError for a clip that is not that of learnt
    position embeddings.
    """
    kind = _KINDS[name]
    config = _read_config(folder, name)
    chosen = _choose_clip(name, config, clip)
    setattr(config, kind.frames, chosen.num_frames)
    setattr(config, kind.size, chosen.size)
    try:
        with _quiet():
            loaded: Any = kind.model.from_pretrained(
                folder,
                config=config,
                local_files_only=True,
                use_safetensors=True,
                dtype=torch.float32,
                output_loading_info=True,
            )
    except (OSError, RuntimeError, ValueError, TypeError, SafetensorError) as error:
        raise _refusal(folder, name, error) from error
    model, report = loaded
    missing = sorted(report["missing_keys"])
    _require_complete(folder, name, missing)
    return _content(model, name, config, chosen, missing)


def _read_config(folder: str, name: PeerName) -> PreTrainedConfig:
    kind = _KINDS[name]
    try:
        values, _ = PreTrainedConfig.get_config_dict(folder, local_files_only=True)
        if values.get("model_type") != kind.config.model_type:
            raise WeightsError(
                f"{printable(folder)}: config.json names model type {values.get('model_type')!r}, "
                f"{name} has {kind.config.model_type!r}"
            )
        config = kind.config.from_dict(values)
    except (OSError, ValueError, TypeError, StrictDataclassError) as error:
        raise _refusal(folder, name, error) from error
    assert isinstance(config, PreTrainedConfig)
    return config


def _refusal(folder: str, name: PeerName, error: Exception) -> WeightsError:
    reason = printable(" ".join(str(error).split()))[:400]
    return WeightsError(f"{printable(folder)}: no weights of {name} can be read from it: {reason}")


def _choose_clip(name: PeerName, config: PreTrainedConfig, clip: ClipSpec | None) -> ClipSpec:
    kind, usual = _KINDS[name], PEERS[name].clip
    frames, size = getattr(config, kind.frames), getattr(config, kind.size)
    own = ClipSpec(num_frames=frames, stride=usual.stride, size=size if isinstance(size, int) else size[0])
    if clip is None:
        return own
    if kind.has_tables and (clip.num_frames, clip.size) != (own.num_frames, own.size):
        raise ConfigError(
            f"clip has {clip.num_frames} frames of {clip.size} px; the position embeddings of these {name} "
            f"weights are for {own.num_frames} frames of {own.size} px"
        )
    return clip


def _require_complete(folder: str, name: PeerName, missing: list[str]) -> None:
    """Raise WeightsError if more is missing than what pretraining has not."""
    lost = [key for key in missing if not key.startswith(_NEW)]
    if lost:
        some = ", ".join(lost[:4]) + (", ..." if len(lost) > 4 else "")
        raise WeightsError(
            f"{printable(folder)}: {len(lost)} tensors of {name} are missing: {printable(some)}"
        )


def _content(
    model: PreTrainedModel, name: PeerName, config: PreTrainedConfig, clip: ClipSpec, missing: list[str]
) -> Folder:
    kind = _KINDS[name]
    state_dict, own = model.state_dict(), f"{HEAD}."
    has_head = not any(key.startswith(own) for key in missing)
    labels = tuple(str(label) for _, label in sorted((config.id2label or {}).items()))
    is_named = has_head and labels != tuple(f"LABEL_{index}" for index in range(len(labels)))
    settings = {
        key: value
        for key, value in config.to_diff_dict().items()
        if key not in _NOT_SAVED and key not in (kind.frames, kind.size)
    }
    return Folder(
        backbone={
            f"model.{key}": tensor
            for key, tensor in state_dict.items()
            if not key.startswith((own, "vjepa2.predictor."))
        },
        head={part: state_dict[own + part] for part in ("weight", "bias")} if has_head else {},
        labels=labels if is_named else (),
        clip=clip,
        settings=settings,
        new=tuple(key for key in missing if not key.startswith(own)),
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the report and the bar of transformers: what is new we say ourselves."""
    level = logging.get_verbosity()
    had_bar = logging.is_progress_bar_enabled()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if had_bar:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
