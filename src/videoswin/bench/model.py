"""Speed and memory of one batch: our backends beside peers, with the same weights, in inference and training.

Arms run in turn inside every round of one process, so that a drifting machine hurts all alike; the ratio of a
round is taken inside it, and so is the share of the machine's matrix product, which is measured in every
round. Results are compared before anything is timed.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field

from videoswin.bench.arms import ArmsConfig
from videoswin.bench.cell import Cell, Plan
from videoswin.bench.device import find_device
from videoswin.bench.limit import TimeLimit
from videoswin.bench.machine import machine, use_threads
from videoswin.bench.results import Bench, Result
from videoswin.bench.steps import Mode
from videoswin.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class BenchConfig:
    """What is measured."""

    arms: ArmsConfig = field(default_factory=ArmsConfig)
    sizes: tuple[tuple[int, int, int], ...] = ((32, 224, 224),)
    """Frames, height and width of a clip."""
    modes: tuple[Mode, ...] = ("inference",)
    batch_sizes: tuple[int, ...] = (1,)
    """Clips at once."""
    rounds: int = 5
    """Timed rounds, after one that is compared."""
    threads: int = 0
    """CPU threads; 0 is torch's own choice."""
    skip_memory: bool = False
    """Leave out the peak memory, which takes a process an arm on a CPU."""
    profile: bool = False
    """Also where the time of a step goes, by part."""
    compile_times: bool = False
    """Also how long compiled arms take to compile, which takes two processes each."""
    time_limit: float = 0.0
    """Seconds after which nothing new is begun; 0: none."""

    def __post_init__(self) -> None:
        for name, value in (("rounds", self.rounds), *(("batch_sizes", each) for each in self.batch_sizes)):
            if value < 1:
                raise ConfigError(f"{name} is {value}; allowed: 1 or more")
        if not (self.sizes and self.modes and self.batch_sizes):
            raise ConfigError("sizes, modes and batch_sizes must each name at least one")

    def plans(self) -> list[Plan]:
        """Of all cells, in turn. Compiling is timed at the first batch of a size and mode."""
        return [
            Plan(
                arms=self.arms,
                size=size,
                mode=mode,
                batch_size=batch_size,
                rounds=self.rounds,
                has_memory=not self.skip_memory,
                has_parts=self.profile,
                has_compile_times=self.compile_times and batch_size == self.batch_sizes[0],
            )
            for size in self.sizes
            for mode in self.modes
            for batch_size in self.batch_sizes
        ]


def run(config: BenchConfig) -> Iterator[tuple[str, Bench | None]]:
    """Measure; yields (what is done now, None), at last with the results. Raises ConfigError."""
    use_threads(config.threads)
    limit = TimeLimit(config.time_limit)
    device = find_device(config.arms.device)
    before = machine(device)
    peaks: dict[str, list[float]] = {}
    bandwidths: list[float] = []
    results: list[Result] = []
    for plan in config.plans():
        if not limit.allows(str(plan)):
            continue
        cell = Cell(plan, limit)
        for step in cell.run():
            yield f"{plan}: {step}", None
        results += cell.results
        bandwidths += cell.bandwidths
        for precision, rates in cell.peaks.items():
            peaks.setdefault(precision, []).extend(rates)
    medians = {precision: statistics.median(rates) for precision, rates in peaks.items() if rates}
    bench = Bench(
        machine=before,
        device=device.type,
        peaks=medians,
        bandwidth=statistics.median(bandwidths) if bandwidths else 0.0,
        results=results,
        left_out=limit.left_out,
    )
    yield "done", bench
