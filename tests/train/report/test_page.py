from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.train.report.material import some_validation
from tests.train.test_curves import METRICS
from videoswin.errors import ConfigError
from videoswin.train.report.page import MAX_LISTED_BAD, write_page
from videoswin.train.report.validation import NAME, write_validation


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a run of two epochs."""
    folder = tmp_path / "my <run>"
    folder.mkdir()
    (folder / "metrics.csv").write_text(METRICS)
    (folder / "config.yaml").write_text("weights: ''\nseed: 7  # <&>\n")
    splits = {
        name: {"num_samples": count, "fingerprint": ""} for name, count in (("train", 1200), ("val", 4))
    }
    (folder / "data.json").write_text(json.dumps(splits))
    return folder


class Page(HTMLParser):
    """The text of a page, every address in it, and whether its elements are closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.addresses: list[str] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def test_the_page_tells_the_run_and_needs_no_other_file(run: Path, videos: Path) -> None:
    write_validation(some_validation(videos), run / NAME)
    (run / "bad_samples.jsonl").write_text(
        2 * (json.dumps({"path": "dark/torn.mp4", "code": "V02", "reason": "no <moov>"}) + "\n") + '{"torn'
    )
    (run / "evaluation").mkdir()
    (run / "evaluation" / "report.json").write_text('{"top1": 0.625, "n_listed": 8, "views": "4x3"}')
    html = write_page(run).read_text()
    page = Page(html)
    assert page.open == []
    assert len(page.addresses) == 2 + 3  # curves, confusion; three clips
    assert all(address.startswith("data:image/") for address in page.addresses)
    assert "<script" not in html
    for text in (
        "my <run>",
        "75.0% top-1 of the last validation; the best 75.0%, epoch 2",
        "80.0% mAP of the last validation",
        "62.5% top-1 on 8 test videos, 4x3 views",
        "2 epochs, 4 updates",
        "1,200 training videos, 4 for validation",
        "4 frames of 32 px a clip, dense, stride 2; 2 classes",
        "Of 3 validation clips after epoch 3, as the model saw them.",
        "Videos that could not be read: 1 V02 dark/torn.mp4 no <moov>",
        "seed: 7 # <&>",
    ):
        assert text in page.text, text


def test_the_same_run_gives_the_same_page(run: Path, videos: Path) -> None:
    write_validation(some_validation(videos), run / NAME)
    before = write_page(run).read_bytes()
    assert write_page(run).read_bytes() == before


def test_a_run_that_was_stopped_early_has_a_page_too(run: Path) -> None:
    (run / "metrics.csv").write_text("")
    (run / "data.json").unlink()
    text = Page(write_page(run).read_text()).text
    assert "0 epochs, 0 updates" in text
    assert "Videos that could not be read None." in text


def test_many_bad_videos_are_counted(run: Path) -> None:
    entry = {"code": "V02", "reason": "torn"}
    lines = [json.dumps(entry | {"path": f"{number}.mp4"}) + "\n" for number in range(MAX_LISTED_BAD + 3)]
    (run / "bad_samples.jsonl").write_text("".join(lines))
    text = Page(write_page(run).read_text()).text
    assert f"could not be read: {MAX_LISTED_BAD + 3}" in text
    assert "and 3 more, in bad_samples.jsonl" in text


@pytest.mark.parametrize("name", ["config.yaml", "metrics.csv"])
def test_a_folder_without_a_run_is_refused(run: Path, name: str) -> None:
    (run / name).unlink()
    with pytest.raises(ConfigError, match=rf"is not the folder of a run: it has no {name}"):
        write_page(run)
