"""Class numbers for labels written as names or numbers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from videoswin.data.rows import is_class_number, some
from videoswin.data.table import MAX_CLASSES, Table, first_rows
from videoswin.errors import AnnotationError


class KnownNames(NamedTuple):
    """Names that a source must keep to, and where they come from."""

    names: tuple[str, ...]
    origin: str


def number_labels(table: Table, known: KnownNames | None) -> tuple[tuple[str, ...], npt.NDArray[np.int32]]:
    """(names of the classes, class of each of the table's entries).

    With `known`, those are the names and the rows must fit. Otherwise numbers are kept and named after
    themselves; names are numbered by the label_id beside them, or alphabetically. Raises AnnotationError.
    """
    if any(_is_numeric(entry.label) for entry in table.entries):
        names, numbers = _from_numbers(table, known)
    elif known is not None:
        names, numbers = known.names, _from_known_names(table, known)
    else:
        labels = [entry.label for entry in table.entries]
        if any(entry.label_id for entry in table.entries):
            number_of = _from_pairs(table)
        else:
            number_of = {name: number for number, name in enumerate(sorted(set(labels)))}
        name_of = {number: name for name, number in number_of.items()}
        names = tuple(name_of.get(number, str(number)) for number in range(max(name_of) + 1))
        numbers = [number_of[label] for label in labels]
    return names, np.array(numbers, dtype=np.int32)


def _from_numbers(table: Table, known: KnownNames | None) -> tuple[tuple[str, ...], list[int]]:
    """Labels written as numbers are class numbers, not names, and then all of them must be."""
    labels = [entry.label for entry in table.entries]
    wrong = [at for at, label in enumerate(labels) if not is_class_number(label)]
    if wrong:
        rule = "where one label is a number, all must be whole numbers from 0 on"
        raise AnnotationError(f"{table.source}: {_described(table, wrong, 'labels are not')}; {rule}")
    numbers = [int(label) for label in labels]
    last = (len(known.names) if known else MAX_CLASSES) - 1
    wrong = [at for at, number in enumerate(numbers) if number > last]
    if wrong:
        raise AnnotationError(f"{table.source}: {_described(table, wrong, f'labels are not in 0 to {last}')}")
    return known.names if known else tuple(map(str, range(max(numbers) + 1))), numbers


def _from_known_names(table: Table, known: KnownNames) -> list[int]:
    number_of = {name: number for number, name in enumerate(known.names)}
    unknown = [at for at, entry in enumerate(table.entries) if entry.label not in number_of]
    if unknown:
        fault = f"labels are not among the {len(known.names)} classes of {known.origin} ({some(known.names)})"
        raise AnnotationError(f"{table.source}: {_described(table, unknown, fault)}")
    return [number_of[entry.label] for entry in table.entries]


def _from_pairs(table: Table) -> dict[str, int]:
    """Number of each name, from rows that give both; each name has one number and each number one name."""
    number_of: dict[str, int] = {}
    name_of: dict[int, str] = {}
    for at, (label, label_id) in enumerate(table.entries):
        if not is_class_number(label_id) or int(label_id) >= MAX_CLASSES:
            allowed = f"allowed: 0 to {MAX_CLASSES - 1}"
            raise AnnotationError(f"{_first_place(table, at)}: label_id is {label_id!r}; {allowed}")
        number = int(label_id)
        other_number = number_of.setdefault(label, number)
        other_name = name_of.setdefault(number, label)
        if other_number != number or other_name != label:
            earlier = f"{label!r} {other_number}" if other_number != number else f"{other_name!r} {number}"
            raise AnnotationError(
                f"{_first_place(table, at)}: label {label!r} has label_id {number}; earlier: {earlier}"
            )
    return number_of


def _described(table: Table, positions: Collection[int], fault: str) -> str:
    """`3 labels are not: line 2 '-1', line 3 'nan', ...`: how many rows, and the first of them."""
    rows = table.rows_with(positions)
    wrong = {at: table.entries[at].label for at in positions}
    shown = [f"{table.where(row)} {_first_of(table, row, wrong)!r}" for row in first_rows(rows)]
    return f"{len(rows)} {fault}: {some(shown, len(rows))}"


def _first_of(table: Table, row: int, wrong: dict[int, str]) -> str:
    positions: Sequence[int] = table.labels[table.label_ends[row] : table.label_ends[row + 1]]
    return next(wrong[at] for at in positions if at in wrong)


def _first_place(table: Table, position: int) -> str:
    return f"{table.source}, {table.where(int(table.rows_with([position])[0]))}"


def _is_numeric(label: str) -> bool:
    try:
        float(label)
    except ValueError:
        return False
    return True
