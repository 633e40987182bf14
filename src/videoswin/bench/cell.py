"""All arms of the model benchmark at one size, mode and batch: built, compared, then timed in turn."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from videoswin.bench.arms import Arm, ArmsConfig, arms, build
from videoswin.bench.device import calls_a_round, peak_bytes, release_memory, seconds_of, taken_bytes
from videoswin.bench.floor import copy_rate, floor_seconds
from videoswin.bench.job import Job
from videoswin.bench.limit import TimeLimit
from videoswin.bench.memory import peak_memory
from videoswin.bench.parts import PartTimes, profile_step
from videoswin.bench.results import Result
from videoswin.bench.roofline import matmul_peak, needed_multiply_adds
from videoswin.bench.steps import CALCULATIONS, STEPS, Mode, Step, input_sets
from videoswin.errors import ConfigError
from videoswin.model import VARIANTS
from videoswin.values import Size3


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What a cell is to measure, see BenchConfig."""

    arms: ArmsConfig
    size: tuple[int, int, int]
    mode: Mode
    batch_size: int
    rounds: int
    has_memory: bool
    has_parts: bool
    has_compile_times: bool

    def __str__(self) -> str:
        return f"{self.mode}, {self.batch_size} x {'x'.join(map(str, self.size))}"


@dataclass(kw_only=True, slots=True)
class _Measured:
    """Of an arm that was built. calls: of its step in a round. peak_bytes: None where only a fresh process
    knows."""

    arm: Arm
    first: Tensor
    calls: int
    peak_bytes: int | None
    parts: PartTimes | None
    seconds: list[float] = field(default_factory=list)


