from __future__ import annotations

from pathlib import Path

import pytest

from videoswin.data.labels import KnownNames, number_labels
from videoswin.data.rows import Listing, Row
from videoswin.data.table import Table, read_table
from videoswin.errors import AnnotationError

SOURCE = Path("list.csv")


def table(*labels: tuple[str, str]) -> Table:
    rows = [Row(line, f"{line}.mp4", label, number) for line, (label, number) in enumerate(labels, start=2)]
    return read_table(SOURCE, Listing(rows=rows), "")


def known(names: tuple[str, ...]) -> KnownNames | None:
    return KnownNames(names, "the weights") if names else None


@pytest.mark.parametrize(
    ("given", "labels", "names", "ids"),
    [
        ([("walk", ""), ("jump", ""), ("walk", "")], (), ("jump", "walk"), [1, 0, 1]),  # alphabetical
        ([("walk", "0"), ("jump", "1")], (), ("walk", "jump"), [0, 1]),  # as the label_id says
        (
            [("walk", "2"), ("jump", "0")],
            (),
            ("jump", "1", "walk"),
            [2, 0],
        ),  # a gap is named after its number
        ([("3", ""), ("1", "")], (), ("0", "1", "2", "3"), [3, 1]),
        (
            [("walk", "0"), ("jump", "1")],
            ("jump", "run", "walk"),
            ("jump", "run", "walk"),
            [2, 0],
        ),  # A05: by name
        ([("1", ""), ("0", "")], ("jump", "walk"), ("jump", "walk"), [1, 0]),
    ],
)
def test_numbers(
    given: list[tuple[str, str]], labels: tuple[str, ...], names: tuple[str, ...], ids: list[int]
) -> None:
    read = table(*given)
    found, numbers = number_labels(read, known(labels))
    assert found == names
    assert numbers[list(read.labels)].tolist() == ids


@pytest.mark.parametrize(
    ("given", "labels", "message"),
    [
        (
            [("walk", ""), ("fly", ""), ("swim", "")],
            ("walk", "run"),
            "2 labels are not among the 2 classes of the weights (walk, run): line 3 'fly', line 4 'swim'",
        ),
        ([("2", ""), ("0", "")], ("a", "b"), "list.csv: 1 labels are not in 0 to 1: line 2 '2'"),  # A04
        (
            [("1", ""), ("-1", ""), ("nan", ""), ("1.5", "")],
            (),
            "3 labels are not: line 3 '-1', line 4 'nan', line 5 '1.5'; where",
        ),
        (
            [("1", ""), ("walk", "")],
            (),
            "1 labels are not: line 3 'walk'; where one label is a number, all must",
        ),
        ([("1234567890123", "")], (), "1 labels are not: line 2 '1234567890123'"),
        ([("100000", "")], (), "list.csv: 1 labels are not in 0 to 99999: line 2 '100000'"),
        ([("a", "0"), ("b", "x")], (), "list.csv, line 3: label_id is 'x'; allowed: 0 to 99999"),
        ([("a", "0"), ("b", "")], (), "list.csv, line 3: label_id is ''; allowed: 0 to 99999"),
        ([("a", "0"), ("b", "100000")], (), "list.csv, line 3: label_id is '100000'; allowed"),
        ([("a", "0"), ("a", "1")], (), "list.csv, line 3: label 'a' has label_id 1; earlier: 'a' 0"),
        ([("a", "0"), ("b", "0")], (), "list.csv, line 3: label 'b' has label_id 0; earlier: 'a' 0"),
    ],
)
def test_what_does_not_fit_is_named(
    given: list[tuple[str, str]], labels: tuple[str, ...], message: str
) -> None:
    with pytest.raises(AnnotationError) as caught:
        number_labels(table(*given), known(labels))
    assert message in str(caught.value)
