from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from videoswin.data.annotations import read_annotations
from videoswin.data.samples import Sample, Samples, decoded, encoded, full_path, label_array, select


@pytest.fixture
def samples(tmp_path: Path) -> Samples:
    (tmp_path / "é").mkdir()
    for name in ("é/a b.mp4", "c.mp4", "d.mp4"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "list.txt").write_text("é/a b.mp4 0\nc.mp4 1\n./é/../d.mp4 0\n")
    found = read_annotations(tmp_path / "list.txt").samples
    assert isinstance(found, Samples)
    return found


def test_it_is_a_sequence(samples: Samples, tmp_path: Path) -> None:
    expected = (
        Sample(path="é/a b.mp4", file=tmp_path / "é/a b.mp4", label=0),
        Sample(path="c.mp4", file=tmp_path / "c.mp4", label=1),
        Sample(path="./é/../d.mp4", file=tmp_path / "d.mp4", label=0),
    )
    assert tuple(samples) == expected
    assert samples == expected
    assert expected == samples
    assert samples != expected[:2]
    assert samples != 3
    assert (samples[-1], samples[1]) == (expected[2], expected[1])
    assert samples[1:] == expected[1:]
    assert samples[::-1][0] == expected[2]
    assert repr(samples) == "Samples(3)"
    with pytest.raises(IndexError, match="sample 3 of 3"):
        samples[3]
    assert pickle.loads(pickle.dumps(samples)) == samples  # as workers that are not forked get it


def test_selections_share_the_columns(samples: Samples) -> None:
    part = samples.select(np.array([2, 0])).select(np.array([1]))
    assert part == [samples[0]]
    assert part.columns is samples.columns
    assert select(tuple(samples), np.array([1])) == (samples[1],)
    assert label_array(samples).tolist() == label_array(tuple(samples)).tolist() == [0, 1, 0]
    assert label_array(samples.select(np.array([1]))).tolist() == [1]


@pytest.mark.parametrize(
    ("base", "path", "expected"),
    [
        ("/videos", "a.mp4", "/videos/a.mp4"),
        ("/", "a.mp4", "/a.mp4"),
        ("/videos", "./a//b/../c.mp4", "/videos/a/c.mp4"),
        ("/videos", "../a.mp4", "/a.mp4"),
        ("/videos", "/else/a.mp4", "/else/a.mp4"),
        ("/videos", "a/.hidden.mp4", "/videos/a/.hidden.mp4"),
    ],
)
def test_full_paths(base: str, path: str, expected: str) -> None:
    assert full_path(base, path) == expected


@pytest.mark.parametrize("path", ["a.mp4", "é/ü.mp4", "odd \udce9.mp4", "half \ud800.mp4"])
def test_any_path_survives(path: str) -> None:
    assert decoded(bytearray(encoded(path))) == path
