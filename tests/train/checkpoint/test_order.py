"""What the system is asked for, in which order: every file is flushed before the rename, the folder after it,
and nothing is removed before that."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SAVE_TWICE = """
import sys
from pathlib import Path
from tests.train.checkpoint.material import snapshot
from videoswin.train.checkpoint import CheckpointFolder
folder = CheckpointFolder(Path(sys.argv[1]))
folder.save(snapshot(1), keep=1)
print("SECOND", flush=True)
folder.save(snapshot(2), keep=1)
"""

EXPECTED = """
fsync .tmp-step-00000002/model.safetensors
fsync .tmp-step-00000002/optimizer.safetensors
fsync .tmp-step-00000002/state.json
fsync .tmp-step-00000002/MANIFEST.json
fsync .tmp-step-00000002
rename .tmp-step-00000002 step-00000002
fsync .
rename step-00000001 .tmp-old-00000001
unlink MANIFEST.json
""".split("\n")[1:-1]


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_t02_a_save_flushes_before_it_renames_and_removes_last(tmp_path: Path) -> None:
    trace, folder = tmp_path / "trace", tmp_path / "checkpoints"
    calls = "trace=fsync,rename,unlink,unlinkat,write"
    command = [sys.executable, "-c", SAVE_TWICE, str(folder)]
    subprocess.run(["strace", "-f", "-y", "-o", str(trace), "-e", calls, *command], check=True)
    lines = trace.read_text().splitlines()
    second = next(number for number, line in enumerate(lines) if '"SECOND' in line)
    found = [short for line in lines[second:] if (short := shortened(line, folder))]
    assert found[: len(EXPECTED)] == EXPECTED


def shortened(line: str, folder: Path) -> str:
    """`12 fsync(3</f/x>) = 0` as `fsync x`: flushes, renames and removals of the folder."""
    line = re.sub(r"(\.tmp-(?:step|old)-\d+)-\d+", r"\1", line)
    if match := re.search(r"(fsync)\(\d+<(.*?)>\) += 0", line):
        place = Path(match[2])
        return f"fsync {place.relative_to(folder)}" if place.is_relative_to(folder) else ""
    if match := re.search(r'rename\("(.*?)", "(.*?)"\) += 0', line):
        return f"rename {Path(match[1]).name} {Path(match[2]).name}"
    if match := re.search(r'unlink(?:at)?\(.*?"([^"]+)"', line):
        return f"unlink {Path(match[1]).name}"
    return ""
