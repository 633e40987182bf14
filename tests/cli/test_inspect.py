"""`videoswin inspect` end to end: the table, the JSON and the exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest
import safetensors.torch
import torch

from tests.weights import plain2d
from videoswin import weights
from videoswin.cli.inspect import main
from videoswin.errors import WeightsError
from videoswin.model import SwinConfig, VideoSwin
from videoswin.values import ClipSpec

MICRO = SwinConfig(embed_dim=8, depths=(1, 1), num_heads=(1, 2), window=(2, 3, 3), num_classes=3)


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch, tmp_path_factory):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("VIDEOSWIN_CACHE", str(tmp_path_factory.mktemp("cache")))


def rows(capsys) -> dict[str, str]:
    lines = capsys.readouterr().out.splitlines()[1:]
    return {name: value for name, _, value in (line.strip().partition("  ") for line in lines)}


def test_a_sound_file(tmp_path, capsys):
    path = tmp_path / "a.safetensors"
    weights.save(
        path, VideoSwin(MICRO), labels=("[run]", "b", "c"), clip=ClipSpec(size=24), notes={"by": "me"}
    )
    assert main([str(path)]) == 0
    shown = {name: value.strip() for name, value in rows(capsys).items()}
    assert shown["format"] == "videoswin"
    assert shown["model"] == "no published size (width 8, depths 1,1, heads 1,2)"
    assert shown["design"] == "joint, shift 3d"
    assert shown["window"] == "2x3x3"
    assert shown["patch"] == "2x4x4"
    assert shown["classes"] == "3, labels [run], b, c"
    assert shown["clip"] == "32 frames, stride 2, 24 px, dense"
    assert shown["note: by"] == "me"
    assert shown["tensors"] == "37 (37 float32)"
    assert shown["verdict"] == "can be used"


def test_another_design(tmp_path, capsys):
    config = replace(MICRO, design="factorized", shift="spatial", temporal_bias=True)
    weights.save(tmp_path / "a.safetensors", VideoSwin(config), labels=(), clip=ClipSpec())
    assert main([str(tmp_path / "a.safetensors")]) == 0
    shown = {name: value.strip() for name, value in rows(capsys).items()}
    assert shown["design"] == "factorized, shift spatial, temporal bias"


def test_a_2d_pth(tmp_path, capsys):
    state = plain2d.random_state(width=8, depths=(1, 1), heads=(1, 2), window=3, seed=0)
    torch.save({"model": state}, tmp_path / "2d.pth")
    assert main([str(tmp_path / "2d.pth")]) == 0
    output = capsys.readouterr().out
    assert "a 2D Swin with microsoft names" in output
    assert "none for videos" in output


def test_a_damaged_file_is_described_and_ends_with_code_4(tmp_path, capsys):
    state = VideoSwin(MICRO).state_dict()
    state["norm.weight"] = torch.full((16,), float("nan"))
    state["x\x1b[31m"] = torch.zeros(2)
    safetensors.torch.save_file(state, tmp_path / "a.safetensors")
    assert main([str(tmp_path / "a.safetensors")]) == 4
    output = capsys.readouterr().out
    assert "\x1b" not in output
    assert "no known weights format" in output
    assert "1: norm.weight" in output
    assert "cannot be used" in output


@pytest.mark.parametrize("value", [1.0, float("nan")])
def test_json_has_every_name(tmp_path, capsys, value):
    state = VideoSwin(MICRO).state_dict() | {"norm.weight": torch.full((16,), value)}
    safetensors.torch.save_file(state, tmp_path / "a.safetensors")
    code = main([str(tmp_path / "a.safetensors"), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert code == (0 if found["is_sound"] else 4)
    assert found["is_sound"] == (value == 1.0)
    assert found["problems"] == ({} if value == 1.0 else {"not finite": ["norm.weight"]})
    assert found["config"]["window"] == [2, 3, 3]
    assert found["source_format"] == "videoswin"


def test_a_file_of_another_kind_is_an_error(tmp_path):
    (tmp_path / "page.pth").write_text("<!DOCTYPE html>")
    with pytest.raises(WeightsError, match="an HTML page"):
        main([str(tmp_path / "page.pth")])


def test_help_needs_no_torch():
    program = (
        "import sys\nfrom videoswin.cli.inspect import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\nprint('torch' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "usage: videoswin inspect" in done.stdout
    assert done.stdout.splitlines()[-1] == "False"
