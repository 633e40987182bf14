"""The last validation of a run as a file: which videos, what they are, and how probable each class was."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from videoswin.data.dataset import BadVideo
from videoswin.data.samples import Sample
from videoswin.data.segments import Segment
from videoswin.errors import ConfigError
from videoswin.storage import write_atomically
from videoswin.values import ClipSpec

NAME = "validation.safetensors"

_HEADER = "validation"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Validation:
    """One validation of N listed videos, n of which could be read; K classes."""

    epoch: int
    """Counts from 1."""
    labels: tuple[str, ...]
    """Names of the K classes."""
    is_multi_label: bool
    clip: ClipSpec
    """Of the one clip that was taken from each video."""
    samples: Sequence[Sample]
    """The N videos."""
    bad: tuple[BadVideo, ...]
    """Those that could not be read."""
    indices: Tensor
    """(n,) int64, positions in `samples` in ascending order."""
    probabilities: Tensor
    """(n, K) float32; each row sums to 1, multi-label each class by itself."""

    def of_all(self) -> tuple[Tensor, Tensor]:
        """(N, K) probabilities with rows of zeros for the unread, and (N,) bool: which were read."""
        probabilities = torch.zeros(len(self.samples), len(self.labels))
        probabilities[self.indices] = self.probabilities
        is_read = torch.zeros(len(self.samples), dtype=torch.bool)
        is_read[self.indices] = True
        return probabilities, is_read


def write_validation(validation: Validation, path: Path) -> None:
    """As safetensors with the rest as JSON in the header. The same validation gives the same bytes.

    Raises StorageError.
    """
    about = {
        "epoch": validation.epoch,
        "labels": validation.labels,
        "is_multi_label": validation.is_multi_label,
        "clip": asdict(validation.clip),
        "samples": [_plain(sample) for sample in validation.samples],
        "bad": [asdict(video) for video in validation.bad],
    }
    tensors = {"indices": validation.indices, "probabilities": validation.probabilities}
    # One entry: the order of several would change from process to process.
    content = safetensors.torch.save(tensors, metadata={_HEADER: json.dumps(about)})
    write_atomically(path, content)


def read_validation(path: Path) -> Validation:
    """Raises ConfigError for a file that is none or is damaged."""
    try:
        with safetensors.safe_open(path, "pt") as file:
            about = json.loads(file.metadata()[_HEADER])
            tensors = {name: file.get_tensor(name) for name in ("indices", "probabilities")}
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{path} is not the validation of a run: {error}") from error
    return Validation(
        epoch=about["epoch"],
        labels=tuple(about["labels"]),
        is_multi_label=about["is_multi_label"],
        clip=ClipSpec(**about["clip"]),
        samples=tuple(_sample(entry) for entry in about["samples"]),
        bad=tuple(BadVideo(**entry | {"labels": tuple(entry["labels"])}) for entry in about["bad"]),
        **tensors,
    )


def _plain(sample: Sample) -> dict[str, Any]:
    return asdict(sample) | {"file": str(sample.file)}


def _sample(entry: Mapping[str, Any]) -> Sample:
    return Sample(
        path=entry["path"],
        file=Path(entry["file"]),
        label=entry["label"],
        labels=tuple(entry["labels"]),
        segment=Segment(**entry["segment"]) if entry["segment"] else None,
    )
