"""What a flip does to a label: "from left to right" seen in a mirror is "from right to left"."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path

from videoswin.data.rows import some
from videoswin.errors import ConfigError

_SIDE = re.compile(r"\b(left|right)\b", re.IGNORECASE)
_OTHER = {"left": "right", "Left": "Right", "right": "left", "Right": "Left"}


def mirrored_labels(source: str, labels: Sequence[str]) -> tuple[int, ...]:
    """For each class the class of its mirror image; empty if `source` is.

    source: `auto` for `propose_pairs`, else a CSV file of two labels a line. A class in no pair is its own.
    Raises ConfigError for a file that can't be read or a pair that can't be meant, naming it, and where there
    is no pair.
    """
    if source == "":
        return ()
    pairs = propose_pairs(labels) if source == "auto" else _read_pairs(source)
    if not pairs:
        raise ConfigError(
            f"augment.flip_labels is {source!r}, which gives no pair of labels; allowed: empty, or a CSV "
            "file of two labels a line"
        )
    number_of = {name: number for number, name in enumerate(labels)}
    unknown = [repr(name) for pair in pairs for name in pair if name not in number_of]
    if unknown:
        raise ConfigError(
            f"augment.flip_labels {source}: {len(unknown)} labels are not among the {len(labels)} of the "
            f"data: {some(unknown)}"
        )
    mirrored = list(range(len(labels)))
    for one, other in pairs:
        for name, partner in ((one, other), (other, one)):
            if mirrored[number_of[name]] not in (number_of[name], number_of[partner]) or one == other:
                raise ConfigError(f"augment.flip_labels {source}: {name!r} needs one partner, another label")
            mirrored[number_of[name]] = number_of[partner]
    return tuple(mirrored)


def propose_pairs(labels: Sequence[str]) -> list[tuple[str, str]]:
    """Labels that are each other with the words left and right exchanged, in the order of the labels.

    "Pushing it from left to right" and "Pushing it from right to left" are a pair; "pulling it right out" has
    no partner.
    """
    known = set(labels)
    pairs = [(label, _SIDE.sub(_exchange, label)) for label in labels]
    return [(one, other) for one, other in pairs if other in known and _comes_first(one, other, labels)]


def unpaired_sides(labels: Sequence[str]) -> list[str]:
    """Labels that name left or right and have no partner in `propose_pairs`."""
    paired = {name for pair in propose_pairs(labels) for name in pair}
    return [label for label in labels if _SIDE.search(label) and label not in paired]


def _exchange(word: re.Match[str]) -> str:
    return _OTHER.get(word[0], _OTHER[word[0].lower()])


def _comes_first(one: str, other: str, labels: Sequence[str]) -> bool:
    return labels.index(one) < labels.index(other)


def _read_pairs(source: str) -> list[tuple[str, str]]:
    try:
        with Path(source).open(newline="", encoding="utf-8-sig") as file:
            rows = [(number, row) for number, row in enumerate(csv.reader(file), start=1) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(
            f"augment.flip_labels is {source!r}, which can't be read ({error}); allowed: empty, auto, or a "
            "CSV file of two labels a line"
        ) from error
    for number, row in rows:
        if len(row) != 2:
            raise ConfigError(
                f"augment.flip_labels {source}, line {number}: {len(row)} fields; allowed: two labels a "
                "line, in quotes where they hold a comma"
            )
    return [(row[0].strip(), row[1].strip()) for _, row in rows]
