from __future__ import annotations

from pathlib import Path

import pytest

from videoswin import weights
from videoswin.data.flips import mirrored_labels, propose_pairs, unpaired_sides
from videoswin.errors import ConfigError

LABELS = (
    "Pushing it from left to right",
    "Opening it",
    "Pushing it from right to left",
    "Turning the camera Left",
    "pulling it right out",
    "Turning the camera Right",
    "leftover, rightly so",
)


def test_left_and_right_are_exchanged_as_words() -> None:
    assert propose_pairs(LABELS) == [(LABELS[0], LABELS[2]), (LABELS[3], LABELS[5])]
    assert unpaired_sides(LABELS) == ["pulling it right out"]
    assert mirrored_labels("auto", LABELS) == (2, 1, 0, 5, 4, 3, 6)


def test_the_pairs_of_something_something() -> None:
    folder = Path(weights.__file__).parent / "labels"
    labels = (folder / "ssv2.txt").read_text().splitlines()
    assert propose_pairs(labels) == [
        ("Pulling something from left to right", "Pulling something from right to left"),
        ("Pushing something from left to right", "Pushing something from right to left"),
        (
            "Turning the camera left while filming something",
            "Turning the camera right while filming something",
        ),
    ]
    assert unpaired_sides(labels) == [
        "Plugging something into something but pulling it right out as you remove your hand"
    ]


def test_pairs_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "pairs.csv"
    file.write_text(
        '\ufeff"leftover, rightly so",Opening it\n\nTurning the camera Left , Turning the camera Right\n'
    )
    assert mirrored_labels(str(file), LABELS) == (0, 6, 2, 5, 4, 3, 1)
    file.write_text("Opening it,pulling it right out\npulling it right out,Opening it\n")  # both ways
    assert mirrored_labels(str(file), LABELS) == (0, 4, 2, 3, 1, 5, 6)


def test_no_source_is_no_exchange() -> None:
    assert mirrored_labels("", LABELS) == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Opening it,Closing it\n", r"1 labels are not among the 7 of the data: 'Closing it'"),
        ("Opening it\n", "line 1: 1 fields; allowed: two labels a line, in quotes"),
        ("Opening it,Opening it\n", "'Opening it' needs one partner, another label"),
        (
            "Opening it,Turning the camera Left\nOpening it,Turning the camera Right\n",
            "'Opening it' needs one partner",
        ),
        ("", "which gives no pair of labels; allowed: empty, or a CSV file of two labels a line"),
        (b"\xff\xfe", "which can't be read .*; allowed: empty, auto, or a CSV file"),
    ],
)
def test_pairs_that_cannot_be_meant(text: str | bytes, message: str, tmp_path: Path) -> None:
    file = tmp_path / "pairs.csv"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(ConfigError, match=message):
        mirrored_labels(str(file), LABELS)


def test_auto_without_a_pair_and_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"augment\.flip_labels is .auto., which gives no pair of labels"):
        mirrored_labels("auto", ("opening", "closing"))
    with pytest.raises(ConfigError, match=r"can't be read \(.*No such file"):
        mirrored_labels(str(tmp_path / "gone.csv"), LABELS)
