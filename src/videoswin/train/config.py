"""What a training run is: one tree of plain values. A recipe is this tree as YAML (recipes/finetune.yaml).

Every part is checked when it is built, so that a wrong value ends a run before a video is opened. No torch
here: the command line reads these classes for its --help. No slots either: it reads defaults by `vars()`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from videoswin.data.augment import Augment
from videoswin.errors import ConfigError
from videoswin.model.config import SwinConfig
from videoswin.peers.config import PEERS, peer_name
from videoswin.values import ClipSpec, Views
from videoswin.weights.inflation import Inflation

Precision = Literal["fp32", "bf16", "fp16"]
Preset = Literal["official", "clean"]
Shape = Literal["official", "smooth"]
BadVideoPolicy = Literal["skip-and-report", "fail"]


class _Rule(NamedTuple):
    name: str
    value: object
    is_kept: bool
    allowed: str


def _check(*rules: _Rule) -> None:
    """Raise ConfigError naming every broken rule."""
    broken = [f"{rule.name} is {rule.value!r}, allowed: {rule.allowed}" for rule in rules if not rule.is_kept]
    if broken:
        raise ConfigError("; ".join(broken))


def _is_at_least(low: float, value: float) -> bool:
    return math.isfinite(value) and value >= low


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Which videos. A source is a folder with one subfolder of videos per class, a text list of `path label`
    lines, a table (CSV, Parquet) of videos and classes, a Kinetics CSV or a Something-Something JSON; see
    docs/data.md. `FILE#val` takes the rows of one split."""

    train: str = ""
    """Videos to learn from. Required."""
    val: str = ""
    """Videos to validate on. Empty: `val_fraction` of every class of `train` is held out instead."""
    test: str = ""
    """Videos to evaluate the last weights on after training, with `views`. Empty: none."""
    root: str = ""
    """Folder that relative paths of a list or CSV file start from. Empty: the folder of that file."""
    label_map: str = ""
    """File of class names in the order of their numbers: JSON {name: number}, JSON list, or a name a line.
    Empty: the classes are those that `train` names."""
    multi_label: bool = False
    """Rows of the same video and segment are its classes, not contradictions."""
    fail_on_leak: bool = False
    """End the run where two of `train`, `val` and `test` share content; otherwise that is a warning."""
    val_fraction: float = 0.1
    """Share of `train` held out when `val` is empty, in (0, 1). Which videos depends on the seed alone."""
    num_workers: int = 2
    """Processes that decode; 0 decodes between the steps. With a GPU: about one a CPU core. Without one, the
    model gets the cores they leave."""
    prefetch_mib: int = 2048
    """Memory, in MiB, that batches read ahead of the steps may take; a quarter of what is free if that is
    less. How many batches that are is logged."""
    bad_videos: BadVideoPolicy = "skip-and-report"
    """What a video that can't be read does. `skip-and-report`: its place stays empty, it is counted and
    listed, and `max_bad_fraction` holds. `fail`: it ends the run. No other video ever takes its place."""

    def __post_init__(self) -> None:
        fraction, workers = self.val_fraction, self.num_workers
        policies = get_args(BadVideoPolicy)
        _check(
            _Rule("data.val_fraction", fraction, 0 < fraction < 1, "more than 0 and less than 1"),
            _Rule("data.num_workers", workers, workers >= 0, "0 or more"),
            _Rule("data.prefetch_mib", self.prefetch_mib, self.prefetch_mib >= 1, "1 or more"),
            _Rule("data.bad_videos", self.bad_videos, self.bad_videos in policies, ", ".join(policies)),
        )


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """AdamW (paper Sec. 4.1)."""

    learning_rate: float = 3e-4
    """Of the head. Not rescaled for the batch size."""
    backbone_multiplier: float = 0.1
    """The layers below the head learn at this times `learning_rate`. 0.1 is better than 1 for pretrained
    ones (paper Table 7); without pretrained weights 1 is right."""
    weight_decay: float = 0.05
    """Decoupled, as AdamW's (paper: T and S 0.02, B 0.05)."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Decay of the running means of gradient and squared gradient."""
    preset: Preset = "clean"
    """Parameter groups: `clean` as the paper has it, `official` as its code did it (train/groups.py)."""
    max_gradient_norm: float = 0.0
    """Gradients of a larger norm are scaled down to it. 0: never, as in the paper."""

    def __post_init__(self) -> None:
        rate, multiplier, decay = self.learning_rate, self.backbone_multiplier, self.weight_decay
        norm, prefix = self.max_gradient_norm, "optimizer"
        _check(
            _Rule(f"{prefix}.learning_rate", rate, math.isfinite(rate) and rate > 0, "more than 0"),
            _Rule(f"{prefix}.backbone_multiplier", multiplier, _is_at_least(0, multiplier), "0 or more"),
            _Rule(f"{prefix}.weight_decay", decay, _is_at_least(0, decay), "0 or more"),
            _Rule(f"{prefix}.betas", self.betas, all(0 <= b < 1 for b in self.betas), "numbers in [0, 1)"),
            _Rule(f"{prefix}.preset", self.preset, self.preset in get_args(Preset), "official, clean"),
            _Rule(f"{prefix}.max_gradient_norm", norm, _is_at_least(0, norm), "0 (off) or more"),
        )


