"""What `bench.model` measured, and what follows from it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from videoswin.bench.machine import Machine
from videoswin.bench.parts import PartTimes
from videoswin.bench.steps import Mode


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """Of one arm at one size, mode and batch. seconds: of a step, in every round. shares: of the measured
    matrix product, at which the needed operations (2 a multiply-add) were computed. floor_shares: of the
    speed at which every operation would be as fast as the device (`bench.floor`); empty in training.
    difference: to the first arm's result (the logits; in training the gradient of the patch embedding),
    relative to its size. is_same: within what the precision explains. peak_bytes: on a CPU of a fresh
    process, on a GPU of all tensors but the clips. compile_seconds: cold and warm, see `bench.compiling`."""

    size: tuple[int, int, int]
    mode: Mode
    batch_size: int
    source: str
    precision: str
    arm: str
    operations: int
    seconds: list[float]
    shares: list[float]
    floor_shares: list[float]
    peak_bytes: int | None
    difference: float
    is_same: bool
    compile_seconds: tuple[float, float] | None
    parts: PartTimes | None

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def clips_per_second(self) -> float:
        return self.batch_size / self.median

    @property
    def operations_per_second(self) -> float:
        return self.operations / self.median

    def times_faster(self, first: Result) -> list[float]:
        """How many times faster than the first arm, in every round."""
        return [theirs / ours for theirs, ours in zip(first.seconds, self.seconds, strict=True)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Bench:
    """Everything measured. peaks: operations a second of a matrix product, bandwidth: bytes a second of a
    copy, read and written; medians over all rounds.
    left_out: what there was no time or memory for, and why."""

    machine: Machine
    device: str
    peaks: dict[str, float]
    bandwidth: float
    results: list[Result]
    left_out: list[str]


class Best(NamedTuple):
    """An arm at the batch at which it is fastest. times_faster: its clips a second by those of the first
    arm's own best batch; None if it computes something else."""

    result: Result
    times_faster: float | None


def best_batches(results: Sequence[Result]) -> list[Best]:
    """Of each arm, in each size and mode, in the order of the results."""
    best: dict[tuple[object, ...], Result] = {}
    for result in results:
        key = (result.size, result.mode, result.arm)
        if key not in best or result.clips_per_second > best[key].clips_per_second:
            best[key] = result
    first: dict[tuple[object, ...], Result] = {}
    for result in best.values():
        first.setdefault((result.size, result.mode), result)
    return [
        Best(
            each,
            each.clips_per_second / first[each.size, each.mode].clips_per_second if each.is_same else None,
        )
        for each in best.values()
    ]
