"""From video files to class probabilities."""

from videoswin.predict.arithmetic import PRECISIONS, Precision, Speed
from videoswin.predict.predictor import Predictor, find_device
from videoswin.predict.views import mean_probabilities

__all__ = ["Predictor", "Precision", "PRECISIONS", "Speed", "find_device", "mean_probabilities"]
