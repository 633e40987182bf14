"""How a decoded picture is to be shown, also where PyAV can't say it."""

from __future__ import annotations

from typing import Any

from videoswin.data.picture import Orientation

_QUARTER_TURNS = (  # counter-clockwise, 0 to 3
    Orientation(),
    Orientation(is_transposed=True, flip_rows=True),
    Orientation(flip_rows=True, flip_columns=True),
    Orientation(is_transposed=True, flip_columns=True),
)


def frame_orientation(frame: Any) -> Orientation:
    """The orientation of PyAV's `VideoFrame`.

    PyAV 18 fails to list the data beside a picture where it does not know a kind, such as the EXIF of a
    JPEG. Then the angle is taken, which it reads otherwise: quarter turns, as cameras write, are applied, and
    mirrored pictures are shown unmirrored.
    """
    try:
        matrix = frame.side_data.get("DISPLAYMATRIX")
    except ValueError:
        return _QUARTER_TURNS[round(frame.rotation / 90) % 4]
    return Orientation.of(None if matrix is None else bytes(matrix))
