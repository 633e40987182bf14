"""Class numbers for labels written as names or numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from videoswin.data.rows import Row, is_class_number, some
from videoswin.errors import AnnotationError

_MAX_CLASSES = 100_000  # a number beyond is a slip, such as a frame count in the place of the label


def number_labels(
    source: Path, rows: Sequence[Row], labels: Sequence[str]
) -> tuple[tuple[str, ...], list[int]]:
    """(names of the classes, class of each row).

    Given `labels`, they are the names and the rows must fit. Otherwise numbers are kept and named after
    themselves; names are numbered by the label_id beside them, or alphabetically. Raises AnnotationError.
    """
    if not rows[0].label:
        return _from_numbers(source, rows, labels)
    if labels:
        return tuple(labels), _from_known_names(source, rows, labels)
    if rows[0].label_id:
        number_of = _from_pairs(source, rows)
    else:
        number_of = {name: number for number, name in enumerate(sorted({row.label for row in rows}))}
    name_of = {number: name for name, number in number_of.items()}
    names = tuple(name_of.get(number, str(number)) for number in range(max(name_of) + 1))
    return names, [number_of[row.label] for row in rows]


def _from_numbers(
    source: Path, rows: Sequence[Row], labels: Sequence[str]
) -> tuple[tuple[str, ...], list[int]]:
    numbers = [int(row.label_id) for row in rows]
    last = (len(labels) or _MAX_CLASSES) - 1
    wrong = [f"{row.where} {row.label_id}" for row in rows if int(row.label_id) > last]
    if wrong:
        raise AnnotationError(f"{source}: {len(wrong)} labels are not in 0 to {last}: {some(wrong)}")
    return tuple(labels) or tuple(map(str, range(max(numbers) + 1))), numbers


def _from_known_names(source: Path, rows: Sequence[Row], labels: Sequence[str]) -> list[int]:
    number_of = {name: number for number, name in enumerate(labels)}
    unknown = [f"{row.where} {row.label!r}" for row in rows if row.label not in number_of]
    if unknown:
        known = f"the {len(labels)} classes of the weights ({some(labels)})"
        raise AnnotationError(f"{source}: {len(unknown)} labels are not among {known}: {some(unknown)}")
    return [number_of[row.label] for row in rows]


def _from_pairs(source: Path, rows: Sequence[Row]) -> dict[str, int]:
    """Number of each name, from rows that give both; each name has one number and each number one name."""
    number_of: dict[str, int] = {}
    name_of: dict[int, str] = {}
    for row in rows:
        if not is_class_number(row.label_id) or int(row.label_id) >= _MAX_CLASSES:
            allowed = f"allowed: 0 to {_MAX_CLASSES - 1}"
            raise AnnotationError(f"{source}, {row.where}: label_id is {row.label_id!r}; {allowed}")
        number = int(row.label_id)
        other_number = number_of.setdefault(row.label, number)
        other_name = name_of.setdefault(number, row.label)
        if other_number != number or other_name != row.label:
            earlier = (
                f"{row.label!r} {other_number}" if other_number != number else f"{other_name!r} {number}"
            )
            raise AnnotationError(
                f"{source}, {row.where}: label {row.label!r} has label_id {number}; earlier: {earlier}"
            )
    return number_of
