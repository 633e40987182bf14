"""The benchmark runs, compares results and counts memory; speeds are never asserted."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
import torch

from tests.bench.material import OFFICIAL, write_peer
from videoswin.bench import cell
from videoswin.bench.arms import ArmsConfig, arms, build, defaults
from videoswin.bench.cell import Cell, Plan
from videoswin.bench.floor import COPIED
from videoswin.bench.limit import TimeLimit
from videoswin.bench.model import BenchConfig, run
from videoswin.bench.roofline import SIDE
from videoswin.cli.main import main
from videoswin.errors import ConfigError
from videoswin.model import VARIANTS, SwinConfig
from videoswin.values import Size3

MICRO = SwinConfig(
    embed_dim=16, depths=(1, 2, 1, 1), num_heads=(1, 2, 2, 2), window=Size3(2, 3, 3), num_classes=5
)
SMALL = ["--device", "cpu", "--sizes", "[4x32]", "--rounds", "2", "--threads", "1"]


@pytest.fixture
def micro(monkeypatch: pytest.MonkeyPatch) -> None:
    """Swin-T is a model of milliseconds, except in the processes that measure memory, and so is the matrix
    product."""
    monkeypatch.setitem(VARIANTS, "swin_t", MICRO)
    monkeypatch.setitem(SIDE, "cpu", 128)
    monkeypatch.setitem(COPIED, "cpu", 2**20)


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
        assert len(result["floor_shares"]) == 2
        # Products alone are part of the least time.
        shares = zip(result["floor_shares"], result["shares"], strict=True)
        assert all(floor_share >= share for floor_share, share in shares)


def test_training_and_bf16_beside_inference_at_several_sizes(micro, capsys):
    arguments = [
        "--sizes",
        "[4x32,3x30x34]",
        "--modes",
        "[inference,training]",
        "--precisions",
        "[fp32,bf16]",
    ]
    assert (
        main(["bench", "model", "--device", "cpu", *arguments, "--rounds", "1", "--skip-memory", "--json"])
        == 0
    )
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
        "peak: share of 128 x 128",
    ):
        assert expected in text


def test_an_arm_with_another_result_gets_no_ratio(micro, capsys, tmp_path):
    other = OFFICIAL.replace("rearrange(self", "1.5 * rearrange(self")
    peer = write_peer(tmp_path, "swin_transformer", other)
    arguments = ["--official", peer, "--ours", "[boxes]", "--skip-memory"]
    assert main(["bench", "model", *SMALL, *arguments]) == 0
    assert "other result" in capsys.readouterr().out


def test_several_batches_and_each_arm_at_its_best(micro, capsys):
    arguments = [*SMALL, "--batch_sizes", "[1,3]", "--ours", "[reference,boxes]", "--skip_memory"]
    assert main(["bench", "model", *arguments, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [(each["batch_size"], each["source"]) for each in report["results"]] == [
        (1, "reference"),
        (1, "boxes"),
        (3, "reference"),
        (3, "boxes"),
    ]
    one, three = (report["results"][index]["operations"] for index in (0, 2))
    assert three == 3 * one
    assert [best["arm"] for best in report["best_batches"]] == ["reference fp32", "boxes fp32"]
    for best in report["best_batches"]:
        rates = [each["clips_per_second"] for each in report["results"] if each["arm"] == best["arm"]]
        assert best["clips_per_second"] == max(rates)
    assert report["best_batches"][0]["times_faster"] == 1
    assert main(["bench", "model", *arguments]) == 0
    text = capsys.readouterr().out
    assert "swin_t, inference, 3 x 4x32x32" in text
    assert "each arm at its best batch" in text


def test_compiled_arms_stand_beside_eager_ones_in_the_first_precision(micro, capsys):
    arguments = ["--forms", "[eager,compiled]", "--ours", "[boxes,frozen]", "--precisions", "[fp32,bf16]"]
    modes = ["--modes", "[inference,training]", "--skip_memory", "--profile", "--rounds", "1"]
    # What is compiled runs as it is: how long a compiler takes is not what is tested.
    with torch.compiler.set_stance("force_eager"):
        assert main(["bench", "model", *SMALL, *arguments, *modes, "--json"]) == 0
    results = json.loads(capsys.readouterr().out)["results"]
    trained = ["boxes fp32", "boxes bf16", "boxes compiled fp32"]
    assert [each["arm"] for each in results] == [*trained, "frozen fp32", "frozen bf16", *trained]
    assert all(each["is_same"] for each in results)
    for each in results:
        assert bool(each["parts"]["parts"]) == ("compiled" not in each["arm"])
        assert each["parts"]["operators"]


@pytest.mark.slow
def test_a_compiled_arm_computes_the_same(micro, capsys):
    arguments = ["--forms", "[eager,compiled]", "--ours", "[boxes]", "--modes", "[training]"]
    assert main(["bench", "model", *SMALL, *arguments, "--skip_memory", "--json"]) == 0
    eager, compiled = json.loads(capsys.readouterr().out)["results"]
    assert compiled["is_same"]
    assert compiled["difference"] < 1e-4
    assert eager["difference"] == 0


def test_compiling_is_timed_in_fresh_processes(monkeypatch, capsys):
    monkeypatch.setenv("TORCHDYNAMO_DISABLE", "1")  # in those processes: the arm runs as it is
    arguments = ["--forms", "[compiled]", "--ours", "[boxes]", "--compile_times", "--skip_memory"]
    with torch.compiler.set_stance("force_eager"):
        assert main(["bench", "model", *SMALL, *arguments]) == 0
    assert re.search(r"boxes compiled fp32: compiles in -?\d+\.\d s, again in", capsys.readouterr().out)


def test_what_there_is_no_time_for_is_left_out_and_said(micro, capsys):
    arguments = ["--ours", "[boxes]", "--batch_sizes", "[1,2]", "--time_limit", "1e-9"]
    assert main(["bench", "model", *SMALL, *arguments]) == 0
    text = capsys.readouterr().out
    for batch in (1, 2):
        assert f"left out: inference, {batch} x 4x32x32: no time left" in text


def test_rounds_end_with_the_time_but_what_was_built_is_measured(micro, monkeypatch):
    plan = Plan(
        arms=ArmsConfig(ours=("boxes",)),
        size=(4, 32, 32),
        mode="inference",
        batch_size=1,
        rounds=5,
        has_memory=True,
        has_parts=False,
        has_compile_times=False,
    )
    limit = TimeLimit(60)
    measured = Cell(plan, limit)
    for step in measured.run():
        if step == "round 2 of 5":
            monkeypatch.setattr(time, "monotonic", lambda: float("inf"))
    (result,) = measured.results
    assert len(result.seconds) == len(result.shares) == 2
    assert result.peak_bytes is None
    assert limit.left_out == [
        "inference, 1 x 4x32x32, rounds 3 to 5: no time left",
        "inference, 1 x 4x32x32, memory of boxes fp32: no time left",
    ]


def test_an_arm_without_enough_memory_is_left_out_and_the_others_go_on(micro, monkeypatch):
    def build_or_fail(config, arm):
        if arm.source == "reference":
            raise torch.OutOfMemoryError("CUDA out of memory")
        return build(config, arm)

    monkeypatch.setattr(cell, "build", build_or_fail)
    config = BenchConfig(arms=ArmsConfig(ours=("reference", "boxes")), sizes=((4, 32, 32),), skip_memory=True)
    *_, (_, bench) = run(config)
    assert bench is not None
    assert [result.arm for result in bench.results] == ["boxes fp32"]
    assert bench.left_out == ["inference, 1 x 4x32x32, reference fp32: CUDA out of memory"]


def test_what_is_measured_by_default():
    cpu, cuda = defaults("cpu"), defaults("cuda")
    assert (cpu.ours, cpu.precisions, cpu.forms) == (("reference", "boxes", "frozen"), ("fp32",), ("eager",))
    assert cuda.ours[-1] == "frozen"
    assert len(cuda.ours) > 1
    assert "reference" not in cuda.ours
    names = [arm.name for arm in arms(cuda, "training")]
    first = cuda.ours[0]
    assert names[:3] == [f"{first} bf16", f"{first} tf32", f"{first} compiled bf16"]


@pytest.mark.gpu
def test_on_a_gpu(micro, capsys):
    assert torch.cuda.is_available()
    arguments = ["--device", "cuda", "--sizes", "[4x32]", "--modes", "[inference,training]"]
    options = ["--batch_sizes", "[1,4]", "--rounds", "2", "--profile", "--json"]
    assert main(["bench", "model", *arguments, *options]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["machine"]["accelerator"]
    assert report["left_out"] == []
    for result in report["results"]:
        assert result["is_same"]
        assert result["peak_bytes"] > 0
        assert result["parts"]["num_kernels"] > 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ArmsConfig(ours=("flash",)), "ours holds 'flash'; allowed: reference, boxes"),
        (lambda: ArmsConfig(forms=()), "forms are empty; allowed: eager, compiled"),
        (lambda: BenchConfig(batch_sizes=(1, 0)), "batch_sizes is 0; allowed: 1 or more"),
        (lambda: ArmsConfig(variant="swin_x"), "variant is 'swin_x'; allowed: swin_t"),
        (lambda: ArmsConfig(ours=()), "nothing to measure"),
        (lambda: ArmsConfig(precisions=()), "precisions are empty; allowed: fp32"),
        (lambda: BenchConfig(rounds=0), "rounds is 0; allowed: 1 or more"),
        (lambda: BenchConfig(sizes=()), "sizes, modes and batch_sizes must each name at least one"),
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
