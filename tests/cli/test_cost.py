"""`videoswin cost` end to end."""

from __future__ import annotations

import json

import pytest

from videoswin.cli.main import main
from videoswin.model import SWIN_T
from videoswin.model.memory import activation_memory
from videoswin.model.published import PAPER_ROWS, in_design
from videoswin.values import Size3


def test_table_shows_the_paper_numbers(capsys):
    assert main(["cost", "swin_t"]) == 0
    shown = capsys.readouterr().out
    assert "28,158,070" in shown
    assert "87.76" in shown
    assert "paper (Tables 1, 4, 5): 88 G, 28.2 M parameters" in shown
    memory = activation_memory(SWIN_T, Size3(32, 224, 224))
    assert f"peak activation memory (boxes): {memory.inference / 1e6:,.0f} MB in inference" in shown


def test_json_with_another_window(capsys):
    assert (
        main(["cost", "swin_b", "--window", "[16,7,7]", "--num_classes", "174", "--no-memory", "--json"]) == 0
    )
    report = json.loads(capsys.readouterr().out)
    assert report["parameters"] == 88_834_038
    assert round(report["multiply_adds"] / 1e9, 2) == 320.36
    assert sum(part["multiply_adds"] for part in report["parts"]) == report["multiply_adds"]


def test_the_384_px_model_is_counted_at_384_px(capsys):
    assert main(["cost", "swin_l_384", "--no-memory", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["clip"] == [32, 384, 384]
    assert round(report["multiply_adds"] / 1e9, 2) == 2106.38
    assert "activation_memory_bytes" not in report


@pytest.mark.parametrize(
    ("design", "parameters", "giga", "paper"),
    [("split", 42_007_306, 83.2, "83 G, 42.0 M"), ("factorized", 36_484_246, 95.0, "95 G, 36.5 M")],
)
def test_designs_beside_table_4(capsys, design, parameters, giga, paper):
    assert main(["cost", "swin_t", "--design", design, "--no-memory"]) == 0
    shown = capsys.readouterr().out
    assert f"{parameters:,}" in shown
    assert f"{giga:.2f}" in shown
    assert f"paper (Table 4): {paper} parameters" in shown
    assert ("temporal layers" in shown) == (design == "split")


def test_a_model_that_is_no_row_of_the_paper(capsys):
    assert main(["cost", "swin_t", "--frames", "4", "--size", "32"]) == 0
    assert "paper: no row has this model and clip" in capsys.readouterr().out


def test_json_has_memory_and_the_rows_of_the_paper(capsys):
    options = ["--frames", "4", "--size", "64", "--temporal_bias", "--shift", "none"]
    assert main(["cost", "swin_t", "--design", "factorized", *options, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["config"]["temporal_bias"]
    assert report["config"]["shift"] == "none"
    assert report["attention_backend"] == "boxes"
    assert 0 < report["activation_memory_bytes"]["inference"] < report["activation_memory_bytes"]["training"]
    assert report["paper"] == []
    assert main(["cost", "swin_t", "--design", "split", "--no_memory", "--json"]) == 0
    row = {"table": 4, "name": "split", "giga_multiply_adds": 83, "mega_parameters": 42.0}
    assert json.loads(capsys.readouterr().out)["paper"] == [row]


def test_all_is_a_line_for_every_model_and_every_row(capsys):
    assert main(["cost", "all", "--no-memory", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    models = [(model["variant"], model["design"]) for model in report["models"]]
    assert len(set(models)) == len(models) == 5 * 3
    assert [row["name"] for row in report["paper"]] == [row.name for row in PAPER_ROWS]
    assert report["paper"][-1]["parameters"] == 27_971_494
    assert main(["cost", "all", "--no-memory"]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    assert "…" not in shown
    assert "2107 2106.38" in shown


def test_all_of_one_design_with_memory(capsys):
    assert main(["cost", "all", "--design", "split", "--frames", "2", "--size", "64"]) == 0
    shown = capsys.readouterr().out
    memory = activation_memory(in_design(SWIN_T, "split"), Size3(2, 64, 64))
    assert shown.count(" split ") == 5 + 1  # and the row of Table 4
    line = next(line for line in shown.splitlines() if line.startswith("swin_t"))
    assert line.endswith(f"{memory.inference / 1e6:,.0f}{memory.training / 1e6:>9,.0f}")


@pytest.mark.parametrize("options", [["--frames", "0"], ["--size", "-1"]])
def test_a_clip_of_nothing_is_refused(capsys, options):
    assert main(["cost", "swin_t", *options]) == 2
    assert "allowed: at least 1 frame and 1 px" in capsys.readouterr().err
