"""Accuracy of weights on labelled videos, measured as the paper does."""

from videoswin.evaluate.metrics import Metrics, measure
from videoswin.evaluate.output import prepare_folder, write_report
from videoswin.evaluate.predictions import read_predictions
from videoswin.evaluate.report import Report
from videoswin.evaluate.run import EvaluateConfig, evaluate

__all__ = [
    "EvaluateConfig",
    "evaluate",
    "Report",
    "Metrics",
    "measure",
    "prepare_folder",
    "write_report",
    "read_predictions",
]
