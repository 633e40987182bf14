"""A16: long lists are read as a stream into columns."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import resource, sys
from videoswin.data.annotations import read_annotations
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
samples = read_annotations(sys.argv[1]).samples
print(len(samples), samples[-1].label, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
NUM_LINES = 50_000
BYTES_A_LINE = 100  # ten million lines: less than a GiB


def test_a16_a_line_takes_a_hundred_bytes(tmp_path: Path) -> None:
    (tmp_path / "video_0000000.mp4").write_bytes(b"x")
    lines = (f"video_{number:07d}.mp4 {number % 400}\n" for number in range(NUM_LINES))
    (tmp_path / "list.txt").write_text("".join(lines))
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "list.txt")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    count, label, grown = map(int, done.stdout.split())
    assert (count, label) == (NUM_LINES, (NUM_LINES - 1) % 400)
    unit = 1 if sys.platform == "darwin" else 1024
    assert grown * unit < NUM_LINES * BYTES_A_LINE + (2 << 20)  # what the allocator keeps ready