@dataclass(frozen=True, kw_only=True)
class ScheduleConfig:
    """How the learning rate moves over the run. The formulae are in train/schedule.py."""

    shape: Shape = "smooth"
    """Of the cosine after the warm-up. `smooth` moves every step, `official` once an epoch as published."""
    warmup_epochs: float = 2.5
    """Linear rise at the start, in epochs; may be a fraction, must be less than `epochs`."""

    def __post_init__(self) -> None:
        warmup = self.warmup_epochs
        _check(
            _Rule("schedule.shape", self.shape, self.shape in get_args(Shape), "official, smooth"),
            _Rule("schedule.warmup_epochs", warmup, _is_at_least(0, warmup), "0 or more"),
        )


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """One run, complete: with its videos it can be repeated. The defaults are recipes/finetune.yaml."""

    weights: str = ""
    """Pretrained weights to start from: .safetensors or .pth of a Video Swin, or of a 2D Swin. Empty: from
    scratch."""
    inflation: Inflation = Inflation()  # noqa: RUF009 (frozen)
    """How a 2D Swin in `weights` becomes a Video Swin. Only for such weights."""
    peer: str = ""
    """Another backbone by this protocol, of torchvision or transformers (videoswin.peers.config names them).
    Empty: Video Swin. `weights` is then a state dict of torchvision, a folder that transformers saved or an
    earlier run's file; `clip` null means the clip of its published weights."""
    model: SwinConfig | None = None
    """The architecture. Null: that of `weights`, from scratch Swin-T. With `weights` of a joint or 2D Swin it
    may have another window, design, shift, temporal bias and bias index; the rest must be the same, and
    fields left out are Swin-T's. The number of classes always comes from the data."""
    clip: ClipSpec | None = None
    """How a clip is cut from a video. Null: as `weights` were trained, from scratch 32 frames, stride 2,
    224 px."""
    augment: Augment = Augment()  # noqa: RUF009 (frozen)
    """Random changes of training clips."""
    data: DataConfig = DataConfig()
    """The videos."""
    optimizer: OptimizerConfig = OptimizerConfig()
    """AdamW and its parameter groups."""
    schedule: ScheduleConfig = ScheduleConfig()
    """The learning rate over time."""
    epochs: int = 30
    """Times every training video is seen."""
    batch_size: int = 8
    """Clips a step holds in memory at once, on each device."""
    accumulate: int = 1
    """Batches whose gradients make one update."""
    precision: Precision = "fp32"
    """Of the computation; weights stay fp32. bf16 suits a recent GPU; fp16 needs a GPU and can overflow."""
    label_smoothing: float = 0.0
    """Share of the target spread over all classes, in [0, 1) (paper: 0.1 on Something-Something)."""
    drop_path_rate: float = 0.1
    """Stochastic depth of the last block, in [0, 1); it grows from 0 (paper: T 0.1, S 0.2, B 0.3)."""
    head_dropout: float = 0.5
    """Dropout before the head, in [0, 1)."""
    views: str = ""
    """Test-time views, clips x crops, for `data.test`. Empty: the paper's, 4x3 for dense sampling and 1x3 for
    uniform, whose one clip spans the whole video."""
    checkpoint_blocks: bool = False
    """Recompute activations in the backward pass: less memory, about a third more time."""
    seed: int = 0
    """Initial values, hold-out, order, clips and dropout follow from it."""
    output: str = "runs/finetune"
    """Folder for everything the run writes. New or empty: an earlier run is never overwritten."""
    max_bad_fraction: float = 0.01
    """Share of unreadable videos, in [0, 1], above which the run stops once there are 10 of them."""

    def __post_init__(self) -> None:
        if self.views != "":
            Views.parse(self.views)
        _check(*_peer_rules(self))
        rates = ("label_smoothing", "drop_path_rate", "head_dropout")
        fraction, warmup = self.max_bad_fraction, self.schedule.warmup_epochs
        fits_pairs = not self.augment.has_mix or self.batch_size % 2 == 0
        _check(
            _Rule(
                "data.train", self.data.train, self.data.train != "", "a folder, list or CSV file of videos"
            ),
            *(_count(name, getattr(self, name)) for name in ("epochs", "batch_size", "accumulate")),
            _Rule("batch_size", self.batch_size, fits_pairs, "an even number with mixup or CutMix"),
            *(_rate(name, getattr(self, name)) for name in rates),
            _Rule("precision", self.precision, self.precision in get_args(Precision), "fp32, bf16, fp16"),
            _Rule("seed", self.seed, self.seed >= 0, "0 or more"),
            _Rule("output", self.output, self.output != "", "a folder"),
            _Rule("max_bad_fraction", fraction, 0 <= fraction <= 1, "0 to 1"),
            _Rule(
                "schedule.warmup_epochs", warmup, warmup < self.epochs, f"less than epochs ({self.epochs})"
            ),
        )


def _peer_rules(config: TrainConfig) -> list[_Rule]:
    """What means nothing for a peer must be left alone, so that nobody believes that it had an effect."""
    if config.peer not in PEERS:
        known = f"empty (Video Swin), {', '.join(PEERS)}"
        return [_Rule("peer", config.peer, config.peer == "", known)]
    spec, rate, who = PEERS[peer_name(config.peer)], config.drop_path_rate, f"with peer {config.peer}"
    has_rate = spec.has_drop_path or rate in (0.0, TrainConfig.drop_path_rate)
    blocks = config.checkpoint_blocks
    return [
        _Rule("model", config.model, config.model is None, f"null {who}"),
        _Rule("inflation", config.inflation, config.inflation == Inflation(), f"the default {who}"),
        _Rule("drop_path_rate", rate, has_rate, f"0 {who}, which has no stochastic depth"),
        _Rule("checkpoint_blocks", blocks, not blocks or spec.library == "transformers", f"false {who}"),
    ]


def _count(name: str, value: int) -> _Rule:
    return _Rule(name, value, value >= 1, "1 or more")


def _rate(name: str, value: float) -> _Rule:
    return _Rule(name, value, 0 <= value < 1, "at least 0 and less than 1")
