"""`--fast_dev_run`: the whole way from videos to weights once, as small as it can be, with nothing kept."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from videoswin import ranks
from videoswin.evaluate.job import first_does
from videoswin.train.config import TrainConfig
from videoswin.train.datamodule import Splits

logger = logging.getLogger(__name__)


@contextmanager
def trial_of(config: TrainConfig) -> Iterator[TrainConfig]:
    """With `fast_dev_run`, the run for one epoch in a folder that is gone afterwards, and without the
    evaluation of `data.test`; else the run itself. All processes of the job must ask."""
    if not config.fast_dev_run:
        yield config
        return
    folder = first_does(lambda: tempfile.mkdtemp(prefix="videoswin-trial-"))
    try:
        yield replace(
            config,
            output=folder,
            resume="never",
            epochs=1,
            schedule=replace(config.schedule, warmup_epochs=0.0),
            data=replace(config.data, test=""),
        )
    finally:
        if ranks.rank() == 0:
            shutil.rmtree(folder)
    logger.info("fast_dev_run: everything worked once, from videos to weights; nothing was kept")


def few(splits: Splits, num_videos: int) -> Splits:
    """The first `num_videos` to train and to validate on: of a whole batch, an epoch of one update."""
    return replace(splits, train=splits.train[:num_videos], val=splits.val[:num_videos])
