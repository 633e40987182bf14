from __future__ import annotations

import pytest

from videoswin.demo.cards import first_clips, guess_bars, motion_cards, shuffled_clips, verdict, wrong_clips
from videoswin.demo.motion import MOTIONS
from videoswin.demo.story import Story


@pytest.mark.parametrize(
    ("predicted", "expected"),
    [
        ("zoom_in", '<div class="verdict right">✓ right</div>'),
        ("zoom_out", '<div class="verdict wrong">✗ taken for zoom out</div>'),
    ],
)
def test_verdict(predicted: str, expected: str) -> None:
    assert verdict(predicted, "zoom_in") == expected


def test_guess_bars() -> None:
    bars = guess_bars([("slide_left", 0.75), ("a<b", 0.25)])
    assert "<span>slide left</span><i>75.0%</i>" in bars
    assert 'style="width:75.0%"' in bars
    assert "<span>a&lt;b</span><i>25.0%</i>" in bars


def test_every_class_is_shown_in_motion_and_as_first_clip(story: Story) -> None:
    assert motion_cards(story).count("<video ") == len(MOTIONS)
    cards = first_clips(story)
    for label in MOTIONS:
        assert f"test/{label}/000.mp4" in cards
    assert "001.mp4" not in cards


def test_wrong_clips_are_the_wrong_ones(story: Story) -> None:
    report = story.ordered.report
    num_wrong = report.metrics.num_listed - report.metrics.confusion.diagonal().sum().item()
    cards = wrong_clips(story)
    assert cards.count("✗ taken for") == min(num_wrong, 6) > 0
    assert "✓ right" not in cards


def test_shuffled_clips_stand_beside_the_ordered_ones(story: Story) -> None:
    cards = shuffled_clips(story)
    for label in ("slide_left", "turn_clockwise", "zoom_in"):
        assert cards.count(f" · test/{label}/000.mp4") == 1
        assert cards.count(f" · test_shuffled/{label}/000.mp4") == 1
