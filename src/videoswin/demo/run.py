"""The whole story: render, train, evaluate, shuffle, predict, report. The commands use the same functions."""

from __future__ import annotations

import logging
import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

import videoswin
from videoswin.data.augment import Augment
from videoswin.demo.outcome import measure_outcome
from videoswin.demo.render import SHUFFLED, ClipCounts, num_files, render_data_set
from videoswin.demo.report import render_page
from videoswin.demo.story import Measured, Story
from videoswin.evaluate import EvaluateConfig, evaluate, prepare_folder, write_report
from videoswin.model.config import SwinConfig
from videoswin.predict import Predictor
from videoswin.predict.predictor import find_device
from videoswin.storage import write_atomically
from videoswin.train.config import TrainConfig
from videoswin.train.data_config import DataConfig
from videoswin.train.optimizer_config import OptimizerConfig, ScheduleConfig
from videoswin.train.output import prepare_output, require_empty
from videoswin.train.run import train
from videoswin.values import ClipSpec, Views

logger = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]
"""Called with (step, done, total)."""

VIEWS = Views(clips=4, crops=3)
PREDICTED = Path("test", "turn_clockwise", "000.mp4")
"""The clip for which a single prediction is shown."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoSize:
    """What the time of a demo grows with."""

    counts: ClipCounts
    epochs: int


FULL_SIZE = DemoSize(counts=ClipCounts(train=100, validation=10, test=25), epochs=24)
"""Enough for a top-1 of 0.95 and more on clips it has not seen, in a few minutes on two CPU cores."""


def train_config(videos: Path, output: Path, *, seed: int, epochs: int) -> TrainConfig:
    """A Video Swin that is small enough to learn eight motions from scratch on two CPU cores."""
    return TrainConfig(
        # Two stages of two blocks, so each stage has a regular and a shifted window. The 12x12 tokens of a
        # frame are four windows in the first stage and one in the second, where a token sees the whole clip.
        model=SwinConfig(embed_dim=48, depths=(2, 2), num_heads=(3, 6), window=(4, 6, 6), patch=(2, 4, 4)),
        # Eight frames, every second one, span 16 of the 24: long enough to see a bounce turn round.
        clip=ClipSpec(num_frames=8, stride=2, size=48),
        # A flip would make a slide to the left one to the right. The central square of a picture, which is
        # what validation sees, is 0.57 of its area: crops near that show the object whole and as large.
        augment=Augment(crop_area=(0.5, 0.8), flip_probability=0.0),
        data=DataConfig(train=str(videos / "train"), val=str(videos / "validation"), num_workers=2),
        # From scratch the backbone learns as fast as the head. The sense of a turn is learnt last and all at
        # once: many small updates get there, half as many of 16 clips or a higher rate did not. With so few
        # clips an update, a single odd gradient must not undo what was learnt.
        optimizer=OptimizerConfig(learning_rate=1e-3, backbone_multiplier=1.0, max_gradient_norm=1.0),
        schedule=ScheduleConfig(warmup_epochs=0.08 * epochs),
        epochs=epochs,
        global_batch=8,
        # Both hold large models back from overfitting; this one needs all it has.
        drop_path_rate=0.0,
        head_dropout=0.0,
        seed=seed,
        output=str(output),
    )


def run_demo(output: str, *, seed: int, size: DemoSize, progress: Progress) -> Story:
    """Do everything and write it to `output`, a new or empty folder: data/ with the clips, run/ with the
    training, evaluation/, evaluation_shuffled/ and report.html.

    Steps go to the log `videoswin.demo.run`, counts within them to `progress`. The same seed gives the same
    clips, initial values and order of training. Raises ConfigError or StorageError, before anything is done
    if the folder can't be used.
    """
    folder = prepare_output(output, sources=())
    require_empty(folder)
    videos = folder / "data"
    seconds: dict[str, float] = {}
    config = train_config(videos, folder / "run", seed=seed, epochs=size.epochs)
    with _step("render", seconds, f"1/5 rendering {num_files(size.counts)} clips into {videos}"):
        _render(videos, size.counts, seed=seed, progress=progress)
    with _step("train", seconds, f"2/5 training for {size.epochs} epochs"):
        trained = train(config)
    with _step("evaluate", seconds, f"3/5 evaluating the test clips with {VIEWS} views"):
        ordered = _measure(trained.last, videos / "test", folder / "evaluation", progress=progress)
    with _step("shuffle", seconds, "4/5 evaluating them again, frames in random order"):
        shuffled = _measure(
            trained.last, videos / SHUFFLED, folder / "evaluation_shuffled", progress=progress
        )
    with _step("predict", seconds, f"5/5 predicting {videos / PREDICTED}"):
        prediction = Predictor(trained.last, views=VIEWS, device="auto")(videos / PREDICTED)
    model = videoswin.load(trained.last)
    story = Story(
        folder=folder,
        videos=videos,
        seed=seed,
        counts=size.counts,
        config=config,
        trained=trained,
        num_parameters=sum(parameter.numel() for parameter in model.parameters()),
        ordered=ordered,
        shuffled=shuffled,
        prediction=prediction,
        seconds=seconds,
        machine=describe_machine(),
    )
    # A folder may have any name, also one that is no text.
    write_atomically(story.page, render_page(story).encode(errors="backslashreplace"))
    return story


@contextmanager
def _step(name: str, seconds: dict[str, float], line: str) -> Iterator[None]:
    """Log what starts, and keep how long it took."""
    logger.info(line)
    start = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - start


def _render(videos: Path, counts: ClipCounts, *, seed: int, progress: Progress) -> None:
    total = num_files(counts)
    progress("rendering", 0, total)
    for done, _ in enumerate(render_data_set(videos, counts, seed=seed), start=1):
        progress("rendering", done, total)


def _measure(weights: Path, source: Path, folder: Path, *, progress: Progress) -> Measured:
    """Evaluate and write the files that `videoswin evaluate` writes."""
    prepare_folder(folder, force=False)
    # The clips decode faster than two processes could share two cores with a model of two threads.
    config = EvaluateConfig(views=VIEWS, views_per_pass=len(VIEWS), num_workers=0)
    report = evaluate(weights, source, config, progress=partial(progress, "evaluating"))
    write_report(report, folder)
    true_classes = torch.tensor([sample.label for sample in report.samples])
    outcome = measure_outcome(report.probabilities, true_classes, report.labels)
    return Measured(report=report, folder=folder, outcome=outcome)


def describe_machine() -> str:
    """Cores, device and versions, as one line for people."""
    device = find_device("auto")
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "no GPU"
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {name}, "
        f"Python {platform.python_version()}, PyTorch {torch.__version__}"
    )
