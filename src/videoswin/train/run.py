"""One training run from its configuration to its files. The only place that sees the whole configuration."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import torch
from lightning.pytorch import Callback

from videoswin import ranks
from videoswin.data.ledger import BadSampleLedger
from videoswin.evaluate.job import first_does, job
from videoswin.launch import adopt_slurm
from videoswin.storage import write_atomically
from videoswin.threads import cores_shared_with
from videoswin.train.callbacks import BadVideos, BestAndLast, SeedSteps
from videoswin.train.checkpoint import CheckpointFolder, RunLock, Writer
from videoswin.train.checks import DATA_FILE
from videoswin.train.config import TrainConfig
from videoswin.train.describe import describe
from videoswin.train.final import evaluate_last, plan_evaluation
from videoswin.train.loggers import build_loggers
from videoswin.train.material import Material, build_data, build_module, gather_material, schedule
from videoswin.train.output import CONFIG_FILE, as_plain, prepare_output, write_config
from videoswin.train.patience import Patience
from videoswin.train.position import Batches
from videoswin.train.progress import watch_with
from videoswin.train.report import KeepScores
from videoswin.train.result import EVALUATION, TrainResult, finish, read_finished
from videoswin.train.resume import CHECKPOINTS, find_beginning, restore_files
from videoswin.train.saving import Saving
from videoswin.train.speed import Pace
from videoswin.train.strategy import find_layout
from videoswin.train.trainer import build_trainer, fit, quiet_lightning
from videoswin.train.trial import trial_of
from videoswin.train.watch import RankWatch

logger = logging.getLogger(__name__)


def train(config: TrainConfig) -> TrainResult:
    """Train as `config` says, or go on with the run in `config.output`; progress goes to the log
    `videoswin.train`, results into `config.output`.

    Seeds torch's global generator, for initial values and again for each batch (dropout). As one of several
    processes that a launcher started, it trains with the others.

    Raises, before anything is trained, ConfigError, AnnotationError, WeightsError, CheckpointError,
    InUseError or StorageError; later DatasetError for too many unreadable videos, NonFiniteLossError,
    StorageError, RankLostError, and Stopped after a signal. What was saved by then is kept.
    """
    adopt_slurm()
    layout = find_layout(config.scale)
    timeout = timedelta(seconds=config.scale.timeout_seconds)
    with job(timeout=timeout), _silent_unless_first(), trial_of(config) as config:
        sources = (config.data.train, config.data.val, config.data.test)
        output = first_does(lambda: prepare_output(config.output, sources=sources))
        with _locked(output):
            beginning = first_does(lambda: find_beginning(config, output))
            if beginning.is_finished:
                logger.info(f"the run in {output} is finished already; --output names a folder for another")
                return read_finished(output)
            return _train(gather_material(config, layout, output, beginning.snapshot))


@contextmanager
def _locked(output: Path) -> Iterator[None]:
    """Process 0 holds the folder. All raise its InUseError."""
    with ExitStack() as held:

        def lock() -> None:
            held.enter_context(RunLock(output))

        first_does(lock)
        yield


@contextmanager
def _silent_unless_first() -> Iterator[None]:
    """Of several processes the first says what happens; the others only what goes wrong."""
    log = logging.getLogger("videoswin")
    level = log.level
    if ranks.rank():
        log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


def _train(material: Material) -> TrainResult:
    config, output, snapshot = material.config, material.output, material.snapshot
    evaluation = plan_evaluation(config, clip=material.clip)
    data = build_data(material)
    factor = schedule(config, updates_per_epoch=data.batches.updates_per_epoch)
    module = build_module(material, factor=factor)
    if ranks.rank() == 0:
        restore_files(output, {} if snapshot is None else snapshot.state["lengths"])
        write_config(config, output / CONFIG_FILE)
        write_atomically(output / DATA_FILE, (json.dumps(material.fingerprints, indent=2) + "\n").encode())
    keeper = BestAndLast(output, labels=material.splits.labels, clip=material.clip, metric=material.metric)
    step = None if snapshot is None else snapshot.step
    boards = build_loggers(output, boards=config.loggers, hyperparameters=as_plain(config), purge_step=step)
    pace = Pace()
    with quiet_lightning(), cores_shared_with(config.data.num_workers, processes=material.layout.devices):
        trainer = build_trainer(
            config,
            material.layout,
            loggers=boards,
            callbacks=_callbacks(material, keeper, pace, batches=data.batches),
            profiler=pace.wait,
            batches=data.batches,
        )
        for line in describe(material, data.batches):
            logger.info(line)
        fit(trainer, module, data)
    if evaluation is not None:
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        evaluate_last(keeper.last, config.data.test, evaluation, device=device, folder=output / EVALUATION)
    return finish(
        output,
        metric=material.metric,
        best_value=keeper.best_value,
        best_epoch=keeper.best_epoch,
        record=material.record(),
    )


def _callbacks(material: Material, keeper: BestAndLast, pace: Pace, *, batches: Batches) -> list[Callback]:
    """In the order in which Lightning calls them."""
    config, output, splits = material.config, material.output, material.splits
    plan = config.checkpoint
    writer = None
    if ranks.rank() == 0:
        folder = CheckpointFolder(output / CHECKPOINTS)
        writer = Writer(folder, keep=plan.keep, asynchronous=plan.asynchronous)
    ledger = BadSampleLedger(output / "bad_samples.jsonl")
    num_videos = len(splits.train) + len(splits.val)
    return [
        Saving(writer, plan=plan, batches=batches, about=material.record, begin_from=material.snapshot),
        RankWatch(config.scale.timeout_seconds),
        SeedSteps(config.seed),
        BadVideos(
            ledger,
            num_videos=num_videos,
            max_fraction=config.max_bad_fraction,
            policy=config.data.bad_videos,
        ),
        keeper,
        KeepScores(
            output,
            samples=splits.val,
            labels=splits.labels,
            clip=material.clip,
            is_multi_label=splits.is_multi_label,
        ),
        *([Patience(metric=material.metric, patience=config.patience)] if config.patience else []),
        pace,
        *watch_with(pace, ledger),
    ]
