"""A validation of four videos, one of them unreadable; two are real."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from tests.train.material import CLIP
from videoswin.data.dataset import BadVideo
from videoswin.data.samples import Sample
from videoswin.data.segments import Segment
from videoswin.train.report.validation import Validation


def some_validation(videos: Path) -> Validation:
    """Of classes `a<b>` and `dark`: rows are right and sure, wrong, and (a segment) right and surer."""
    samples = (
        Sample(path="bright/0.mp4", file=videos / "bright" / "0.mp4", label=0),
        Sample(path="dark/0.mp4", file=videos / "dark" / "0.mp4", label=1),
        Sample(path="dark/torn.mp4", file=videos / "dark" / "torn.mp4", label=1),
        Sample(
            path="bright/1.mp4",
            file=videos / "bright" / "1.mp4",
            label=0,
            segment=Segment(start=2, stop=10, unit="frames"),
        ),
    )
    return Validation(
        epoch=3,
        labels=("a<b>", "dark"),
        is_multi_label=False,
        clip=CLIP,
        samples=samples,
        bad=(BadVideo(index=2, path="dark/torn.mp4", label=1, code="V02", reason="no index"),),
        indices=torch.tensor([0, 1, 3]),
        probabilities=torch.tensor([[0.75, 0.25], [0.5, 0.5], [0.875, 0.125]]),
    )


def several_classes(videos: Path) -> Validation:
    """The same videos, of which the first has both classes."""
    one = some_validation(videos)
    own = ((0, 1), (1,), (1,), (0,))
    samples = tuple(replace(sample, labels=labels) for sample, labels in zip(one.samples, own, strict=True))
    return replace(
        one,
        is_multi_label=True,
        samples=samples,
        probabilities=torch.tensor([[0.5, 0.75], [0.25, 0.5], [0.75, 0.125]]),
    )
