"""The values that travel between layers. They know no files, no model and no library but numpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from videoswin.errors import ConfigError

Resize = Literal["bilinear", "antialias"]
"""How pictures are resized, see `ClipSpec.resize`."""


class Size3(NamedTuple):
    """A size, position or shift in (time, height, width) order. Everything three-dimensional uses this
    order."""

    t: int
    h: int
    w: int

    @property
    def volume(self) -> int:
        return self.t * self.h * self.w


@dataclass(frozen=True, kw_only=True, slots=True)
class Frames:
    """Decoded pictures of one video, upright (rotation metadata applied).

    pixels: (T, H, W, 3) uint8 RGB. pts_seconds: (T,) float64 presentation times. Index i of both is the same
    picture.
    """

    pixels: npt.NDArray[np.uint8]
    pts_seconds: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        assert self.pixels.ndim == 4, self.pixels.shape
        assert self.pixels.shape[-1] == 3, self.pixels.shape
        assert self.pts_seconds.shape == self.pixels.shape[:1], (self.pts_seconds.shape, self.pixels.shape)

    def __len__(self) -> int:
        return len(self.pixels)

    def __repr__(self) -> str:
        shape = "x".join(map(str, self.pixels.shape))
        times = f"{self.pts_seconds[0]:.3f} .. {self.pts_seconds[-1]:.3f} s" if len(self) else "none"
        return f"Frames({shape}, {times})"


@dataclass(frozen=True, kw_only=True)
class ClipSpec:
    """How frames of a video become one clip for the model. It is saved with the weights, so that prediction
    and evaluation see what training saw (paper Sec. 4.1: 32 frames, stride 2, 224 px)."""

    num_frames: int = 32
    """Frames in a clip."""
    stride: int = 2
    """Video frames from one clip frame to the next. Only `dense` sampling uses it; `uniform` spans the whole
    video."""
    size: int = 224
    """Height and width of the clip in pixels, after cropping."""
    sampling: Literal["dense", "uniform"] = "dense"
    """`dense`: consecutive frames at a stride (Kinetics). `uniform`: one frame from each of `num_frames`
    equal segments (Something-Something)."""
    resize: Resize = "bilinear"
    """`bilinear`: each pixel from the four nearest, as the published weights were trained and tested
    (OpenCV's INTER_LINEAR). `antialias`: a pixel of a smaller picture is a mean over all that it covers,
    smoother and a little slower. Weights keep to what they were trained with."""

    def __post_init__(self) -> None:
        for name in ("num_frames", "stride", "size"):
            value = getattr(self, name)
            if not (isinstance(value, int) and value >= 1):
                raise ConfigError(f"clip.{name} is {value!r}; allowed: a whole number of at least 1")
        if self.sampling not in ("dense", "uniform"):
            raise ConfigError(f"clip.sampling is {self.sampling!r}; allowed: dense, uniform")
        if self.resize not in get_args(Resize):
            raise ConfigError(f"clip.resize is {self.resize!r}; allowed: {', '.join(get_args(Resize))}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Views:
    """Test-time views of one video: `clips` in time x `crops` in space (paper Sec. 4.1: 4x3 on Kinetics,
    1x3 on Something-Something; Tables 1 and 2 also have 10x5)."""

    clips: int = 4
    crops: int = 3

    def __post_init__(self) -> None:
        if self.clips < 1:
            raise ConfigError(f"views ask for {self.clips} clips; allowed: 1 or more")
        if self.crops not in (1, 3, 5):
            raise ConfigError(
                f"views ask for {self.crops} crops; allowed: 1 (center), 3 (left, right, middle) "
                "or 5 (evenly spaced)"
            )

    def __len__(self) -> int:
        return self.clips * self.crops

    def __str__(self) -> str:
        return f"{self.clips}x{self.crops}"

    @staticmethod
    def parse(text: str) -> Views:
        """Read `4x3`, as the paper writes views: clips x crops."""
        clips, separator, crops = text.partition("x")
        if not (separator and clips.isascii() and clips.isdigit() and crops.isascii() and crops.isdigit()):
            raise ConfigError(f"views are {text!r}; allowed: CLIPSxCROPS, for example 4x3")
        return Views(clips=int(clips), crops=int(crops))


def default_views(clip: ClipSpec) -> Views:
    """The paper's test protocol: 4x3 for dense sampling, 1x3 for uniform (Sec. 4.1)."""
    return Views(clips=4, crops=3) if clip.sampling == "dense" else Views(clips=1, crops=3)


@dataclass(frozen=True, kw_only=True, slots=True)
class Prediction:
    """Class probabilities of one video, highest first.

    labels and probabilities have one entry a class; `seconds` splits the time spent into `decode` and
    `model`.
    """

    path: str
    labels: tuple[str, ...]
    probabilities: tuple[float, ...]
    views: Views
    seconds: dict[str, float]

    def top(self, k: int) -> list[tuple[str, float]]:
        """The k best (label, probability) pairs, or all if there are fewer."""
        return list(zip(self.labels, self.probabilities, strict=True))[:k]
