from __future__ import annotations

import base64
import re
from html.parser import HTMLParser

import pytest

from videoswin.demo.motion import MOTIONS
from videoswin.demo.story import Story

VOID = {"meta", "img", "br"}


class Reader(HTMLParser):
    """Collects what a browser would load, and checks that tags are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.sources: list[tuple[str, str]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        self.sources += [(tag, value or "") for name, value in attrs if name in ("src", "href", "poster")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += data


@pytest.fixture(scope="module")
def page(story: Story) -> str:
    return story.page.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def reader(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    return reader


def test_asks_for_nothing_from_outside(page: str, reader: Reader) -> None:
    assert {tag for tag, _ in reader.sources} == {"img", "video"}
    assert all(source.startswith("data:") for _, source in reader.sources)
    without_data = re.sub(r'"data:[^"]*"', "", page)
    assert not re.search(r"https?:|//[a-z]|url\(|@import", without_data)
    assert not reader.tags & {"script", "link", "iframe", "object", "embed"}


def test_pictures_and_videos_are_whole(reader: Reader) -> None:
    starts = {"image/png": b"\x89PNG", "image/jpeg": b"\xff\xd8\xff", "video/mp4": b"\x00\x00\x00"}
    kinds = []
    for _, source in reader.sources:
        kind, text = source.removeprefix("data:").split(";base64,")
        assert base64.b64decode(text, validate=True).startswith(starts[kind])
        kinds.append(kind)
    assert kinds.count("video/mp4") == len(MOTIONS)
    assert kinds.count("image/png") == 3  # curves and two confusion matrices
    assert kinds.count("image/jpeg") >= len(MOTIONS) + 6 + 1  # first clips, shuffled pairs, wrong ones


def test_tells_the_results(story: Story, reader: Reader) -> None:
    for outcome in (story.ordered.outcome, story.shuffled.outcome):
        for share in (outcome.all_classes, outcome.ordered_classes, outcome.pair_choice):
            assert f"{share:.1%}" in reader.text
    assert "Seed 3." in reader.text
    assert f"{story.num_parameters:,}" in reader.text
    for label in MOTIONS:
        assert label.replace("_", " ") in reader.text


def test_shows_commands_for_the_shell(story: Story, reader: Reader) -> None:
    assert "a<b>&c" in str(story.folder)
    assert f"videoswin predict '{story.trained.last}' '{story.prediction.path}' --views 4x3" in reader.text
    assert f"videoswin train --config '{story.folder}/run/config.yaml' --output again" in reader.text
    assert "videoswin train --config recipes/finetune.yaml" in reader.text
