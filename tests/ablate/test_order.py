from __future__ import annotations

import json
from pathlib import Path

import pytest

from videoswin.ablate.order import order_accuracy, require_labels
from videoswin.errors import ConfigError

LABELS = ("down", "up", "walk")


def predictions(tmp_path: Path, *rows: tuple[str, list[float] | None]) -> Path:
    path = tmp_path / "predictions.jsonl"
    path.write_text("".join(json.dumps({"label": label, "probabilities": p}) + "\n" for label, p in rows))
    return path


def test_share_of_paired_videos_whose_own_label_beats_the_other(tmp_path: Path) -> None:
    path = predictions(
        tmp_path,
        ("up", [0.1, 0.2, 0.7]),  # told from down, though walk is the prediction
        ("up", [0.5, 0.4, 0.1]),  # not
        ("down", [0.6, 0.4, 0.0]),  # told
        ("down", [0.3, 0.3, 0.4]),  # a tie is not told
        ("walk", [0.0, 0.0, 1.0]),  # of no pair
        ("up", None),  # unread counts as wrong
    )
    assert order_accuracy(path, LABELS, [("up", "down")]) == 2 / 5


def test_none_without_pairs_or_paired_videos(tmp_path: Path) -> None:
    path = predictions(tmp_path, ("walk", [0.0, 0.0, 1.0]))
    assert order_accuracy(path, LABELS, []) is None
    assert order_accuracy(path, LABELS, [("up", "down")]) is None


def test_an_unknown_label_is_refused() -> None:
    require_labels([("up", "down")], LABELS)
    with pytest.raises(ConfigError, match="pairs name 'run'; allowed: labels of the data: down, up, walk"):
        require_labels([("up", "run")], LABELS)
