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
from videoswin.model.options import Recompute, Residual
from videoswin.peers.config import PEERS, peer_name
from videoswin.train.data_config import DataConfig
from videoswin.train.optimizer_config import OptimizerConfig, ScheduleConfig
from videoswin.train.rules import Rule, check, count, share
from videoswin.train.scale_config import CheckpointConfig, ScaleConfig
from videoswin.values import ClipSpec, Views
from videoswin.weights.inflation import Inflation

Precision = Literal["fp32", "bf16", "fp16"]
BoardName = Literal["tensorboard", "wandb", "mlflow"]
ClassWeights = Literal["none", "balanced"]
OnNonFinite = Literal["stop", "skip"]


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
    global_batch: int = 8
    """Clips of one update, over all devices."""
    micro_batch: int | Literal["auto"] = "auto"
    """Clips that a device holds in memory at once; an update takes as many turns as it needs. auto: as many
    as fit."""
    precision: Precision = "fp32"
    """Of the computation; weights stay fp32. bf16 suits a recent GPU; fp16 needs a GPU and can overflow."""
    label_smoothing: float = 0.0
    """Share of the target spread over all classes, in [0, 1) (paper: 0.1 on Something-Something)."""
    drop_path_rate: float = 0.1
    """Stochastic depth of the last block, in [0, 1); it grows from 0 (paper: T 0.1, S 0.2, B 0.3)."""
    skip_dropped: bool = False
    """Compute nothing of what stochastic depth leaves out: faster by its mean rate. Then a fixed number of a
    micro-batch's clips, rounded, is left out of each branch; of one clip none."""
    head_dropout: float = 0.5
    """Dropout before the head, in [0, 1)."""
    views: str = ""
    """Test-time views, clips x crops, for `data.test`. Empty: the paper's, 4x3 for dense sampling and 1x3 for
    uniform, whose one clip spans the whole video."""
    class_weights: ClassWeights = "none"
    """`balanced`: in the training loss every class weighs as much as any other: a clip of class k counts
    n / (K n_k) times, of n training videos, K classes, n_k of class k. With several classes a video, the
    true cases of a class weigh as much as the false ones."""
    ema_decay: float = 0.0
    """Keep a running mean of the weights: after each update mean = decay x mean + (1 - decay) x weights.
    It is what is validated, kept and evaluated. 0.999 averages about 1000 updates. 0: off, as in the
    paper."""
    freeze_stages: int = 0
    """The patch embedding and so many stages keep the weights they start with. 0: everything learns."""
    patience: int = 0
    """Stop after so many validations in a row without a better one (`val/top1`, with several classes a video
    `val/map`). 0: all epochs."""
    recompute_stages: int = 0
    """Compute the blocks of so many stages, the first, again in the backward pass: less memory, more time. On
    a GPU a clip of 32 frames, 224 px takes Swin-T 1.55 GiB at 0, 1.01 at 1, 0.74 at 2 and 0.68 at all 4."""
    recompute: Recompute = "blocks"
    """What of these blocks is computed again. `blocks`: all but their input. `mlp`: norms and the MLP.
    `light`: norms and GELU only, cheap; on a CPU and with compile_blocks it is done without asking."""
    residual: Residual = "fp32"
    """Of the sum that runs through all blocks. bf16, only with that precision, is less memory and rounds it
    in every block."""
    compile_blocks: bool = False
    """Compile the blocks (torch.compile), two of each stage for all its depth: some time at the start, then
    faster on a GPU."""
    on_nonfinite: OnNonFinite = "stop"
    """What a NaN or infinite loss or gradient does, always before the update. `stop`: ends the run and writes
    nonfinite.json, with what it takes to see it again. `skip`: the update is left out and counted, up to
    `max_skipped` in a row."""
    max_skipped: int = 10
    """Updates in a row that may be left out, at fp16 also those whose gradient overflowed."""
    loggers: tuple[BoardName, ...] = ("tensorboard",)
    """Boards that show the run beside metrics.csv: tensorboard, wandb, mlflow; none: []."""
    fast_dev_run: bool = False
    """Try everything once: one update, and as many videos validated; checkpoint, weights and report too, in a
    folder that is deleted. `data.test` is left out."""
    find_learning_rate: bool = False
    """Do not train: try learning rates from 1e-7 to 1 on a copy of the model, draw the loss over them and
    propose one."""
    seed: int = 0
    """Initial values, hold-out, order, clips and dropout follow from it."""
    scale: ScaleConfig = ScaleConfig()
    """Processes and devices."""
    checkpoint: CheckpointConfig = CheckpointConfig()
    """Saved states, in `output`/checkpoints."""
    resume: str = "auto"
    """`auto`: go on with the run in `output` if there is one, else start. `never`: `output` must be new or
    empty. A path: go on with this checkpoint, or with the newest of this run."""
    output: str = "runs/finetune"
    """Folder for everything the run writes. An earlier run is continued or left alone, never overwritten."""
    max_bad_fraction: float = 0.01
    """Share of unreadable videos, in [0, 1], above which the run stops once there are 10 of them."""

    def __post_init__(self) -> None:
        if self.views != "":
            Views.parse(self.views)
        check(*_peer_rules(self))
        rates = ("label_smoothing", "drop_path_rate", "head_dropout")
        fraction, warmup = self.max_bad_fraction, self.schedule.warmup_epochs
        check(
            Rule(
                "data.train", self.data.train, self.data.train != "", "a folder, list or CSV file of videos"
            ),
            *(count(name, getattr(self, name)) for name in ("epochs", "global_batch")),
            *_batch_rules(self),
            *(share(name, getattr(self, name)) for name in rates),
            Rule("precision", self.precision, self.precision in get_args(Precision), "fp32, bf16, fp16"),
            Rule("seed", self.seed, self.seed >= 0, "0 or more"),
            Rule("resume", self.resume, self.resume != "", "auto, never, or a path"),
            Rule("output", self.output, self.output != "", "a folder"),
            Rule("max_bad_fraction", fraction, 0 <= fraction <= 1, "0 to 1"),
            *_feature_rules(self),
            Rule("schedule.warmup_epochs", warmup, warmup < self.epochs, f"less than epochs ({self.epochs})"),
        )


