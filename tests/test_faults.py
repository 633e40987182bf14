"""A process dies where it is told to, and nowhere else."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import videoswin
from videoswin.errors import ConfigError
from videoswin.faults import POINTS, VARIABLE, reached

REACH_THREE_TIMES = """
from videoswin.faults import reached
for number in range(3):
    reached("checkpoint.before_folder")
    reached("checkpoint.renamed")
    print(number, flush=True)
"""


@pytest.mark.parametrize(
    ("fault", "exit_code", "printed"),
    [
        (None, 0, "0 1 2"),
        ("checkpoint.renamed@1", -signal.SIGKILL, ""),
        ("checkpoint.before_folder@3", -signal.SIGKILL, "0 1"),
        ("checkpoint.renamed@4", 0, "0 1 2"),
    ],
)
def test_a_process_dies_the_nth_time_it_reaches_a_point(fault, exit_code, printed, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    if fault is not None:
        monkeypatch.setenv(VARIABLE, fault)
    ended = subprocess.run([sys.executable, "-c", REACH_THREE_TIMES], capture_output=True, text=True)
    assert ended.returncode == exit_code
    assert ended.stdout.split() == printed.split()


@pytest.mark.parametrize("fault", ["checkpoint.rename@1", "checkpoint.renamed", "checkpoint.renamed@x", ""])
def test_a_wrong_word_is_refused(fault, monkeypatch):
    monkeypatch.setenv(VARIABLE, fault)
    with pytest.raises(ConfigError, match=rf"{VARIABLE} is {fault!r}; expected NAME@N with a name of check"):
        reached("checkpoint.renamed")


def test_every_point_is_reached_somewhere_and_no_other():
    source = Path(videoswin.__file__).parent
    found = set()
    for path in source.rglob("*.py"):
        found |= set(re.findall(r'\breached\(\s*"([^"]+)"', path.read_text()))
    assert found == set(POINTS)
