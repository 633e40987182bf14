"""How fast videos become clips: decoders, our views of one video, our loader.

Arms run in turn inside every round of one process and read the same frames, which are compared first; ratios
are of CPU time, since a machine is seldom idle. The loader is measured against bare processes that make the
same clips.
"""

from __future__ import annotations

import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch

from videoswin.bench.decoders import Decode, decoders
from videoswin.data.augment import Augment
from videoswin.data.clips import test_views, train_look
from videoswin.data.crops import CROPS
from videoswin.data.dataset import ClipDataset, Look
from videoswin.data.decode import open_video
from videoswin.data.loader import train_loader
from videoswin.data.samples import Sample
from videoswin.data.sampling import IntArray, test_indices, train_indices
from videoswin.errors import ConfigError
from videoswin.values import ClipSpec, Views

_CLIP = ClipSpec(num_frames=32, stride=2, size=224)
_VIEWS = Views(clips=4, crops=3)
_SHORT_SIDE = 256
_LOADER_ROUNDS = 3
_OTHER_FRAMES = 8.0  # mean levels between two pictures of which one must be another frame


@dataclass(frozen=True, kw_only=True)
class DataBenchConfig:
    """What is measured."""

    files: tuple[str, ...]
    """Videos."""
    clips: int = 8
    """Random clips of each, one a round."""
    workers: int = 1
    """Processes of the loader."""
    decord2: str = ""
    """Folder with the peer; empty leaves it out."""
    opencv: str = ""
    torchcodec: str = ""


@dataclass(kw_only=True, slots=True)
class Arm:
    """What was measured of one: seconds of every round."""

    name: str
    clips_a_round: int
    cpu_seconds: list[float] = field(default_factory=list)
    wall_seconds: list[float] = field(default_factory=list)
    note: str = ""
    frames_a_clip: int = _CLIP.num_frames

    @property
    def cpu(self) -> float:
        """CPU seconds of a clip, the median over the rounds."""
        return statistics.median(self.cpu_seconds) / self.clips_a_round

    @property
    def wall(self) -> float:
        return statistics.median(self.wall_seconds) / self.clips_a_round


@dataclass(frozen=True, kw_only=True, slots=True)
class DataBench:
    """Tables of arms; the first of each is ours."""

    decoders: list[Arm]
    views: list[Arm]
    loader: list[Arm]

    def cores(self, clips_per_second: float) -> float:
        """Cores that the loader keeps busy at this rate."""
        return self.loader[0].cpu * clips_per_second


