"""The other side of `untrusted`: a process that confines itself, then decodes the one video it was handed.

It speaks JSON and raw pixels. It never opens a file.
"""

from __future__ import annotations

import dataclasses
import json
import os
from multiprocessing.connection import Connection
from typing import Any, Protocol

import numpy as np
import torch

from videoswin.data.confine import confine
from videoswin.data.container import Container
from videoswin.data.decode import Video
from videoswin.data.gate import Limits
from videoswin.data.sampling import IntArray
from videoswin.errors import DecodeError

MAX_TEXT = 64 * 1024
"""Bytes of the longest message that is not pixels, times or indices."""
INDICES = b"#"
"""What a plan's answer begins with; a question begins with a brace."""


class Descriptor(Protocol):
    """A file descriptor on its way to another process: what `multiprocessing.reduction.DupFd` makes."""

    def detach(self) -> int:
        """The descriptor, in the process that asks."""
        ...


def serve(connection: Connection, file: Descriptor, path: str, limits: Limits, num_threads: int) -> None:
    """Answer questions about the open file until the other side closes. One answer, or one fault, each."""
    descriptor = file.detach()
    torch.set_num_threads(1)
    # Twice the time: the parent keeps the time of each question, this is for where the parent is gone.
    confine(
        memory=limits.max_memory,
        cpu_seconds=2 * limits.max_wall_seconds * num_threads,
        num_threads=num_threads,
    )
    connection.send_bytes(b"ready")
    with os.fdopen(descriptor, "rb") as opened:
        video: Video | None = None
        while True:
            try:
                question = json.loads(connection.recv_bytes(MAX_TEXT))
            except EOFError:
                return
            try:
                video = video or Video(path, Container(path, opened, limits, num_threads=num_threads), limits)
                _answer(connection, video, question)
            except DecodeError as error:
                _say(connection, "fault", (error.code, error.reason))
            except MemoryError:
                reason = f"reading needs more memory than max_memory = {limits.max_memory:,}"
                _say(connection, "fault", ("V18", reason))


def _answer(connection: Connection, video: Video, question: dict[str, Any]) -> None:
    if question["ask"] == "header":
        _say(connection, "header", tuple(video.header))
    elif question["ask"] == "info":
        _say(connection, "info", dataclasses.asdict(video.info))
    elif question["ask"] == "times":
        times = video.times()
        _say(connection, "times", None)
        connection.send_bytes(times.astype("<f8").tobytes())
    elif question["ask"] == "count":
        count, fault = video.count_decodable()
        _say(connection, "count", (count, fault.code, fault.reason) if fault else (count, "", ""))
    else:

        def plan(num_frames: int) -> IntArray:
            _say(connection, "plan", num_frames)
            while not (message := connection.recv_bytes()).startswith(INDICES):
                _answer(connection, video, json.loads(message))
            return np.frombuffer(message[len(INDICES) :], dtype="<i8")

        frames = video.read(plan, short_side=question["short_side"], resize=question["resize"])
        _say(connection, "frames", frames.pixels.shape)
        connection.send_bytes(frames.pts_seconds.astype("<f8").tobytes())
        connection.send_bytes(np.ascontiguousarray(frames.pixels).data.cast("B"))


def _say(connection: Connection, kind: str, value: object) -> None:
    connection.send_bytes(json.dumps((kind, value)).encode())
