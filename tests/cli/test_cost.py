"""`videoswin cost` end to end."""

from __future__ import annotations

import json

from videoswin.cli.main import main


def test_table_shows_the_paper_numbers(capsys):
    assert main(["cost", "swin_t"]) == 0
    shown = capsys.readouterr().out
    assert "28,158,070" in shown
    assert "87.76" in shown


def test_json_with_another_window(capsys):
    assert main(["cost", "swin_b", "--window", "[16,7,7]", "--num_classes", "174", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["parameters"] == 88_834_038
    assert round(report["multiply_adds"] / 1e9, 2) == 320.36
    assert sum(part["multiply_adds"] for part in report["parts"]) == report["multiply_adds"]


def test_the_384_px_model_is_counted_at_384_px(capsys):
    assert main(["cost", "swin_l_384", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["clip"] == [32, 384, 384]
    assert round(report["multiply_adds"] / 1e9, 2) == 2106.38
