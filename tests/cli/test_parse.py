"""Options from a typed function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pytest

from videoswin.cli.parse import call
from videoswin.errors import ConfigError
from videoswin.values import ClipSpec


@dataclass(frozen=True, kw_only=True)
class Part:
    rate: float = 0.5
    """How much."""
    clip: ClipSpec = ClipSpec()


SEEN: dict[str, object] = {}


def verb(
    weights: str,
    videos: list[str],
    *,
    mode: Literal["fast", "exact"] = "exact",
    part: Part = Part(),
    clip: ClipSpec | None = None,
    loud: bool = False,
) -> int:
    """Do something with videos.

    Args:
        weights: A weights file.
        videos: Video files.
        mode: How.
        part: A part.
        clip: Another clip.
        loud: Say more.
    """
    SEEN.update(weights=weights, videos=videos, mode=mode, part=part, clip=clip, loud=loud)
    return 7


def run(*arguments: str) -> dict[str, object]:
    SEEN.clear()
    assert call(verb, list(arguments), prog="videoswin verb") == 7
    return dict(SEEN)


def test_positionals_lists_and_defaults():
    assert run("w", "a", "b c") == {
        "weights": "w",
        "videos": ["a", "b c"],
        "mode": "exact",
        "part": Part(),
        "clip": None,
        "loud": False,
    }


def test_nested_options_flags_and_optional_values():
    seen = run(
        "w", "a", "--mode", "fast", "--part.rate", "2", "--part.clip.size", "7", "--clip.size", "3", "--loud"
    )
    assert seen["mode"] == "fast"
    assert seen["part"] == Part(rate=2.0, clip=ClipSpec(size=7))
    assert seen["clip"] == ClipSpec(size=3)
    assert seen["loud"] is True


def test_options_may_be_written_with_dashes():
    assert run("w", "a", "--part.clip.num-frames=4")["part"] == Part(clip=ClipSpec(num_frames=4))


def test_the_command_line_wins_over_the_file(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("mode: fast\npart:\n  rate: 3\n  clip: {stride: 5}\n")
    seen = run("w", "a", "--config", str(path), "--part.clip.size", "9")
    assert seen["mode"] == "fast"
    assert seen["part"] == Part(rate=3.0, clip=ClipSpec(stride=5, size=9))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("w",), "required: videos"),
        (("w", "a", "--mode", "slow"), r"mode.*'fast', 'exact'.*slow"),
        (("w", "a", "--part.rate", "x"), r'"part.rate".*float.*x'),
        (("w", "a", "--part.rte", "1"), r"--part\.rte 1 \(did you mean --part\.rate\?\)"),
        (("w", "a", "--part.clip.size", "0"), r"clip\.size is 0; allowed: a whole number of at least 1"),
        (("w", "a", "--config", "absent.yaml"), r"config.*does not exist.*absent\.yaml"),
    ],
)
def test_wrong_options_are_one_line(arguments, message):
    with pytest.raises(ConfigError, match=message) as caught:
        call(verb, list(arguments), prog="videoswin verb")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("part:\n  rte: 1\n", r"'part'.*'rte' \(did you mean --part\.rate\?\)"),
        ("nonsense: 1\n", "nonsense"),
        ("part: [", "config"),
        ("mode: !!python/object/apply:os.system ['true']\n", "config"),
    ],
)
def test_wrong_files_are_one_line(tmp_path, text, message):
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        call(verb, ["w", "a", "--config", str(path)], prog="videoswin verb")
    assert "\n" not in str(caught.value)


def test_print_config_shows_the_whole_run(capsys):
    with pytest.raises(SystemExit):
        call(verb, ["w", "a", "--part.rate", "2", "--print_config"], prog="videoswin verb")
    shown = capsys.readouterr().out
    assert "rate: 2.0" in shown
    assert "num_frames: 32" in shown
