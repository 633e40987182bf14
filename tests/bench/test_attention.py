"""Every arm of the operator's benchmark computes window attention; speeds are never asserted."""

from __future__ import annotations

import json

import pytest
import torch

from videoswin.bench.attention import AttentionBenchConfig, run, shapes
from videoswin.bench.attention_arms import attention_arms
from videoswin.bench.device import CPU
from videoswin.bench.roofline import SIDE
from videoswin.cli.main import main
from videoswin.errors import ConfigError
from videoswin.model import VARIANTS, SwinConfig
from videoswin.values import Size3

MICRO = SwinConfig(embed_dim=16, depths=(2, 1), num_heads=(1, 2), window=Size3(2, 3, 3), num_classes=5)
SMALL = ["--size", "5x30x34", "--rounds", "2", "--threads", "1"]


@pytest.fixture(autouse=True)
def micro(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(VARIANTS, "swin_t", MICRO)
    monkeypatch.setitem(SIDE, "cpu", 128)


def test_shapes_of_every_stage_padded_and_shifted():
    texts = [str(shape) for shape in shapes("swin_t", Size3(5, 30, 34))]
    assert texts == [
        "stage 1, 3x8x9 tokens, 1 heads, regular",
        "stage 1, 3x8x9 tokens, 1 heads, shifted",
        "stage 2, 3x4x5 tokens, 2 heads, regular",
    ]


def test_every_arm_agrees_with_the_reference_forward_and_backward(capsys):
    assert main(["bench", "attention", *SMALL, "--batch_size", "2", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    names = [arm.name for arm in attention_arms(None, CPU)]
    assert {"reference", "boxes", "flex", "plain"} <= set(names)
    found = [(result["passes"], result["arm"]) for result in report["results"]]
    with_backward = [name for name in names if name != "flex"]
    assert found == 3 * [
        *(("forward", name) for name in names),
        *(("backward", name) for name in with_backward),
    ]
    for result in report["results"]:
        assert len(result["seconds"]) == len(result["shares"]) == 2
        if result["arm"] == "plain":
            assert result["error"] is None
        else:
            assert result["error"] < 2e-6, result
    assert report["left_out"] == []


def test_useful_operations_of_a_regular_window_are_those_of_all_pairs():
    config = AttentionBenchConfig(size=(4, 24, 24), arms=("plain",), rounds=1)
    *_, (_, bench) = run(config)
    assert bench is not None
    forward, backward = bench.results[:2]
    pairs = 2 * 6 * 6 * 2 * 3 * 3  # tokens of the grid, times the tokens of a window
    assert forward.operations == 4 * 16 * pairs
    assert backward.operations == 14 * 16 * pairs


def test_the_table(capsys):
    assert main(["bench", "attention", *SMALL, "--precision", "bf16", "--passes", "[forward]"]) == 0
    text = capsys.readouterr().out
    for expected in (
        "swin_t, bf16, 1 clips: stage 1, 3x8x9 tokens, 1 heads, shifted, forward",
        "flex",
        "plain",
    ):
        assert expected in text


def test_what_does_not_fit_the_time_is_said():
    *_, (_, bench) = run(AttentionBenchConfig(size=(4, 24, 24), arms=("plain",), time_limit=1e-9))
    assert bench is not None
    assert bench.results == []
    assert bench.left_out[0] == "stage 1, 2x6x6 tokens, 1 heads, regular, forward: no time left"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AttentionBenchConfig(variant="swin_x"), "variant is 'swin_x'; allowed: swin_t"),
        (lambda: AttentionBenchConfig(rounds=0), "rounds is 0; allowed: 1 or more"),
        (lambda: AttentionBenchConfig(arms=()), "passes and arms must each name at least one"),
        (lambda: attention_arms(("flash",), CPU), "arms hold 'flash'; allowed on cpu: reference, boxes"),
    ],
)
def test_what_cannot_be_measured_is_refused(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


@pytest.mark.gpu
def test_on_a_gpu_in_bf16(capsys):
    assert torch.cuda.is_available()
    assert main(["bench", "attention", *SMALL, "--device", "cuda", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert all(each["error"] is None or each["error"] < 2e-2 for each in report["results"])
    assert all(each["peak_bytes"] > 0 for each in report["results"])
