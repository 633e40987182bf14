"""`--find_learning_rate`: the sweep of sweep.py with the model, data, precision and batches of a run."""

from __future__ import annotations

import logging
from dataclasses import replace

from lightning.pytorch import Trainer

from videoswin.threads import cores_shared_with
from videoswin.train.config import TrainConfig
from videoswin.train.datamodule import Splits, VideoData
from videoswin.train.material import build_data, build_module, gather_material
from videoswin.train.module import TrainModule
from videoswin.train.output import prepare_output
from videoswin.train.strategy import Layout
from videoswin.train.sweep import NUM_UPDATES, RecordSweep, Sweep, rate_at, say_proposal, write_sweep
from videoswin.train.trainer import PRECISIONS, fit, quiet_lightning

logger = logging.getLogger(__name__)


def find_rate(config: TrainConfig) -> Sweep:
    """Train NUM_UPDATES updates at rising rates on one device, keep nothing of it but lr_finder.csv and
    lr_finder.png in `config.output`, and say what they propose.

    Raises what `train` raises before anything is trained, and StorageError.
    """
    sources = (config.data.train, config.data.val, config.data.test)
    output = prepare_output(config.output, sources=sources)
    # A rate that ends too high gives a NaN: the end of the sweep, no fault.
    config = replace(config, on_nonfinite="skip", max_skipped=NUM_UPDATES, ema_decay=0.0)
    material = gather_material(config, Layout(devices=1, nodes=1), output, None)
    data = build_data(material)
    # The head learns at `rate_at`, the rest in its usual proportion.
    highest = config.optimizer.learning_rate
    module = build_module(material, factor=lambda update: rate_at(update) / highest)
    _say(config, material.splits)
    sweep = _run(config, module, data)
    write_sweep(sweep, output)
    say_proposal(sweep, output)
    return sweep


def _say(config: TrainConfig, splits: Splits) -> None:
    logger.info(
        f"learning rates from {rate_at(0):g} to {rate_at(NUM_UPDATES - 1):g} in {NUM_UPDATES} updates of "
        f"{config.global_batch} clips, of {len(splits.train)} videos"
    )


def _run(config: TrainConfig, module: TrainModule, data: VideoData) -> Sweep:
    record = RecordSweep()
    with quiet_lightning(), cores_shared_with(config.data.num_workers, processes=1):
        trainer = Trainer(
            accelerator="auto",
            devices=1,
            precision=PRECISIONS[config.precision],
            max_epochs=-1,
            max_steps=NUM_UPDATES,
            accumulate_grad_batches=data.batches.accumulate,
            limit_val_batches=0,
            callbacks=[record],
            logger=False,
            enable_progress_bar=False,
            enable_checkpointing=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
        )
        fit(trainer, module, data)
    return record.sweep
