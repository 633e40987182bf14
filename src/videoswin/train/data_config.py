"""Which videos a run learns from, and how they are read. No torch here, as in config.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from videoswin.train.rules import Rule, check

BadVideoPolicy = Literal["skip-and-report", "fail"]


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Which videos. A source is a folder with one subfolder of videos per class, a text list of `path label`
    lines, a table (CSV, Parquet) of videos and classes, a Kinetics CSV or a Something-Something JSON; see
    docs/data.md. `FILE#val` takes the rows of one split."""

    train: str = ""
    """Videos to learn from. Required."""
    val: str = ""
    """Videos to validate on. Empty: `val_fraction` of every class of `train` is held out instead."""
    test: str = ""
    """Videos to evaluate the last weights on after training, with `views`. Empty: none."""
    root: str = ""
    """Folder that relative paths of a list or CSV file start from. Empty: the folder of that file."""
    label_map: str = ""
    """File of class names in the order of their numbers: JSON {name: number}, JSON list, or a name a line.
    Empty: the classes are those that `train` names."""
    multi_label: bool = False
    """Rows of the same video and segment are its classes, not contradictions."""
    fail_on_leak: bool = False
    """End the run where two of `train`, `val` and `test` share content; otherwise that is a warning."""
    val_fraction: float = 0.1
    """Share of `train` held out when `val` is empty, in (0, 1). Which videos depends on the seed alone."""
    num_workers: int = 2
    """Processes that decode; 0 decodes between the steps. With a GPU: about one a CPU core. Without one, the
    model gets the cores they leave."""
    prefetch_mib: int = 2048
    """Memory, in MiB, that batches read ahead of the steps may take; a quarter of what is free if that is
    less. How many batches that are is logged."""
    bad_videos: BadVideoPolicy = "skip-and-report"
    """What a video that can't be read does. `skip-and-report`: its place stays empty, it is counted and
    listed, and `max_bad_fraction` holds. `fail`: it ends the run. No other video ever takes its place."""

    def __post_init__(self) -> None:
        fraction, workers = self.val_fraction, self.num_workers
        policies = get_args(BadVideoPolicy)
        check(
            Rule("data.val_fraction", fraction, 0 < fraction < 1, "more than 0 and less than 1"),
            Rule("data.num_workers", workers, workers >= 0, "0 or more"),
            Rule("data.prefetch_mib", self.prefetch_mib, self.prefetch_mib >= 1, "1 or more"),
            Rule("data.bad_videos", self.bad_videos, self.bad_videos in policies, ", ".join(policies)),
        )
