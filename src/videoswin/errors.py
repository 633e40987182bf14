"""Every fault a user can cause has a type here, and each type has one exit code.

The message is one line: what was attempted, what came, what is allowed. `videoswin` prints it without a
traceback; a traceback means a bug in videoswin.
"""

from __future__ import annotations


def printable(name: str) -> str:
    """A file or label name as one line for people: line ends, control characters and broken encodings are
    escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


class VideoSwinError(Exception):
    """Base of all expected faults. `exit_code` is what the command line ends with."""

    exit_code = 1


class ConfigError(VideoSwinError, ValueError):
    """A wrong option, key, value or combination. Nothing was started."""

    exit_code = 2


class AnnotationError(VideoSwinError, ValueError):
    """A list, table or folder of labelled videos that can't be used. Names file, line and value. Nothing was
    started."""

    exit_code = 2


class DecodeError(VideoSwinError):
    """A video that can't be used: one file, one reason. Many commands list it and go on with the other files.

    code: the row of the fault catalogue, such as `V05`; reason: one line without the file name.
    """

    exit_code = 3

    def __init__(self, path: str, code: str, reason: str) -> None:
        super().__init__(path, code, reason)
        self.path = path
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        return f"[{self.code}] {printable(self.path)}: {self.reason}"


class WeightsError(VideoSwinError):
    """A weights file that is refused: damaged, of an unknown format, or not fitting the model."""

    exit_code = 4


class DatasetError(VideoSwinError):
    """A data set that is empty or in which too many videos are unreadable."""

    exit_code = 5


class NonFiniteLossError(VideoSwinError):
    """The loss became NaN or infinite. Training stopped before the update."""

    exit_code = 6


class StorageError(VideoSwinError):
    """Writing failed: no space, quota, read-only or I/O error. Names path and cause."""

    exit_code = 7


class CheckpointError(VideoSwinError):
    """A checkpoint that is refused: damaged, incomplete, or of another run."""

    exit_code = 4


class RankLostError(VideoSwinError):
    """A process of a distributed job, or a loader worker, died or no longer answers. Names it."""

    exit_code = 8


class InUseError(VideoSwinError):
    """The folder belongs to a run that is still alive."""

    exit_code = 9


class Stopped(VideoSwinError):
    """A signal ended the run after its state was saved. signal_number: 2 SIGINT, 10 SIGUSR1, 15 SIGTERM.

    The exit code is 130 after SIGINT, else 143, as shells and schedulers expect.
    """

    def __init__(self, message: str, *, signal_number: int) -> None:
        super().__init__(message)
        self.exit_code = 130 if signal_number == 2 else 143
