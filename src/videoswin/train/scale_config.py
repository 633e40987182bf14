"""On how many devices a run computes, and how its state is kept. No torch here, as in config.py.

None of this changes what is learnt: the same updates of the same clips, up to the order of additions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from videoswin.train.rules import Rule, check, count, is_at_least

StrategyName = Literal["auto", "ddp", "fsdp"]


@dataclass(frozen=True, kw_only=True)
class ScaleConfig:
    """The processes of a run. Under torchrun or SLURM their number is that of the job."""

    devices: int = 1
    """Processes on this machine: GPUs, or without any CPU processes, which share the cores."""
    strategy: StrategyName = "auto"
    """`ddp`: every process holds the whole model. `fsdp`: they share it (FSDP2), for models that don't fit.
    `auto`: ddp with more than one process."""
    timeout_seconds: float = 300.0
    """A process that is stuck for so long ends the job, which names it."""

    def __post_init__(self) -> None:
        strategies, timeout = get_args(StrategyName), self.timeout_seconds
        check(
            count("scale.devices", self.devices),
            Rule("scale.strategy", self.strategy, self.strategy in strategies, ", ".join(strategies)),
            Rule("scale.timeout_seconds", timeout, is_at_least(1, timeout), "1 or more"),
        )


@dataclass(frozen=True, kw_only=True)
class CheckpointConfig:
    """When the state of a run is saved, apart from the end of each epoch and a signal, when it always is."""

    minutes: float = 10.0
    """Save when the last is so old; 0: never for that reason."""
    updates: int = 0
    """Save after so many updates; 0: never for that reason."""
    keep: int = 3
    """How many whole checkpoints stay; older ones are deleted."""
    asynchronous: bool = False
    """Write while the next updates run: shorter pauses for a copy of model and optimizer in memory."""

    def __post_init__(self) -> None:
        check(
            Rule("checkpoint.minutes", self.minutes, is_at_least(0, self.minutes), "0 (off) or more"),
            Rule("checkpoint.updates", self.updates, self.updates >= 0, "0 (off) or more"),
            count("checkpoint.keep", self.keep),
        )
