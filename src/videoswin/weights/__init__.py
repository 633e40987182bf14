"""Weights: read, recognise, convert, check, save. Strict always; no pickle ever runs code."""

from videoswin.weights.files import load, read, save, save_foreign
from videoswin.weights.formats import FORMATS, convert, recognise
from videoswin.weights.model import Weights, build

__all__ = ["FORMATS", "Weights", "build", "convert", "load", "read", "recognise", "save", "save_foreign"]
