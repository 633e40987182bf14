"""Whether a video can be used: everything its header says, and a decode from the first picture to the
last."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Literal

from videoswin.data.container import Header
from videoswin.data.decode import open_video
from videoswin.data.gate import DEFAULT_LIMITS, Limits
from videoswin.errors import DecodeError


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckRow:
    """The verdict on one file. What could not be learned because the file was refused before is None."""

    path: str
    container: str | None = None
    codec: str | None = None
    declared_frames: int | None = None
    """None also where the header makes no claim, as in Matroska."""
    decoded_frames: int | None = None
    width: int | None = None
    """Of the upright picture, in pixels."""
    height: int | None = None
    rotation: int | None = None
    """Degrees counter-clockwise that were applied."""
    frames_per_second: float | None = None
    verdict: Literal["ok", "degraded", "refused"]
    """degraded: it is used, but holds more pictures than can be decoded, or its header promises another
    number. refused: it is not used."""
    code: str = ""
    """Row of the fault catalogue, empty where the verdict is ok."""
    reason: str = ""


def check_file(path: str | os.PathLike[str], limits: Limits = DEFAULT_LIMITS) -> CheckRow:
    """Read a file to its end and report; a bad file is a row, not an error."""
    row = CheckRow(path=os.fspath(path), verdict="refused")
    try:
        with open_video(path, limits) as video:
            row = _with_header(row, video.header)
            info = video.info
            row = replace(row, width=info.width, height=info.height, rotation=info.rotation)
            num_decoded, fault = video.count_decodable()
            row = replace(row, decoded_frames=num_decoded)
            if fault is not None:
                raise fault
    except DecodeError as error:
        return replace(row, code=error.code, reason=error.reason)
    if row.declared_frames not in (None, num_decoded):
        reason = f"the header declares {row.declared_frames} pictures, {num_decoded} can be decoded"
        return replace(row, verdict="degraded", code="V20", reason=reason)
    if info.num_frames != num_decoded:
        reason = f"the file holds {info.num_frames} compressed pictures, {num_decoded} can be decoded"
        return replace(row, verdict="degraded", code="V30", reason=reason)
    return replace(row, verdict="ok")


def _with_header(row: CheckRow, header: Header) -> CheckRow:
    return replace(
        row,
        container=header.container,
        codec=header.codec,
        declared_frames=header.declared_frames,
        frames_per_second=header.frames_per_second,
    )
