"""Accuracy of weights on labelled videos, measured as the paper does."""

from videoswin.evaluate.metrics import Metrics, measure
from videoswin.evaluate.report import Report, prepare_folder, write_report
from videoswin.evaluate.run import EvaluateConfig, evaluate

__all__ = ["EvaluateConfig", "evaluate", "Report", "Metrics", "measure", "prepare_folder", "write_report"]
