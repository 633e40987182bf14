"""The `videoswin` command as a process and its exit codes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from videoswin.cli.main import VERBS, main


def test_help_lists_every_verb(capsys):
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(verb in shown for verb in VERBS)


HAVE_PARTS = {"bench": "model", "data": "check", "weights": "list", "verify": "fuzz"}
"""Verbs of verbs: the part that is asked for its help."""


@pytest.mark.parametrize("verb", [f"{verb} {HAVE_PARTS.get(verb, '')}".strip() for verb in VERBS])
def test_every_verb_explains_itself(verb, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([*verb.split(), "--help"])
    assert stopped.value.code == 0
    shown = capsys.readouterr().out
    assert f"usage: videoswin {verb}" in shown
    assert "--config" in shown


def test_no_verb_shows_help_and_is_a_usage_error(capsys):
    assert main([]) == 2
    assert "verbs:" in capsys.readouterr().out


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.count(".") == 2


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (["trian"], 2, "error: unknown verb 'trian'; did you mean 'train'?"),
        (["xyz"], 2, "error: unknown verb 'xyz' (videoswin --help lists them)"),
        (["cost", "swin_t", "--framez", "0"], 2, "arguments: --framez 0 (did you mean --frames?)"),
        (["cost", "swin_t", "--frames", "many"], 2, "frames"),
        (["cost", "swin_x"], 2, "swin_l_384"),
        (["cost", "swin_t", "--frames", "0"], 2, "allowed: at least 1 frame"),
        (["cost"], 2, "the following arguments are required: variant"),
        (["convert", "absent.pth", "out.safetensors"], 4, "error: absent.pth: cannot be read: No such file"),
        (["predict", "absent.pth", "a.mp4"], 4, "absent.pth: cannot be read"),
    ],
)  # fmt: skip
def test_expected_faults_are_one_line_and_a_code(arguments, exit_code, message, capsys):
    assert main(arguments) == exit_code
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_a_reader_that_leaves_is_no_fault():
    """`videoswin --help | head -0`: no traceback."""
    command = f"{sys.executable} -m videoswin.cli.main cost swin_t --json | head -c 1"
    finished = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert finished.stderr == ""
