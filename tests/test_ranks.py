"""What processes agree on: alone, and three real ones over gloo."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import torch

from videoswin import ranks

NUM = 3
QUESTIONS = """
import json
import os
import torch
import torch.distributed as dist
from videoswin import ranks
dist.init_process_group("gloo")
own = ranks.rank()
answers = {
    "rank": own,
    "world_size": ranks.world_size(),
    "largest": ranks.largest([own, -own, 0.5]),
    "total": ranks.total([own, 2**52 // 3, 0.1]),
    "gather": ranks.gather({"rank": own, "word": "x" * own}),
    "tensors": [tensor.tolist() for tensor in ranks.gather(torch.arange(own))],
}
open(f"{__import__('os').environ['FOLDER']}/{own}", "w").write(json.dumps(answers))
dist.destroy_process_group()
"""


def test_alone_every_answer_is_ones_own() -> None:
    assert (ranks.rank(), ranks.world_size()) == (0, 1)
    assert ranks.largest([3, -1.5]) == [3.0, -1.5]
    assert ranks.total([3, -1.5]) == [3.0, -1.5]
    value = {"any": torch.zeros(1)}
    assert ranks.gather(value)[0] is value
    assert ranks.total([]) == []


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, object]]:
    """Of each process, by rank."""
    folder = tmp_path_factory.mktemp("ranks")
    (folder / "questions.py").write_text(QUESTIONS)
    launcher = ["torch.distributed.run", "--standalone", "--nproc-per-node", str(NUM)]
    done = subprocess.run(
        [sys.executable, "-m", *launcher, str(folder / "questions.py")],
        env={**os.environ, "FOLDER": str(folder), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads((folder / str(rank)).read_text()) for rank in range(NUM)]


def test_each_process_knows_its_number(answers: list[dict[str, object]]) -> None:
    assert [(found.pop("rank"), found.pop("world_size")) for found in answers] == [(0, 3), (1, 3), (2, 3)]


def test_all_processes_get_the_same_answers(answers: list[dict[str, object]]) -> None:
    assert answers[0] == answers[1] == answers[2]
    assert answers[0]["largest"] == [2.0, 0.0, 0.5]
    assert answers[0]["total"] == [3.0, 3 * (2**52 // 3), pytest.approx(0.3)]  # whole numbers exactly
    assert answers[0]["gather"] == [{"rank": rank, "word": "x" * rank} for rank in range(NUM)]
    assert answers[0]["tensors"] == [[], [0], [0, 1]]
