"""`videoswin data view SOURCE`: clips exactly as the model sees them."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from videoswin.cli.parse import call, parse_values
from videoswin.data.augment import Augment
from videoswin.errors import ConfigError, DatasetError, printable
from videoswin.values import ClipSpec, Views

if TYPE_CHECKING:
    from videoswin.data.dataset import BadVideo
    from videoswin.data.view import Shown


def main(arguments: list[str]) -> int:
    return call(view, arguments, prog="videoswin data view")


class _Look(NamedTuple):
    clip: ClipSpec
    augment: Augment
    seed: int


def view(
    source: str,
    output: str = "view.png",
    root: str = "",
    recipe: str = "",
    clip: ClipSpec | None = None,
    augment: Augment = Augment(),  # noqa: B008 (frozen)
    seed: int = 0,
    epoch: int = 0,
    index: int = -1,
    count: int = 8,
    views: str = "",
) -> int:
    """Draw clips as the model sees them in training, after all augmentation, or in testing.

    A clip has its label, its file, its number in the data set and the index of each frame in the video. The
    same seed, epoch and number are the same clip as in training. The exit code is 0, or 3 when videos can't
    be read.

    Args:
        source: Folder with one folder of videos a class, list, table or shards.
        output: File to write: .png for a contact sheet, .gif or .mp4 for an animation.
        root: Folder that relative paths of a list start from. Empty: the folder of the list.
        recipe: A recipe of `videoswin train`; its clip, augment and seed are used. Empty: the options below.
        clip: How a clip is cut from a video. Null: 32 frames, stride 2, 224 px.
        augment: Random changes of training clips.
        seed: Of the training run.
        epoch: Of the training run, from 0.
        index: Number of the first sample in the data set, from 0. -1: the samples that the epoch begins with.
        count: Number of samples.
        views: Test views to show instead, such as 4x3. Empty: training clips.
    """
    from videoswin.data.annotations import read_annotations
    from videoswin.data.loader import shuffled
    from videoswin.data.view import test_clips, training_clips
    from videoswin.data.view_picture import ANIMATIONS, draw_animation, draw_sheet, require_matplotlib
    from videoswin.storage import write_atomically

    kind = Path(output).suffix.lower()
    if kind not in (".png", *ANIMATIONS):
        raise ConfigError(f"output is {output!r}; allowed: a name that ends in .png, .gif or .mp4")
    require_matplotlib()
    look = _choose_look(recipe, clip, augment, seed)
    annotations = read_annotations(source, root=root or None)
    order = shuffled(len(annotations.samples), seed=look.seed, epoch=epoch)
    wanted = _choose_samples(order, index, count, is_test=views != "")
    if views:
        found = test_clips(annotations, wanted, clip=look.clip, views=Views.parse(views))
    else:
        found = training_clips(
            annotations, wanted, clip=look.clip, augment=look.augment, seed=look.seed, epoch=epoch
        )
    shown, num_bad = _sorted_out(found)
    if not shown:
        raise DatasetError(f"{source}: none of {num_bad} videos can be read")
    picture = draw_sheet(shown) if kind == ".png" else draw_animation(shown, container=ANIMATIONS[kind])
    write_atomically(Path(output), picture)
    print(f"{len(shown)} clips of {len(wanted)} samples: {printable(output)}")
    return 3 if num_bad else 0


def _sorted_out(items: Iterable[Shown | BadVideo]) -> tuple[list[Shown], int]:
    """What can be shown, and how many videos can't be read, which are named."""
    from videoswin.data.dataset import BadVideo

    shown, num_bad = [], 0
    for item in items:
        if isinstance(item, BadVideo):
            num_bad += 1
            print(f"[{item.code}] {printable(item.path)}: {item.reason}", file=sys.stderr)
        else:
            shown.append(item)
    return shown, num_bad


def _choose_look(recipe: str, clip: ClipSpec | None, augment: Augment, seed: int) -> _Look:
    """What decides a clip: the recipe's, or the options'. Raises ConfigError where both are given."""
    if not recipe:
        return _Look(clip or ClipSpec(), augment, seed)
    if clip is not None or augment != Augment() or seed != 0:
        raise ConfigError("a recipe gives clip, augment and seed; allowed: a recipe, or these options")
    from videoswin.cli.train import train

    values = parse_values(train, ["--config", recipe], prog="videoswin train")
    if values.clip is None:
        print(
            "the recipe leaves the clip to its weights; shown: 32 frames, stride 2, 224 px", file=sys.stderr
        )
    return _Look(values.clip or ClipSpec(), values.augment, values.seed)


def _choose_samples(order: list[int], index: int, count: int, *, is_test: bool) -> list[int]:
    if count < 1:
        raise ConfigError(f"count is {count}; allowed: 1 or more")
    if not -1 <= index < len(order):
        raise ConfigError(f"index is {index}; allowed: -1 (as the epoch begins) or 0 to {len(order) - 1}")
    if index == -1 and not is_test:
        return order[:count]
    first = max(index, 0)
    return list(range(first, min(first + count, len(order))))
