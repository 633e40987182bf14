"""How time and memory of one clip grow with its frames and its area, odd sizes between the even ones."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from videoswin.bench.arms import ArmsConfig, build
from videoswin.bench.job import Job, find_arm
from videoswin.bench.machine import Machine, machine, use_threads
from videoswin.bench.memory import peak_memory
from videoswin.bench.precisions import Precision
from videoswin.bench.roofline import needed_multiply_adds
from videoswin.bench.steps import STEPS, Mode, Step, random_clips
from videoswin.errors import ConfigError
from videoswin.model import VARIANTS
from videoswin.values import Size3

_FASTEST: dict[Mode, str] = {"inference": "frozen", "training": "boxes"}
BASE = Size3(32, 224, 224)
"""Where the two series cross, and what growth is measured from."""


@dataclass(frozen=True, kw_only=True)
class ScalingConfig:
    """What is measured: every number of frames at 224 px, every side at 32 frames."""

    variant: str = "swin_t"
    """A published size."""
    frames: tuple[int, ...] = (8, 16, 32, 33, 64, 101, 128, 256)
    """Frames of a clip."""
    sides: tuple[int, ...] = (112, 160, 224, 225, 288, 333, 448)
    """Pixels, height and width."""
    mode: Mode = "inference"
    """What is run: inference or training."""
    precision: Precision = "fp32"
    """What it is computed in."""
    rounds: int = 3
    """Timed rounds, after one of the base that is not counted; the fastest counts."""
    threads: int = 0
    """CPU threads; 0 is torch's own choice."""

    def __post_init__(self) -> None:
        # The arms check the variant.
        if self.rounds < 1 or min(*self.frames, *self.sides, 1) < 1:
            raise ConfigError("rounds, frames and sides must be 1 or more")

    @property
    def sizes(self) -> list[Size3]:
        """Every clip once, the base among them."""
        over_frames = [Size3(frames, BASE.h, BASE.w) for frames in self.frames]
        over_sides = [Size3(BASE.t, side, side) for side in self.sides]
        return list(dict.fromkeys([BASE, *over_frames, *over_sides]))


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """One clip. multiply_adds: what it needs (`bench.roofline`)."""

    size: Size3
    seconds: float
    peak_bytes: int
    multiply_adds: int

    def seconds_a_pixel(self, base: Point) -> float:
        """Time a pixel, in those of the base: 1 where time is linear in the size of the clip."""
        return self.seconds / self.size.volume / (base.seconds / base.size.volume)

    def seconds_a_multiply_add(self, base: Point) -> float:
        """Time a needed multiply-add, in those of the base. Padding to whole patches and windows is not in
        it, so that a cliff is one of the code and not of the arithmetic."""
        return self.seconds / self.multiply_adds / (base.seconds / base.multiply_adds)


@dataclass(frozen=True, kw_only=True, slots=True)
class Scaling:
    """points: over frames (at 224 px) and over sides (at 32 frames), each with the base, in order of size."""

    machine: Machine
    base: Point
    over_frames: list[Point]
    over_sides: list[Point]


def run(config: ScalingConfig) -> Iterator[tuple[str, Scaling | None]]:
    """Measure our fastest; yields (what is done now, None), at last with the points. Raises ConfigError."""
    use_threads(config.threads)
    before = machine()
    source = _FASTEST[config.mode]
    arms = ArmsConfig(variant=config.variant, ours=(source,), precisions=(config.precision,))
    arm = find_arm(arms, config.mode, f"{source} {config.precision}")
    step = STEPS[config.mode](build(arms, arm), arm.arithmetic)
    seconds: dict[Size3, list[float]] = {size: [] for size in config.sizes}
    yield "warm up", None
    _time(step, BASE)
    for number in range(config.rounds):
        for size in config.sizes:
            yield f"round {number + 1} of {config.rounds}: {'x'.join(map(str, size))}", None
            seconds[size].append(_time(step, size))
    points = {}
    for size in config.sizes:
        yield f"memory of {'x'.join(map(str, size))}", None
        points[size] = _point(config, arms, arm.name, size, seconds[size])
    ordered = sorted(points.values(), key=lambda point: point.size.volume)
    yield (
        "done",
        Scaling(
            machine=before,
            base=points[BASE],
            over_frames=[point for point in ordered if point.size[1:] == BASE[1:]],
            over_sides=[point for point in ordered if point.size.t == BASE.t],
        ),
    )


def _point(config: ScalingConfig, arms: ArmsConfig, arm: str, size: Size3, seconds: list[float]) -> Point:
    threads = torch.get_num_threads()
    job = Job(arms=arms, arm=arm, mode=config.mode, size=size, batch_size=1, threads=threads)
    return Point(
        size=size,
        # Other work on the machine only ever makes a round slower.
        seconds=min(seconds),
        peak_bytes=peak_memory(job),
        multiply_adds=needed_multiply_adds(VARIANTS[config.variant], size),
    )


def _time(step: Step, size: Size3) -> float:
    clips = random_clips(1, size)
    start = time.perf_counter()
    step(clips)
    return time.perf_counter() - start
