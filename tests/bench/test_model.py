"""The benchmark runs, compares results and counts memory; speeds are never asserted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bench.material import OFFICIAL, write_peer
from videoswin.bench.arms import ArmsConfig
from videoswin.bench.model import BenchConfig, run
from videoswin.cli.main import main
from videoswin.errors import ConfigError
from videoswin.model import VARIANTS, SwinConfig
from videoswin.values import Size3

MICRO = SwinConfig(
    embed_dim=16, depths=(1, 2, 1, 1), num_heads=(1, 2, 2, 2), window=Size3(2, 3, 3), num_classes=5
)
SMALL = ["--sizes", "[4x32]", "--rounds", "2", "--threads", "1"]


@pytest.fixture
def micro(monkeypatch: pytest.MonkeyPatch) -> None:
    """Swin-T is a model of milliseconds, except in the processes that measure memory."""
    monkeypatch.setitem(VARIANTS, "swin_t", MICRO)


def test_arms_run_in_turn_with_equal_logits(capsys):
    assert main(["bench", "model", *SMALL, "--ours", "[reference,boxes]", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [result["source"] for result in report["results"]] == ["reference", "boxes"]
    assert report["machine"]["threads"] == 1
    assert report["peaks"]["fp32"] > 1e9
    for result in report["results"]:
        assert len(result["seconds"]) == len(result["shares"]) == 2
        assert result["is_same"]
        assert result["difference"] < 1e-5
        assert 100e6 < result["peak_bytes"] < 4e9
        assert 0 < min(result["shares"])


def test_training_and_bf16_beside_inference_at_several_sizes(micro, capsys):
    arguments = [
        "--sizes",
        "[4x32,3x30x34]",
        "--modes",
        "[inference,training]",
        "--precisions",
        "[fp32,bf16]",
    ]
    assert main(["bench", "model", *arguments, "--rounds", "1", "--skip-memory", "--json"]) == 0
    results = json.loads(capsys.readouterr().out)["results"]
    assert [(*r["size"], r["mode"], r["source"], r["precision"]) for r in results] == [
        (*size, mode, source, precision)
        for size in ((4, 32, 32), (3, 30, 34))
        for mode in ("inference", "training")
        for source in ("reference", "boxes", "frozen")
        for precision in ("fp32", "bf16")
        if (mode, source) != ("training", "frozen")
    ]
    for result in results:
        assert result["is_same"]
        assert result["peak_bytes"] is None
        assert (result["difference"] > 1e-4) == (result["precision"] == "bf16")


def test_the_table_and_the_profile(micro, capsys):
    assert main(["bench", "model", *SMALL, "--profile", "--skip-memory", "--ours", "[boxes]"]) == 0
    text = capsys.readouterr().out
    for expected in (
        "swin_t, inference, 1 x 4x32x32",
        "boxes fp32",
        "times faster",
        "qkv",
        "peak: 2048 x 2048",
    ):
        assert expected in text


def test_an_arm_with_another_result_gets_no_ratio(micro, capsys, tmp_path):
    other = OFFICIAL.replace("rearrange(self", "1.5 * rearrange(self")
    peer = write_peer(tmp_path, "swin_transformer", other)
    arguments = ["--official", peer, "--ours", "[boxes]", "--skip-memory"]
    assert main(["bench", "model", *SMALL, *arguments]) == 0
    assert "other result" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ArmsConfig(variant="swin_x"), "variant is 'swin_x'; allowed: swin_t"),
        (lambda: ArmsConfig(ours=()), "nothing to measure"),
        (lambda: ArmsConfig(precisions=()), "precisions are empty; allowed: fp32"),
        (lambda: BenchConfig(rounds=0), "rounds is 0; allowed: 1 or more"),
        (lambda: BenchConfig(sizes=()), "sizes and modes must each name at least one"),
    ],
)
def test_what_cannot_be_measured_is_refused(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


@pytest.mark.parametrize("size", ["0x8x8", "32x-1", "4x", "32x224x224x3", "ax8"])
def test_a_wrong_size_is_named(size, capsys):
    assert main(["bench", "model", "--sizes", f"[{size}]"]) == 2
    assert f"sizes hold '{size}'; allowed: FRAMESxSIDE" in capsys.readouterr().err


def test_a_folder_without_torchvision_is_named(tmp_path: Path):
    steps = run(BenchConfig(arms=ArmsConfig(torchvision=str(tmp_path)), sizes=((4, 32, 32),)))
    with pytest.raises(ConfigError, match=f"torchvision cannot be imported from '{tmp_path}'"):
        list(steps)


def test_what_is_for_inference_alone_is_not_trained():
    steps = run(BenchConfig(arms=ArmsConfig(ours=("frozen",)), modes=("training",)))
    with pytest.raises(ConfigError, match="nothing to measure in training: frozen is not for it"):
        list(steps)


def test_sub_verbs(capsys):
    assert main(["bench", "--help"]) == 0
    assert "scaling" in capsys.readouterr().out
    assert main(["bench", "modle"]) == 2
    assert "did you mean model?" in capsys.readouterr().err
