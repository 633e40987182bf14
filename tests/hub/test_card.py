"""The model card: everything it states comes from somewhere, and nothing in it becomes markup."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.hub.test_report import write
from tests.predict.material import CLIP, LABELS
from videoswin.model import SWIN_T, VideoSwin
from videoswin.values import ClipSpec, Views


@pytest.fixture
def card(hub: Any) -> Any:
    """A function from what differs to the text of the card."""
    from videoswin.hub.card import Card

    plain = Card(
        name="me/swin",
        config=replace(SWIN_T, num_classes=3),
        labels=LABELS,
        clip=ClipSpec(),
        views=Views(),
        notes={},
        license="apache-2.0",
        evaluation=None,
    )
    return lambda **changes: hub.model_card(replace(plain, **changes))


def front_matter(text: str) -> Any:
    assert text.startswith("---\n")
    return yaml.safe_load(text.split("---\n")[1])


def test_front_matter_without_an_evaluation(card: Any) -> None:
    found = front_matter(card())
    assert found.pop("tags")[0] == "video-classification"
    assert found == {
        "license": "apache-2.0",
        "library_name": "videoswin",
        "pipeline_tag": "video-classification",
    }


def test_front_matter_and_table_with_an_evaluation(card: Any, tmp_path: Path) -> None:
    from videoswin.hub.report import read_evaluation

    text = card(evaluation=read_evaluation(write(tmp_path / "report.json"), labels=LABELS))
    found = front_matter(text)
    assert found["metrics"] == ["accuracy"]
    (index,) = found["model-index"]
    metrics = index["results"][0]["metrics"]
    assert [(metric["value"], metric["name"]) for metric in metrics] == [
        (0.6, "top-1, 4x3 views"),
        (1.0, "top-3, 4x3 views"),
    ]
    assert "| top-1 | 60.00% (95 % interval 31.00% to 83.00%) |" in text
    assert "| videos | 10 listed, 1 of them unreadable and counted as wrong |" in text
    assert "secret" not in text


def test_body_states_model_protocol_and_use(card: Any) -> None:
    text = card()
    assert "| size | swin\\_t |" in text
    assert "| design, shift of windows | joint, 3d |" in text
    assert "| multiply-adds a clip | 87.8 G |" in text  # the paper rounds to 88
    assert "32 frames of 224x224 pixels, frames 2 apart" in text
    assert "in 4x3 views" in text
    assert 'pipeline("video-classification", model="me/swin")' in text
    assert "0. jump\n1. run\n2. walk" in text
    assert "nothing is claimed here about accuracy" in text
    assert "what they were trained on is not recorded" in text


def test_what_is_absent_is_said(card: Any) -> None:
    assert "predictions are class numbers" in card(labels=())
    uniform = card(clip=ClipSpec(sampling="uniform"), views=Views(clips=1, crops=3))
    assert "one frame from each of as many equal parts" in uniform
    assert "| size | none of the published ones |" in card(config=replace(SWIN_T, depths=(1, 1, 1, 1)))


def test_labels_and_notes_do_not_become_markup(card: Any) -> None:
    labels = ("<script>alert(1)</script>", "a\n---\nlicense: mit", "[x](http://evil) | *b*")
    text = card(labels=labels, notes={"data | x": "![i](http://evil)"}, name='x"\n---\n')
    assert "<script" not in text
    assert "\\[x\\](http://evil) \\| \\*b\\*" in text
    assert "!\\[i\\](http://evil)" in text
    assert front_matter(text)["license"] == "apache-2.0"
    assert text.count("\n---\n") == 1


def test_saved_card_has_the_numbers_of_the_report(
    hub: Any, model: VideoSwin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = write(tmp_path / "report.json")
    monkeypatch.chdir(tmp_path)
    hub.save_pretrained(model, ".", labels=LABELS, clip=CLIP, report=report, license="mit")
    text = (tmp_path / "README.md").read_text()
    assert front_matter(text)["license"] == "mit"
    assert f"# {tmp_path.name.replace('_', chr(92) + '_')}\n" in text
    assert "60.00%" in text
