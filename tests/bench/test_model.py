"""The benchmark runs, compares logits and counts memory; speeds are never asserted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from videoswin.bench.model import BenchConfig, run
from videoswin.cli.main import main
from videoswin.errors import ConfigError


def test_arms_run_in_turn_with_equal_logits(capsys):
    arguments = ["bench", "model", "--clip", "[4,32,32]", "--rounds", "2", "--threads", "1", "--json"]
    assert main(arguments) == 0
    report = json.loads(capsys.readouterr().out)
    assert [result["arm"] for result in report["results"]] == ["reference", "boxes"]
    for result in report["results"]:
        assert len(result["seconds"]) == 2
        assert result["logits_difference"] < 1e-5
        assert 100e6 < result["peak_bytes"] < 4e9


def test_unknown_names_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="variant is 'swin_x'; allowed: swin_t"):
        next(run(BenchConfig(variant="swin_x")))


def test_a_folder_without_torchvision_is_named(tmp_path: Path):
    steps = run(BenchConfig(torchvision=str(tmp_path), clip=(4, 32, 32)))
    with pytest.raises(ConfigError, match=f"torchvision cannot be imported from '{tmp_path}'"):
        list(steps)
