"""Videos of strangers: decoded in a process with limits, one for each video, which a crash ends alone.

The parent opens the file through the gate and hands the open file over; the process knows the name for its
messages only. What comes back is text and pixels, checked here: nothing that the process sends is run. Same
interface and same results as `decode.Video`.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from multiprocessing.reduction import DupFd
from typing import Any

import numpy as np

from videoswin.data.confine import require_linux
from videoswin.data.container import Header
from videoswin.data.decode import VideoInfo
from videoswin.data.gate import DEFAULT_LIMITS, Limits, open_regular
from videoswin.data.sampling import IntArray
from videoswin.data.segments import FloatArray
from videoswin.data.tar import split_member
from videoswin.data.untrusted_child import INDICES, MAX_TEXT, serve
from videoswin.errors import DecodeError
from videoswin.values import Frames, Resize


@contextmanager
def open_untrusted(
    path: str | os.PathLike[str], limits: Limits = DEFAULT_LIMITS, *, num_threads: int = 1
) -> Iterator[UntrustedVideo]:
    """Open a video in a process of its own, bounded by `limits.max_memory` and `limits.max_wall_seconds`.

    num_threads: decoder threads, see `open_video`. The process is gone when the context ends. Raises
    DecodeError: all that `open_video` raises, and V18 for the memory, V19 for the time, V36 for a crash.
    ConfigError where the system has no such limits. As with all processes that Python starts, a script that
    calls this needs `if __name__ == "__main__":`.
    """
    require_linux()
    name = os.fspath(path)
    # A server forks the processes: it has loaded everything once, and has no threads that a fork would break.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", serve.__module__])
    ours, theirs = context.Pipe()
    with open_regular(name) as file, ours:
        if split_member(name) is not None:
            raise DecodeError(name, "V33", "a file inside a shard can't be handed to a process of its own")
        arguments = (theirs, DupFd(file.fileno()), name, limits, num_threads or os.cpu_count() or 1)
        process = context.Process(target=serve, args=arguments, daemon=True)
        with theirs:
            process.start()
        try:
            yield UntrustedVideo(name, limits, process, ours)
        finally:
            process.kill()
            process.join()
            process.close()


class UntrustedVideo:
    """A video that another process decodes; made by `open_untrusted`."""

    def __init__(self, path: str, limits: Limits, process: ForkServerProcess, connection: Connection) -> None:
        self._path = path
        self._limits = limits
        self._process = process
        self._connection = connection
        self._is_late = threading.Event()
        self._receive(MAX_TEXT)  # it says that it is ready, before it touches the file
        self.header = Header(*self._ask("header"))

    @cached_property
    def info(self) -> VideoInfo:
        """See decode.Video."""
        return VideoInfo(**self._ask("info"))

    def read(
        self,
        plan: Callable[[int], IntArray],
        *,
        short_side: int | None = None,
        resize: Resize = "bilinear",
    ) -> Frames:
        """See decode.Video. `plan` runs here, not in the other process."""
        num_wanted = 0

        def answer(num_frames: int) -> bytes:
            nonlocal num_wanted
            indices = plan(num_frames).reshape(-1)
            num_wanted = len(indices)
            return INDICES + indices.astype("<i8").tobytes()

        question = {"ask": "read", "short_side": short_side, "resize": resize}
        with self._deadline():
            shape = self._converse(question, answer)
            times = self._receive_times()
            pixels = np.frombuffer(bytearray(self._receive(self._limits.max_memory)), dtype=np.uint8)
        if not (isinstance(shape, list) and shape[:1] == [num_wanted] == [len(times)]):
            raise self._nonsense()
        if len(shape) != 4 or shape[3] != 3 or len(pixels) != np.prod(shape, dtype=object):
            raise self._nonsense()
        return Frames(pixels=pixels.reshape(shape), pts_seconds=times)

    def times(self) -> FloatArray:
        """See decode.Video. A plan may ask for it while it is being asked."""
        with self._deadline():
            self._converse({"ask": "times"})
            return self._receive_times()

    def count_decodable(self) -> tuple[int, DecodeError | None]:
        """See decode.Video. A process that dies is a fault after 0 pictures."""
        try:
            count, code, reason = self._ask("count")
        except DecodeError as error:
            return 0, error
        return count, DecodeError(self._path, code, reason) if code else None

    def _ask(self, what: str) -> Any:
        with self._deadline():
            return self._converse({"ask": what})

    def _converse(self, question: dict[str, Any], plan: Callable[[int], bytes] | None = None) -> Any:
        """The answer to a question, after any questions back for the plan."""
        self._send(json.dumps(question).encode())
        while True:
            try:
                kind, value = json.loads(self._receive(MAX_TEXT))
                if kind == "fault":
                    code, reason = map(str, value)
            except (ValueError, TypeError) as error:
                raise self._nonsense() from error
            if kind == "fault":
                raise DecodeError(self._path, code, reason)
            if kind != "plan":
                return value
            if plan is None or not isinstance(value, int):
                raise self._nonsense()
            self._send(plan(value))

    @contextmanager
    def _deadline(self) -> Iterator[None]:
        """Kill the process at the end of its time, which also ends any waiting for it."""

        def stop() -> None:
            self._is_late.set()
            self._process.kill()

        timer = threading.Timer(self._limits.max_wall_seconds, stop)
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()

    def _send(self, message: bytes) -> None:
        try:
            self._connection.send_bytes(message)
        except OSError as error:
            raise self._death() from error

    def _receive(self, most: int) -> bytes:
        try:
            return self._connection.recv_bytes(most)
        except (EOFError, OSError) as error:  # OSError also for a message longer than allowed
            raise self._death() from error

    def _receive_times(self) -> FloatArray:
        try:
            return np.frombuffer(self._receive(self._limits.max_memory), dtype="<f8")
        except ValueError as error:  # not a whole number of them
            raise self._nonsense() from error

    def _nonsense(self) -> DecodeError:
        return DecodeError(self._path, "V36", "the decoding process gave an answer that makes no sense")

    def _death(self) -> DecodeError:
        """Why the process is gone."""
        self._process.join(timeout=1.0)
        code = self._process.exitcode
        if self._is_late.is_set() or code == -signal.SIGXCPU:
            limit = f"max_wall_seconds = {self._limits.max_wall_seconds:g}"
            return DecodeError(self._path, "V19", f"reading took longer than {limit}; stopped")
        if code is None:
            return self._nonsense()
        cause = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        hint = "; perhaps memory ran out" if code == -signal.SIGKILL else ""
        return DecodeError(self._path, "V36", f"the decoding process ended by {cause}{hint}")