class Cell:
    """`run` fills `results`, `peaks` and `bandwidths`."""

    def __init__(self, plan: Plan, limit: TimeLimit) -> None:
        self._plan, self._limit = plan, limit
        self._device = torch.device(plan.arms.device)
        self._arms = arms(plan.arms, plan.mode)
        if not self._arms:
            raise ConfigError(
                f"there is nothing to measure in {plan.mode}: {', '.join(plan.arms.ours)} is not for it"
            )
        self._clips = input_sets(plan.batch_size, plan.size, self._device)
        self._measured: list[_Measured] = []
        self.peaks: dict[str, list[float]] = {arm.precision: [] for arm in self._arms}
        self.bandwidths: list[float] = []
        self.results: list[Result] = []

    def run(self) -> Iterator[str]:
        """Yields what is done now."""
        steps: dict[str, Step] = {}
        for arm in self._arms:
            if self._limit.allows(f"{self._plan}, {arm.name}"):
                yield f"build {arm.name}"
                self._build(arm, steps)
        rounds = self._plan.rounds if steps else 0
        for number in range(rounds):
            # The first is always timed: what was built is measured.
            if number and not self._limit.allows(f"{self._plan}, rounds {number + 1} to {rounds}"):
                break
            yield f"round {number + 1} of {rounds}"
            self._round(number, steps)
        steps.clear()  # their memory is needed now
        if any(arm.form == "compiled" for arm in self._arms):
            from videoswin.bench.compiling import forget_compiled  # the compiler takes a second to load

            forget_compiled()
        release_memory(self._device)
        for measured in self._measured:
            if self._needs_processes(measured.arm):
                yield f"processes for {measured.arm.name}"
            self.results.append(self._result(measured))

    def _build(self, arm: Arm, steps: dict[str, Step]) -> None:
        try:
            taken = taken_bytes(self._device)
            model = build(self._plan.arms, arm)
            step = STEPS[self._plan.mode](model, arm.arithmetic)
            first = step(self._clips[0]).float().cpu()
            # The second step of a training arm is the first that has all of its memory.
            peak = peak_bytes(lambda: step(self._clips[0]), self._device)
            parts = None
            if self._plan.has_parts:
                parts = profile_step(model, step, self._clips[0], has_parts=arm.form == "eager")
            calls = calls_a_round(lambda: step(self._clips[0]), self._device)
        # While a CUDA graph is recorded, no memory left is any error of the device.
        except (torch.OutOfMemoryError, torch.AcceleratorError) as error:
            self._limit.leave_out(f"{self._plan}, {arm.name}", _first_line(error))
            return
        steps[arm.name] = step
        peak = None if peak is None else peak - taken
        self._measured.append(_Measured(arm=arm, first=first, calls=calls, peak_bytes=peak, parts=parts))

    def _round(self, number: int, steps: dict[str, Step]) -> None:
        for measured in self._measured:
            step = steps[measured.arm.name]
            # All arms get the same clips in a round, other ones in the next call and round.
            inputs = itertools.islice(itertools.cycle(self._clips), number, None)
            run = partial(_step_on_next, step, inputs)
            measured.seconds.append(seconds_of(run, self._device, measured.calls))
        used = {each.arm.precision: each.arm.arithmetic for each in self._measured}
        for precision, arithmetic in used.items():
            with arithmetic.around():
                self.peaks[precision].append(matmul_peak(arithmetic.dtype, self._device))
        self.bandwidths.append(copy_rate(self._device))

    def _result(self, measured: _Measured) -> Result:
        plan, arm, first = self._plan, measured.arm, self._measured[0]
        difference = float((measured.first - first.first).abs().max() / first.first.abs().max())
        tolerance = max(arm.arithmetic.tolerance, first.arm.arithmetic.tolerance)
        needed = needed_multiply_adds(VARIANTS[plan.arms.variant], Size3(*plan.size))
        operations = 2 * needed * CALCULATIONS[plan.mode] * plan.batch_size
        rates = zip(measured.seconds, self.peaks[arm.precision], strict=True)
        return Result(
            size=plan.size,
            mode=plan.mode,
            batch_size=plan.batch_size,
            source=arm.source,
            precision=arm.precision,
            arm=arm.name,
            operations=operations,
            seconds=measured.seconds,
            shares=[operations / seconds / peak for seconds, peak in rates],
            floor_shares=self._floor_shares(measured) if plan.mode == "inference" else [],
            peak_bytes=self._memory(measured) if plan.has_memory else None,
            difference=difference,
            is_same=difference <= tolerance,
            compile_seconds=self._compile_times(arm),
            parts=measured.parts,
        )

    def _floor_shares(self, measured: _Measured) -> list[float]:
        plan, arm = self._plan, measured.arm
        rounds = zip(measured.seconds, self.peaks[arm.precision], self.bandwidths, strict=True)
        return [
            floor_seconds(
                VARIANTS[plan.arms.variant],
                Size3(*plan.size),
                batch_size=plan.batch_size,
                itemsize=arm.arithmetic.dtype.itemsize,
                peak=peak,
                bandwidth=bandwidth,
            )
            / seconds
            for seconds, peak, bandwidth in rounds
        ]

    def _needs_processes(self, arm: Arm) -> bool:
        has_compiled = self._plan.has_compile_times and arm.form == "compiled"
        return has_compiled or (self._plan.has_memory and self._device.type == "cpu")

    def _memory(self, measured: _Measured) -> int | None:
        if measured.peak_bytes is not None:
            return measured.peak_bytes
        name = measured.arm.name
        return peak_memory(self._job(name)) if self._limit.allows(f"{self._plan}, memory of {name}") else None

    def _compile_times(self, arm: Arm) -> tuple[float, float] | None:
        what = f"{self._plan}, compile time of {arm.name}"
        if not (self._plan.has_compile_times and arm.form == "compiled" and self._limit.allows(what)):
            return None
        from videoswin.bench.compiling import compile_seconds

        try:
            return compile_seconds(self._job(arm.name), timeout=self._limit.seconds_left)
        except subprocess.TimeoutExpired:
            self._limit.leave_out(what, "no time left")
        except subprocess.CalledProcessError as error:
            self._limit.leave_out(what, f"failed: {(error.stderr or '').strip().splitlines()[-1:]}")
        return None

    def _job(self, name: str) -> Job:
        plan = self._plan
        return Job(
            arms=plan.arms,
            arm=name,
            mode=plan.mode,
            size=plan.size,
            batch_size=plan.batch_size,
            threads=torch.get_num_threads(),
        )


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0]


def _step_on_next(step: Step, inputs: Iterator[Tensor]) -> None:
    step(next(inputs))
