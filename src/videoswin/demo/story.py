"""What one demo did and found: the values its report and its table tell."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from videoswin.demo.outcome import Outcome
from videoswin.demo.render import ClipCounts
from videoswin.evaluate import Report
from videoswin.train.config import TrainConfig
from videoswin.train.result import TrainResult
from videoswin.values import Prediction


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """One evaluation: its report, the folder of its files, and the shares that matter here."""

    report: Report
    folder: Path
    outcome: Outcome


@dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    """One demo from the first clip to the last number.

    ordered and shuffled are the test clips as they are, and with their frames in random order. seconds is the
    time of each step; machine is one line for people.
    """

    folder: Path
    videos: Path
    seed: int
    counts: ClipCounts
    config: TrainConfig
    trained: TrainResult
    num_parameters: int
    ordered: Measured
    shuffled: Measured
    prediction: Prediction
    seconds: dict[str, float]
    machine: str

    @property
    def page(self) -> Path:
        """The report for people."""
        return self.folder / "report.html"
