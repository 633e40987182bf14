"""Speed and memory of one batch: our backends beside peers, with the same weights, in inference and training.

Arms run in turn inside every round of one process, so that a drifting machine hurts all alike; the ratio of a
round is taken inside it, and so is the share of the machine's matrix product, which is measured in every
round. Results are compared before anything is timed.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from videoswin.bench.arms import Arm, ArmsConfig, arms, build
from videoswin.bench.machine import Machine, machine, use_threads
from videoswin.bench.memory import MemoryJob, peak_memory
from videoswin.bench.parts import PartTimes, profile_step
from videoswin.bench.roofline import matmul_peak, needed_multiply_adds
from videoswin.bench.steps import CALCULATIONS, STEPS, Mode, Step, random_clips
from videoswin.errors import ConfigError
from videoswin.model import VARIANTS
from videoswin.values import Size3


@dataclass(frozen=True, kw_only=True)
class BenchConfig:
    """What is measured."""

    arms: ArmsConfig = field(default_factory=ArmsConfig)
    sizes: tuple[tuple[int, int, int], ...] = ((32, 224, 224),)
    """Frames, height and width of a clip."""
    modes: tuple[Mode, ...] = ("inference",)
    batch_size: int = 1
    """Clips at once."""
    rounds: int = 5
    """Timed rounds, after one that is compared."""
    threads: int = 0
    """CPU threads; 0 is torch's own choice."""
    skip_memory: bool = False
    """Leave out the peak memory, which takes a process an arm."""
    profile: bool = False
    """Also where the time of a step goes, by part."""

    def __post_init__(self) -> None:
        for name, value in (("rounds", self.rounds), ("batch_size", self.batch_size)):
            if value < 1:
                raise ConfigError(f"{name} is {value}; allowed: 1 or more")
        if not (self.sizes and self.modes):
            raise ConfigError("sizes and modes must each name at least one")


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """Of one arm at one size and mode. seconds: of every round. shares: of the measured matrix product, at
    which the needed multiply-adds were computed. difference: to the first arm's result (the logits; in
    training the gradient of the patch embedding), relative to its size. is_same: within what the precision
    explains."""

    size: tuple[int, int, int]
    mode: Mode
    source: str
    precision: str
    seconds: list[float]
    shares: list[float]
    peak_bytes: int | None
    difference: float
    is_same: bool
    parts: PartTimes | None

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def arm(self) -> str:
        return f"{self.source} {self.precision}"

    def times_faster(self, first: Result) -> list[float]:
        """How many times faster than the first arm, in every round."""
        return [theirs / ours for theirs, ours in zip(first.seconds, self.seconds, strict=True)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Bench:
    """Everything measured. peaks: operations a second of a matrix product, the median over all rounds."""

    machine: Machine
    peaks: dict[str, float]
    results: list[Result]


def run(config: BenchConfig) -> Iterator[tuple[str, Bench | None]]:
    """Measure; yields (what is done now, None), at last with the results. Raises ConfigError."""
    use_threads(config.threads)
    before = machine()
    peaks: dict[str, list[float]] = {precision: [] for precision in config.arms.precisions}
    results: list[Result] = []
    for size in config.sizes:
        for mode in config.modes:
            cell = _Cell(config, size, mode)
            for step in cell.run():
                yield f"{'x'.join(map(str, size))} {mode}: {step}", None
            results += cell.results
            for precision, rates in cell.peaks.items():
                peaks[precision] += rates
    medians = {precision: statistics.median(rates) for precision, rates in peaks.items()}
    yield "done", Bench(machine=before, peaks=medians, results=results)


class _Cell:
    """All arms at one size and mode."""

    def __init__(self, config: BenchConfig, size: tuple[int, int, int], mode: Mode) -> None:
        self._config, self._size, self._mode = config, size, mode
        self._arms = arms(config.arms, mode)
        if not self._arms:
            raise ConfigError(
                f"there is nothing to measure in {mode}: {', '.join(config.arms.ours)} is not for it"
            )
        self._clips = random_clips(config.batch_size, size)
        self._seconds: dict[str, list[float]] = {arm.name: [] for arm in self._arms}
        self._first: dict[str, Tensor] = {}
        self._parts: dict[str, PartTimes] = {}
        self.peaks: dict[str, list[float]] = {arm.precision: [] for arm in self._arms}
        self.results: list[Result] = []

    def run(self) -> Iterator[str]:
        """Fills `results` and `peaks`; yields what is done now."""
        steps: dict[str, Step] = {}
        for arm in self._arms:
            yield f"build {arm.name}"
            model = build(self._config.arms, arm)
            steps[arm.name] = STEPS[self._mode](model, arm.arithmetic)
            self._first[arm.name] = steps[arm.name](self._clips)
            if self._config.profile:
                yield f"profile {arm.name}"
                self._parts[arm.name] = profile_step(model, steps[arm.name], self._clips)
        for number in range(self._config.rounds):
            yield f"round {number + 1} of {self._config.rounds}"
            self._round(steps)
        del steps  # their memory is needed now
        for arm in self._arms:
            if not self._config.skip_memory:
                yield f"memory of {arm.name}"
            self.results.append(self._result(arm))

    def _round(self, steps: dict[str, Step]) -> None:
        for arm in self._arms:
            start = time.perf_counter()
            steps[arm.name](self._clips)
            self._seconds[arm.name].append(time.perf_counter() - start)
        for precision, dtype in {arm.precision: arm.arithmetic.dtype for arm in self._arms}.items():
            self.peaks[precision].append(matmul_peak(dtype))

    def _result(self, arm: Arm) -> Result:
        first, own = self._first[self._arms[0].name], self._first[arm.name]
        difference = float((own.float() - first.float()).abs().max() / first.float().abs().max())
        needed = needed_multiply_adds(VARIANTS[self._config.arms.variant], Size3(*self._size))
        operations = 2 * needed * CALCULATIONS[self._mode] * self._config.batch_size
        rates = zip(self._seconds[arm.name], self.peaks[arm.precision], strict=True)
        job = MemoryJob(
            arms=self._config.arms,
            arm=arm.name,
            mode=self._mode,
            size=self._size,
            batch_size=self._config.batch_size,
            threads=torch.get_num_threads(),
        )
        return Result(
            size=self._size,
            mode=self._mode,
            source=arm.source,
            precision=arm.precision,
            seconds=self._seconds[arm.name],
            shares=[operations / seconds / peak for seconds, peak in rates],
            peak_bytes=None if self._config.skip_memory else peak_memory(job),
            difference=difference,
            is_same=difference <= arm.arithmetic.tolerance,
            parts=self._parts.get(arm.name),
        )
