"""What a training run is: one tree of plain values. A recipe is this tree as YAML (recipes/finetune.yaml).

Every part is checked when it is built, so that a wrong value ends a run before a video is opened. No torch
here: the command line reads these classes for its --help. No slots either: it reads defaults by `vars()`.
"""

# ruff: noqa: RUF009 (the defaults are frozen)

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from videoswin.data.augment import Augment
from videoswin.model.config import SwinConfig
from videoswin.peers.config import PEERS, peer_name
from videoswin.train.data_config import DataConfig
from videoswin.train.optimizer_config import OptimizerConfig, ScheduleConfig
from videoswin.train.rules import Rule, check, count, share
from videoswin.values import ClipSpec, Views
from videoswin.weights.inflation import Inflation

Precision = Literal["fp32", "bf16", "fp16"]


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """One run, complete: with its videos it can be repeated. The defaults are recipes/finetune.yaml."""

    weights: str = ""
    """Pretrained weights to start from: .safetensors or .pth of a Video Swin, or of a 2D Swin. Empty: from
    scratch."""
    inflation: Inflation = Inflation()
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
    augment: Augment = Augment()
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
        check(*_peer_rules(self))
        rates = ("label_smoothing", "drop_path_rate", "head_dropout")
        fraction, warmup = self.max_bad_fraction, self.schedule.warmup_epochs
        fits_pairs = not self.augment.has_mix or self.batch_size % 2 == 0
        check(
            Rule(
                "data.train", self.data.train, self.data.train != "", "a folder, list or CSV file of videos"
            ),
            *(count(name, getattr(self, name)) for name in ("epochs", "batch_size", "accumulate")),
            Rule("batch_size", self.batch_size, fits_pairs, "an even number with mixup or CutMix"),
            *(share(name, getattr(self, name)) for name in rates),
            Rule("precision", self.precision, self.precision in get_args(Precision), "fp32, bf16, fp16"),
            Rule("seed", self.seed, self.seed >= 0, "0 or more"),
            Rule("output", self.output, self.output != "", "a folder"),
            Rule("max_bad_fraction", fraction, 0 <= fraction <= 1, "0 to 1"),
            Rule("schedule.warmup_epochs", warmup, warmup < self.epochs, f"less than epochs ({self.epochs})"),
        )


def _peer_rules(config: TrainConfig) -> list[Rule]:
    """What means nothing for a peer must be left alone, so that nobody believes that it had an effect."""
    if config.peer not in PEERS:
        known = f"empty (Video Swin), {', '.join(PEERS)}"
        return [Rule("peer", config.peer, config.peer == "", known)]
    spec, rate, who = PEERS[peer_name(config.peer)], config.drop_path_rate, f"with peer {config.peer}"
    has_rate = spec.has_drop_path or rate in (0.0, TrainConfig.drop_path_rate)
    blocks = config.checkpoint_blocks
    return [
        Rule("model", config.model, config.model is None, f"null {who}"),
        Rule("inflation", config.inflation, config.inflation == Inflation(), f"the default {who}"),
        Rule("drop_path_rate", rate, has_rate, f"0 {who}, which has no stochastic depth"),
        Rule("checkpoint_blocks", blocks, not blocks or spec.library == "transformers", f"false {who}"),
    ]