def run(config: DataBenchConfig) -> Iterator[tuple[str, DataBench | None]]:
    """Measure; yields (what is done now, None), at last with the results. Raises ConfigError, DecodeError."""
    if not config.files or config.clips < 1 or config.workers < 1:
        raise ConfigError("bench data needs files, and at least one clip and one worker")
    torch.set_num_threads(1)
    arms = decoders(decord2=config.decord2, opencv=config.opencv, torchcodec=config.torchcodec)
    plans = [_plans(path, config.clips) for path in config.files]
    yield "compare frames", None
    notes = {name: _compare(decode, config.files, plans) for name, decode in arms.items()}
    decoding = [
        Arm(name=name, clips_a_round=len(config.files), note=note)
        for name, note in notes.items()
        if not note.startswith("fails")
    ]
    for step in range(config.clips):
        yield f"clip {step + 1} of {config.clips}", None
        for arm in decoding:
            _time(arm, _clips_of_round(arms[arm.name], config.files, plans, step))
    views = [Arm(name=name, clips_a_round=12 * len(config.files)) for name in ("one decode", "12 decodes")]
    for step in range(max(config.clips // 4, 1)):
        yield f"views, round {step + 1}", None
        _time(views[0], lambda: [test_views(path, _CLIP, _VIEWS) for path in config.files])
        _time(views[1], lambda: [_separate_views(path) for path in config.files])
    if not all(torch.equal(_separate_views(p), test_views(p, _CLIP, _VIEWS)) for p in config.files[:1]):
        views[1].note = "other views"
    yield "loader", None
    loader = _measure_loader(config)
    failed = [Arm(name=n, clips_a_round=1, note=t) for n, t in notes.items() if t.startswith("fails")]
    yield "done", DataBench(decoders=decoding + failed, views=views, loader=loader)


def _plans(path: str, num_clips: int) -> list[IntArray]:
    """Indices of random clips, the first of which serves the comparison."""
    found: list[IntArray] = []

    def plan(num_frames: int) -> IntArray:
        random = np.random.default_rng(0)
        found[:] = [train_indices(num_frames, _CLIP, random) for _ in range(num_clips + 1)]
        return found[0][:1]

    with open_video(path) as video:
        video.read(plan)
    return found


def _compare(decode: Decode, files: tuple[str, ...], plans: list[list[IntArray]]) -> str:
    """What the table says of the frames of an arm: how far they are from ours."""
    worst, num_other = 0.0, 0
    for path, clips in zip(files, plans, strict=True):
        with open_video(path) as video:
            expected = video.read(partial(_as_planned, clips[0]), short_side=_SHORT_SIDE).pixels
        try:
            found = decode(path, clips[0], _SHORT_SIDE)
        except (RuntimeError, ConfigError) as error:  # decord's errors are RuntimeErrors
            return f"fails: {str(error).strip().splitlines()[0][:60]}"
        if found.shape != expected.shape:
            return f"fails: {found.shape} instead of {expected.shape} for {Path(path).name}"
        # Signed 16 bits hold any difference.
        difference = np.abs(found.astype(np.int16) - expected).mean(axis=(1, 2, 3))
        worst, num_other = (
            max(worst, float(difference.max())),
            num_other + int(difference.max() > _OTHER_FRAMES),
        )
    if num_other:
        return f"other frames in {num_other} of {len(files)} files"
    return "same frames" if worst == 0 else f"same frames, {worst:.1f} levels off"


def _as_planned(indices: IntArray, num_frames: int) -> IntArray:
    return indices


def _clips_of_round(
    decode: Decode, files: tuple[str, ...], plans: list[list[IntArray]], step: int
) -> Callable[[], object]:
    def work() -> None:
        for path, clips in zip(files, plans, strict=True):
            decode(path, clips[step + 1], _SHORT_SIDE)

    return work


def _time(arm: Arm, work: Callable[[], object]) -> None:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    arm.cpu_seconds.append(time.process_time() - cpu)
    arm.wall_seconds.append(time.perf_counter() - wall)


def _separate_views(path: str) -> torch.Tensor:
    """What `test_views` gives, with every view as a video of its own: open, decode its clip, cut."""
    views = torch.empty(
        (_VIEWS.clips * _VIEWS.crops, 3, _CLIP.num_frames, _CLIP.size, _CLIP.size), dtype=torch.uint8
    )
    for view in range(len(views)):
        with open_video(path) as video:
            frames = video.read(partial(_frames_of_view, view), short_side=_CLIP.size)
        height, width = frames.pixels.shape[1], frames.pixels.shape[2]
        box = CROPS[_VIEWS.crops](height, width, _CLIP.size)[view // _VIEWS.clips]
        cut = frames.pixels[:, box.top : box.top + box.height, box.left : box.left + box.width]
        views[view].copy_(torch.from_numpy(cut).permute(3, 0, 1, 2))
    return views


def _frames_of_view(view: int, num_frames: int) -> IntArray:
    indices: IntArray = test_indices(num_frames, _CLIP, _VIEWS.clips)[view % _VIEWS.clips]
    return indices


def _measure_loader(config: DataBenchConfig) -> list[Arm]:
    """`loader`: the training loader. `bare`: as many processes that make the same clips and drop them."""
    paths = list(config.files) * config.clips * config.workers
    arms = [Arm(name=name, clips_a_round=len(paths)) for name in ("loader", "bare")]
    for _ in range(_LOADER_ROUNDS):
        for arm, work in zip(arms, (_run_loader, _run_bare), strict=True):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu, wall = time.process_time(), time.perf_counter()
            work(paths, config.workers)
            arm.wall_seconds.append(time.perf_counter() - wall)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            children = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            arm.cpu_seconds.append(children + time.process_time() - cpu)
    return arms


def _load(sample: Sample, random: np.random.Generator) -> Look:
    return train_look(sample.file, _CLIP, Augment(), random)


def _run_loader(paths: list[str], num_workers: int) -> None:
    samples = [Sample(path=path, label=0, file=Path(path)) for path in paths]
    dataset = ClipDataset(samples, _load, seed=0)
    for batch in train_loader(dataset, global_batch=4, num_workers=num_workers, seed=0):
        assert not batch.bad, batch.bad


def _run_bare(paths: list[str], num_workers: int) -> None:
    context = multiprocessing.get_context("fork")
    workers = [
        context.Process(target=_make_clips, args=(paths, start, num_workers)) for start in range(num_workers)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def _make_clips(paths: list[str], start: int, step: int) -> None:
    torch.set_num_threads(1)
    for index in range(start, len(paths), step):
        train_look(Path(paths[index]), _CLIP, Augment(), np.random.default_rng((0, 0, index)))
