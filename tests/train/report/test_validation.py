from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.train.report.material import some_validation
from videoswin.errors import ConfigError, StorageError
from videoswin.train.report.validation import read_validation, write_validation


def test_what_is_written_is_read_again_and_the_bytes_are_the_same(tmp_path: Path) -> None:
    validation = some_validation(tmp_path)
    one, other = tmp_path / "one", tmp_path / "other"
    write_validation(validation, one)
    found = read_validation(one)
    write_validation(found, other)
    assert one.read_bytes() == other.read_bytes()
    for name in ("epoch", "labels", "is_multi_label", "clip", "samples", "bad"):
        assert getattr(found, name) == getattr(validation, name), name
    assert torch.equal(found.indices, validation.indices)
    assert torch.equal(found.probabilities, validation.probabilities)


def test_all_videos_have_a_row_in_their_listed_order(tmp_path: Path) -> None:
    probabilities, is_read = some_validation(tmp_path).of_all()
    assert is_read.tolist() == [True, True, False, True]
    assert probabilities.tolist() == [[0.75, 0.25], [0.5, 0.5], [0.0, 0.0], [0.875, 0.125]]


@pytest.mark.parametrize("content", [b"", b"a text that is no validation", None])
def test_another_file_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "validation.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"validation\.safetensors is not the validation of a run: "):
        read_validation(path)


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"cannot write .*gone/validation\.safetensors"):
        write_validation(some_validation(tmp_path), tmp_path / "gone" / "validation.safetensors")
