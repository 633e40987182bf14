from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.data.material import write_video
from videoswin.data.decode import Video
from videoswin.data.reader import Reader
from videoswin.verify.frames import FramesResult, compare_frames


@pytest.mark.parametrize("reader", ["pyav", "untrusted"])
def test_every_frame_is_compared(tmp_path: Path, reader: Reader) -> None:
    path = str(write_video(tmp_path / "a.mp4", options={"bf": "3", "g": "8"}))
    expected = FramesResult(path=path, num_frames=24, num_compared=24, wrong=())
    assert compare_frames(path, num_indices=200, seed=0, reader=reader) == expected
    assert compare_frames(path, num_indices=5, seed=0, reader=reader).num_compared == 5


def test_a_wrong_frame_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(write_video(tmp_path / "a.mp4"))
    right = Video.read

    def off_by_one_at_seven(self: Video, plan, **options):  # type: ignore[no-untyped-def]
        return right(self, lambda n: np.where(plan(n) == 7, 8, plan(n)), **options)

    monkeypatch.setattr(Video, "read", off_by_one_at_seven)
    assert compare_frames(path, num_indices=24, seed=0).wrong == (7,)
