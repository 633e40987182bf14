"""Name the action in a video file: read, sample, transform, run the model, average the views.

Evaluation asks a Predictor too, and both take their clips from `data.clips.test_views`: the same file gets
the same numbers.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from videoswin.data.clips import test_views
from videoswin.data.reader import Reader
from videoswin.data.sampling import test_indices
from videoswin.errors import ConfigError, DecodeError
from videoswin.predict.arithmetic import Chosen, Precision, Speed, ready
from videoswin.predict.classifier import Classifier, read_classifier
from videoswin.predict.views import Activation, mean_probabilities
from videoswin.values import Prediction, Views
from videoswin.weights import Weights


class _Read(NamedTuple):
    """clips: (V, 3, T, H, W) uint8. seconds: that reading them took."""

    clips: Tensor
    seconds: float


class Predictor:
    """`Predictor("swin_t.safetensors")("clip.mp4")` -> Prediction. Loads the weights once.

    views: test-time views of a video; 4x3 is the paper's choice on Kinetics. device: as torch names it, or
    `auto`: CUDA if there is any, else the CPU. views_per_pass: how many views the model gets at once; bounds
    the memory. precision: how the model computes; `auto` compares bf16 with fp32 on the first views and keeps
    what `precision_reason` then says. activation: `sigmoid` for weights of several classes a video.
    untrusted: decode each video in a process with limits of its own (`data.untrusted`). speed: what makes
    the model faster on a GPU. `labels` (class numbers if the weights have no names) and `clip` are those of
    the weights.

    Raises WeightsError for weights that are refused, ConfigError for a device that is not there, a `speed`
    that it does not have, or views that don't fit the weights' sampling.
    """

    def __init__(
        self,
        weights: str | os.PathLike[str] | Weights | Classifier,
        *,
        views: Views = Views(),
        device: str = "cpu",
        precision: Precision | Literal["auto"] = "fp32",
        views_per_pass: int = 4,
        activation: Activation = "softmax",
        untrusted: bool = False,
        speed: Speed = Speed(),
    ) -> None:
        if views_per_pass < 1:
            raise ConfigError(f"views_per_pass is {views_per_pass}; allowed: 1 or more")
        self.device = find_device(device)
        loaded = weights if isinstance(weights, Classifier) else read_classifier(weights)
        # Views that don't fit the sampling are refused here, not at the first video.
        test_indices(1, loaded.clip, views.clips)
        self.clip = loaded.clip
        self.labels = loaded.labels or tuple(str(index) for index in range(loaded.num_classes))
        self.views = views
        self.views_per_pass = views_per_pass
        self._reader: Reader = "untrusted" if untrusted else "pyav"
        self._activation = activation
        if precision == "auto":
            self.model: nn.Module = Chosen(loaded.model, self.device, speed=speed)
        else:
            self.model = ready(loaded.model, precision, self.device, speed=speed)

    def __call__(self, path: str | os.PathLike[str]) -> Prediction:
        """The classes of one video, most probable first. Raises DecodeError when the file can't be used."""
        return self._judge(path, self._read(path))

    def each(self, paths: Iterable[str]) -> Iterator[Prediction | DecodeError]:
        """What `__call__` says of every video, in order; a file that can't be used is its error.

        Where the model has a device of its own, the next video is read meanwhile. On the CPU they are read in
        turn: reading uses all its cores, and beside the model both were slower (docs/log.md).
        """
        return self._in_turn(paths) if self.device.type == "cpu" else self._reading_ahead(paths)

    def _in_turn(self, paths: Iterable[str]) -> Iterator[Prediction | DecodeError]:
        for path in paths:
            yield self._outcome(path, functools.partial(self._read, path))

    def _reading_ahead(self, paths: Iterable[str]) -> Iterator[Prediction | DecodeError]:
        with ThreadPoolExecutor(1) as reader:
            before: tuple[str, Future[_Read]] | None = None
            for path in paths:
                coming = reader.submit(self._read, path)
                if before is not None:
                    yield self._outcome(before[0], before[1].result)
                before = path, coming
            if before is not None:
                yield self._outcome(before[0], before[1].result)

    def _outcome(self, path: str, read: Callable[[], _Read]) -> Prediction | DecodeError:
        try:
            return self._judge(path, read())
        except DecodeError as error:
            return error

    def _read(self, path: str | os.PathLike[str]) -> _Read:
        start = time.perf_counter()
        clips = test_views(path, self.clip, self.views, num_threads=0, reader=self._reader)
        return _Read(clips, time.perf_counter() - start)

    def _judge(self, path: str | os.PathLike[str], read: _Read) -> Prediction:
        start = time.perf_counter()
        shares = self.probabilities(read.clips[None])[0].cpu()  # (K,)
        seconds = {"decode": read.seconds, "model": time.perf_counter() - start}
        order = shares.argsort(descending=True, stable=True)
        return Prediction(
            path=os.fspath(path),
            labels=tuple(self.labels[index] for index in order.tolist()),
            probabilities=tuple(shares[order].tolist()),
            views=self.views,
            seconds=seconds,
        )

    def probabilities(self, clips: Tensor) -> Tensor:
        """Class probabilities (B, K) float32 on the predictor's device, of clips (B, V, 3, T, H, W) uint8."""
        return mean_probabilities(
            self.model, clips, views_per_pass=self.views_per_pass, activation=self._activation
        )

    @property
    def precision_reason(self) -> str:
        """With the precision `auto`, one line on what was chosen and why; else, and before the first video,
        empty."""
        return self.model.reason if isinstance(self.model, Chosen) else ""


def find_device(name: str) -> torch.device:
    """The device called `name`; `auto` is CUDA if there is any, else the CPU. Raises ConfigError."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # AssertionError: torch was built without CUDA
        reason = str(error).splitlines()[0]
        allowed = "auto, cpu, and where present cuda, cuda:1, mps"
        raise ConfigError(f"device {name!r} can't be used: {reason}; allowed: {allowed}") from error
    return device
