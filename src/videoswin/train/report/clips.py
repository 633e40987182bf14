"""Which validation clips the page shows, and each as a strip of film beside what the model said."""

from __future__ import annotations

from html import escape

import numpy as np
import torch
from torch import Tensor

from videoswin.data import film
from videoswin.data.clips import validation_clip
from videoswin.data.picture import resize_frames
from videoswin.data.samples import Sample
from videoswin.errors import DecodeError, printable
from videoswin.train.report.validation import Validation

MAX_SHOWN = 6
STRIP_FRAMES = 8
STRIP_PX = 112
"""Height and width of a frame in a strip, at most."""
NUM_GUESSES = 3


def surest(validation: Validation) -> list[int]:
    """Rows of the clips that were named right with the highest probability, at most MAX_SHOWN."""
    own, is_right = _own(validation)
    order = own.argsort(descending=True, stable=True)
    return order[is_right[order]][:MAX_SHOWN].tolist()


def most_wrong(validation: Validation) -> list[int]:
    """Rows of the clips that were named wrong whose own class got the least, at most MAX_SHOWN."""
    own, is_right = _own(validation)
    order = own.argsort(stable=True)
    return order[~is_right[order]][:MAX_SHOWN].tolist()


def _own(validation: Validation) -> tuple[Tensor, Tensor]:
    """(n,) the mean probability of the clip's own classes, (n,) bool: whether the highest is one of them."""
    probabilities = validation.probabilities
    is_own = torch.zeros(probabilities.shape, dtype=torch.bool)
    for row, index in enumerate(validation.indices.tolist()):
        is_own[row, list(classes_of(validation.samples[index]))] = True
    own = (probabilities * is_own).sum(dim=1) / is_own.sum(dim=1)
    is_right = is_own.gather(1, probabilities.argmax(dim=1, keepdim=True))[:, 0]
    return own, is_right


def classes_of(sample: Sample) -> tuple[int, ...]:
    return sample.labels or (sample.label,)


def clip_card(validation: Validation, row: int) -> str:
    """The clip of one row as the model saw it, its name and classes, and the highest probabilities."""
    sample = validation.samples[int(validation.indices[row])]
    probabilities = validation.probabilities[row]
    order = probabilities.argsort(descending=True, stable=True)[:NUM_GUESSES].tolist()
    own = classes_of(sample)
    guesses = "".join(_guess(validation.labels[k], float(probabilities[k]), is_own=k in own) for k in order)
    true = ", ".join(escape(printable(validation.labels[k])) for k in own)
    where = f", {sample.segment}" if sample.segment else ""
    name = f"<b>{true}</b> · {escape(printable(sample.path))}{where}"
    return (
        f'<div class="card clip"><div><p class="name">{name}</p>{_strip(validation, sample)}</div>'
        f"<div>{guesses}</div></div>"
    )


def _strip(validation: Validation, sample: Sample) -> str:
    """A video that was moved since the validation is a line in place of its pictures."""
    try:
        clip = validation_clip(sample.file, validation.clip, segment=sample.segment)[0]  # (3, T, S, S)
    except DecodeError as error:
        return f'<p class="missing">{escape(str(error))}</p>'
    num_frames, side = clip.shape[1], min(clip.shape[2], STRIP_PX)
    places = np.linspace(0, num_frames - 1, min(STRIP_FRAMES, num_frames)).round().astype(int)
    frames = clip[:, places].permute(1, 2, 3, 0)  # (t, S, S, 3)
    small = resize_frames(frames, height=side, width=side, resize="antialias")
    return f'<img class="strip" alt="frames of the clip" src="{film.strip_uri(small.numpy())}">'


def _guess(label: str, share: float, *, is_own: bool) -> str:
    kind = "right" if is_own else "wrong"
    return (
        f'<div class="guess {kind}"><span>{escape(printable(label))}</span><i>{share:.1%}</i>'
        f'<div class="bar"><div style="width:{100 * share:.1f}%"></div></div></div>'
    )