def _feature_rules(config: TrainConfig) -> list[Rule]:
    counts = ("freeze_stages", "recompute_stages", "patience", "max_skipped")
    choices: tuple[tuple[str, str, tuple[str, ...]], ...] = (
        ("class_weights", config.class_weights, get_args(ClassWeights)),
        ("on_nonfinite", config.on_nonfinite, get_args(OnNonFinite)),
        ("recompute", config.recompute, get_args(Recompute)),
        ("residual", config.residual, get_args(Residual)),
        *(("loggers", name, get_args(BoardName)) for name in config.loggers),
    )
    is_fitting = config.residual == "fp32" or config.precision == "bf16"
    return [
        *(Rule(name, getattr(config, name), getattr(config, name) >= 0, "0 or more") for name in counts),
        *(Rule(name, value, value in allowed, ", ".join(allowed)) for name, value, allowed in choices),
        share("ema_decay", config.ema_decay),
        Rule("residual", config.residual, is_fitting, "fp32, or bf16 with precision bf16"),
        Rule(
            "find_learning_rate",
            config.find_learning_rate,
            not config.find_learning_rate or (config.scale.devices == 1 and not config.fast_dev_run),
            "false with fast_dev_run or several devices",
        ),
    ]


def _batch_rules(config: TrainConfig) -> list[Rule]:
    """Mixed clips are neighbours of one micro-batch."""
    needs_pairs, micro = config.augment.has_mix, config.micro_batch
    even = "an even number with mixup or CutMix"
    rules = [Rule("global_batch", config.global_batch, not needs_pairs or config.global_batch % 2 == 0, even)]
    if micro != "auto":
        fits = 1 <= micro <= config.global_batch
        rules.append(Rule("micro_batch", micro, fits, f"auto, 1 to global_batch ({config.global_batch})"))
        rules.append(Rule("micro_batch", micro, not needs_pairs or micro % 2 == 0, even))
    return rules


def _peer_rules(config: TrainConfig) -> list[Rule]:
    """What means nothing for a peer must be left alone, so that nobody believes that it had an effect."""
    if config.peer not in PEERS:
        known = f"empty (Video Swin), {', '.join(PEERS)}"
        return [Rule("peer", config.peer, config.peer == "", known)]
    spec, rate, who = PEERS[peer_name(config.peer)], config.drop_path_rate, f"with peer {config.peer}"
    has_rate = spec.has_drop_path or rate in (0.0, TrainConfig.drop_path_rate)
    recompute, decay = config.recompute_stages, config.optimizer.layer_decay
    freeze, compiles = config.freeze_stages, config.compile_blocks
    what, residual, skips = config.recompute, config.residual, config.skip_dropped
    return [
        Rule("model", config.model, config.model is None, f"null {who}"),
        Rule("inflation", config.inflation, config.inflation == Inflation(), f"the default {who}"),
        Rule("drop_path_rate", rate, has_rate, f"0 {who}, which has no stochastic depth"),
        Rule("recompute_stages", recompute, not recompute or spec.library == "transformers", f"0 {who}"),
        Rule("recompute", what, what == "blocks", f"blocks {who}"),
        Rule("residual", residual, residual == "fp32", f"fp32 {who}"),
        Rule("skip_dropped", skips, not skips, f"false {who}"),
        Rule("freeze_stages", freeze, freeze == 0, f"0 {who}"),
        Rule("compile_blocks", compiles, not compiles, f"false {who}"),
        Rule("optimizer.layer_decay", decay, decay == 1, f"1 {who}"),
    ]
