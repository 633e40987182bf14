"""Damaged and hostile files: no code runs, nothing crashes, memory stays bounded, and every file that is
refused is named in a one-line WeightsError."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.weights import hostile

# Of torch, about ways to make odd tensors and programs.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")

READER = """
import json, pathlib, sys
from videoswin import weights
from videoswin.errors import WeightsError

def build(path):
    weights.build(weights.read(path), num_classes=3)
    return "loads"

def inspect(path):
    weights.inspect(path)
    return "inspected"

def peak_kb():  # not getrusage: its peak counts what the parent had when it started this process
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])

base = peak_kb()
outcome = {}
for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    for look in (build, inspect):
        try:
            said = look(path)
        except WeightsError as error:
            said = f"refused {error}"
        except Exception as error:
            said = f"crashed {error!r}"
        outcome.setdefault(path.name, []).append(said)
peak = peak_kb()
print(json.dumps({"outcome": outcome, "peak": peak, "base": base}))
"""


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, set[str], set[str], Path]:
    files, work = tmp_path_factory.mktemp("files"), tmp_path_factory.mktemp("work")
    refused, maybe = hostile.write_all(files)
    done = subprocess.run(
        [sys.executable, "-c", READER, str(files)],
        cwd=work,
        env=os.environ | {"VIDEOSWIN_CACHE": str(work / "cache")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1]), refused, maybe, work


def test_there_are_enough_of_them(result):
    _, refused, maybe, _ = result
    assert len(refused) + len(maybe) >= 200


def test_no_code_ran(result):
    *_, work = result
    assert not (work / hostile.CANARY).exists()


def test_memory_stays_bounded(result):
    found, *_ = result
    assert found["peak"] < 2 << 20  # kB
    assert found["peak"] - found["base"] < 1 << 20


def test_nothing_crashed(result):
    found, *_ = result
    assert not {name: looks for name, looks in found["outcome"].items() if "crashed" in " ".join(looks)}


def test_every_harmful_file_is_refused_by_name_in_one_line(result):
    found, refused, _, _ = result
    assert not {name for name in refused if not found["outcome"][name][0].startswith("refused")}
    messages = {name: look for name, looks in found["outcome"].items() for look in looks if "refused" in look}
    assert all(name in message for name, message in messages.items())
    assert all(message.isprintable() and len(message) < 1000 for message in messages.values())


def test_most_single_bits_are_noticed(result):
    """Those that are not change nothing that is read, such as a time in the zip, or a number in our header
    that the tensors do not contradict."""
    found, _, maybe, _ = result
    noticed = sum(found["outcome"][name][0].startswith("refused") for name in maybe)
    assert noticed > len(maybe) / 3
