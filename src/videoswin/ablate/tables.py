"""The paper's ablation tables as changes of one training run. Pure: reads no file and builds no model.

What a setting changes is relative to the run it is given, so that a table can be made of a micro model on a
CPU as well as of Swin-T on Kinetics, where it gives the paper's settings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from videoswin.errors import ConfigError
from videoswin.model.config import SwinConfig
from videoswin.train.config import TrainConfig
from videoswin.values import ClipSpec

TableName = Literal["designs", "temporal", "shift", "lr-ratio", "embed-init", "bias-init"]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One row: the run it stands for, and what the paper printed for it (empty where it has no such row)."""

    name: str
    run: TrainConfig
    paper_top1: str = ""
    paper_top5: str = ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """title: what the paper's table of that number compares. settings: from a run with a known model and
    clip to the rows."""

    title: str
    settings: Callable[[TrainConfig], tuple[Setting, ...]]


def model_of(run: TrainConfig) -> SwinConfig:
    assert run.model is not None, "the run's model is known before its settings are"
    return run.model


def clip_of(run: TrainConfig) -> ClipSpec:
    assert run.clip is not None, "the run's clip is known before its settings are"
    return run.clip


def temporal_size(run: TrainConfig) -> int:
    """Tokens of a clip in time, the paper's "temporal dimension"."""
    return -(-clip_of(run).num_frames // model_of(run).patch[0])


def _with_model(run: TrainConfig, **changes: Any) -> TrainConfig:
    return replace(run, model=replace(model_of(run), **changes))


def _with_temporal_window(run: TrainConfig, size: int) -> TrainConfig:
    return _with_model(run, window=(size, *model_of(run).window[1:]))


def _designs(run: TrainConfig) -> tuple[Setting, ...]:
    """Table 4. Split and factorized attend to the whole clip in time, which gives the paper's counts."""
    run = _with_model(run, design="joint", temporal_bias=False)
    whole = _with_temporal_window(run, temporal_size(run))
    split, factorized = _with_model(whole, design="split"), _with_model(whole, design="factorized")
    return (
        Setting(name="joint", run=run, paper_top1="78.8", paper_top5="93.6"),
        Setting(name="split", run=split, paper_top1="76.4", paper_top5="92.1"),
        Setting(name="factorized", run=factorized, paper_top1="78.5", paper_top5="93.5"),
        # Not in the paper. Without a bias in time, tokens of one clip have no order: the rows below show how
        # much of a result hangs on that.
        Setting(name="split-temporal-bias", run=_with_model(split, temporal_bias=True)),
        Setting(name="factorized-temporal-bias", run=_with_model(factorized, temporal_bias=True)),
        Setting(name="spatial-only", run=_with_temporal_window(run, 1)),
    )


def _temporal(run: TrainConfig) -> tuple[Setting, ...]:
    """Table 5. A shorter temporal dimension comes of fewer frames over the same time, or of longer patches:
    the paper does not say which (paper Table 5 fits both)."""
    whole = temporal_size(run)
    if whole % 4:
        raise ConfigError(
            f"the clip is {whole} tokens long; allowed for the table `temporal`: a multiple of 4, "
            "of which it takes a half and a quarter"
        )
    paper = {1: ("78.5", "93.2"), 2: ("76.7", "92.5")}
    rows = [
        Setting(
            name="whole-window", run=_with_temporal_window(run, whole), paper_top1="79.1", paper_top5="93.8"
        ),
    ]
    for halvings, (top1, top5) in paper.items():
        size, name = whole >> halvings, ("half", "quarter")[halvings - 1]
        for how, shorten in (("frames", _fewer_frames), ("patches", _longer_patches)):
            shorter = _with_temporal_window(shorten(run, 2**halvings), size)
            rows.append(Setting(name=f"{name}-by-{how}", run=shorter, paper_top1=top1, paper_top5=top5))
    half, quarter = _with_temporal_window(run, whole // 2), _with_temporal_window(run, whole // 4)
    return (
        *rows,
        Setting(name="half-window", run=half, paper_top1="78.8", paper_top5="93.6"),
        Setting(name="quarter-window", run=quarter, paper_top1="78.6", paper_top5="93.4"),
    )


def _fewer_frames(run: TrainConfig, times: int) -> TrainConfig:
    clip = clip_of(run)
    return replace(run, clip=replace(clip, num_frames=clip.num_frames // times, stride=clip.stride * times))


def _longer_patches(run: TrainConfig, times: int) -> TrainConfig:
    time, *space = model_of(run).patch
    run = _with_model(run, patch=(time * times, *space))
    return replace(run, inflation=replace(run.inflation, temporal_patch=time * times)) if run.weights else run


def _shift(run: TrainConfig) -> tuple[Setting, ...]:
    """Table 6."""
    return (
        Setting(name="3d", run=_with_model(run, shift="3d"), paper_top1="78.8", paper_top5="93.6"),
        Setting(name="spatial", run=_with_model(run, shift="spatial"), paper_top1="78.5", paper_top5="93.5"),
        Setting(name="none", run=_with_model(run, shift="none"), paper_top1="78.1", paper_top5="93.3"),
    )


def _lr_ratio(run: TrainConfig) -> tuple[Setting, ...]:
    """Table 7, which has each row for two initialisations of Swin-B: ImageNet-1K and -21K."""
    slow, equal = (
        replace(run, optimizer=replace(run.optimizer, backbone_multiplier=ratio)) for ratio in (0.1, 1.0)
    )
    return (
        Setting(
            name="ratio-0.1", run=slow, paper_top1="80.6 (1K) 82.6 (21K)", paper_top5="94.6 (1K) 95.7 (21K)"
        ),
        Setting(
            name="ratio-1.0", run=equal, paper_top1="80.2 (1K) 82.0 (21K)", paper_top5="94.2 (1K) 95.3 (21K)"
        ),
    )


def _embed_init(run: TrainConfig) -> tuple[Setting, ...]:
    """Table 8."""
    inflate, center = (
        replace(run, inflation=replace(run.inflation, patch=how)) for how in ("inflate", "center")
    )
    return (
        Setting(name="inflate", run=inflate, paper_top1="78.8", paper_top5="93.6"),
        Setting(name="center", run=center, paper_top1="78.8", paper_top5="93.7"),
    )


def _bias_init(run: TrainConfig) -> tuple[Setting, ...]:
    """Table 9."""
    duplicate, center = (
        replace(run, inflation=replace(run.inflation, bias=how)) for how in ("duplicate", "center")
    )
    return (
        Setting(name="duplicate", run=duplicate, paper_top1="78.8", paper_top5="93.6"),
        Setting(name="center", run=center, paper_top1="78.8", paper_top5="93.6"),
    )


TABLES: dict[TableName, Table] = {
    "designs": Table(title="Table 4: where time is attended to", settings=_designs),
    "temporal": Table(title="Table 5: temporal dimension and window", settings=_temporal),
    "shift": Table(title="Table 6: shifted windows", settings=_shift),
    "lr-ratio": Table(title="Table 7: learning rate of the backbone over the head's", settings=_lr_ratio),
    "embed-init": Table(title="Table 8: patch embedding from 2D weights", settings=_embed_init),
    "bias-init": Table(title="Table 9: bias tables from 2D weights", settings=_bias_init),
}
NEEDS_FLAT_WEIGHTS: tuple[TableName, ...] = ("embed-init", "bias-init")
"""Tables that compare ways to start from a 2D model."""
