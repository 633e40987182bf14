"""Evaluation of real files: who is counted, and with which numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.predict.material import LABELS, write_page, write_video, write_weights
from videoswin.errors import AnnotationError, ConfigError, DatasetError, WeightsError
from videoswin.evaluate import EvaluateConfig, Report, evaluate
from videoswin.predict import Predictor
from videoswin.values import Views

CONFIG = EvaluateConfig(views=Views(clips=2, crops=3), num_workers=0, device="cpu")


def write_list(path: Path, rows: list[tuple[str, str]]) -> Path:
    path.write_text("path,label\n" + "".join(f"{video},{label}\n" for video, label in rows))
    return path


@pytest.fixture(scope="module")
def report(micro_weights: Path, class_folders: Path) -> Report:
    return evaluate(micro_weights, class_folders, CONFIG)


def test_every_listed_video_is_counted_once(report: Report) -> None:
    assert sorted(Path(sample.path).name for sample in report.samples) == [f"{seed}.mp4" for seed in range(9)]
    assert (report.metrics.num_listed, report.metrics.num_evaluated) == (9, 9)
    assert report.metrics.listed_per_class.tolist() == [3, 3, 3]
    assert report.bad == ()


def test_same_file_same_numbers_as_prediction(report: Report, micro_weights: Path) -> None:
    predictor = Predictor(micro_weights, views=CONFIG.views)
    for sample, shares in zip(report.samples, report.probabilities.tolist(), strict=True):
        prediction = predictor(sample.file)
        found = dict(zip(prediction.labels, prediction.probabilities, strict=True))
        assert [found[label] for label in LABELS] == shares  # to the last digit


def test_metrics_follow_from_the_predictions(
    report: Report, micro_weights: Path, class_folders: Path, tmp_path: Path
) -> None:
    """Videos listed under the class that the model names are all right; one listed under another is not."""
    named = [report.labels[index] for index in report.probabilities.argmax(dim=1).tolist()]
    assert len(set(named)) > 1, "the material is too easy"
    other = next(label for label in LABELS if label != named[0])
    rows = [(sample.path, label) for sample, label in zip(report.samples, named, strict=True)]
    right = write_list(tmp_path / "right.csv", rows)
    wrong = write_list(tmp_path / "wrong.csv", [(rows[0][0], other), *rows[1:]])
    config = replace(CONFIG, root=str(class_folders))
    all_right = evaluate(micro_weights, right, config).metrics
    assert (all_right.top1, all_right.mean_class_accuracy) == (1.0, 1.0)
    assert evaluate(micro_weights, wrong, config).metrics.top1 == 8 / 9


@pytest.mark.parametrize(
    "config",
    [
        replace(CONFIG, batch_size=4),
        replace(CONFIG, batch_size=100),
        replace(CONFIG, batch_size=2, views_per_pass=5),
        replace(CONFIG, num_workers=2, batch_size=2),
    ],
)
def test_batches_workers_and_passes_do_not_change_the_result(
    report: Report, micro_weights: Path, class_folders: Path, config: EvaluateConfig
) -> None:
    other = evaluate(micro_weights, class_folders, config)
    assert [sample.path for sample in other.samples] == [sample.path for sample in report.samples]
    torch.testing.assert_close(other.probabilities, report.probabilities, atol=1e-6, rtol=0)
    assert other.metrics.top1 == report.metrics.top1


@pytest.fixture
def partly_bad(tmp_path: Path) -> Path:
    """Four listed videos: an error page, a good one, an empty one, a good one."""
    write_page(tmp_path / "page.mp4")
    (tmp_path / "empty.mp4").touch()
    for seed in (1, 2):
        write_video(tmp_path / f"{seed}.mp4", seed=seed)
    rows = [("page.mp4", "walk"), ("1.mp4", "run"), ("empty.mp4", "walk"), ("2.mp4", "jump")]
    return write_list(tmp_path / "list.csv", rows)


@pytest.mark.parametrize("batch_size", [1, 2, 4])
def test_unreadable_videos_are_listed_and_count_as_wrong(
    micro_weights: Path, partly_bad: Path, batch_size: int
) -> None:
    report = evaluate(micro_weights, partly_bad, replace(CONFIG, batch_size=batch_size))
    assert [(bad.index, Path(bad.path).name, bad.code) for bad in report.bad] == [
        (0, "page.mp4", "V05"),
        (2, "empty.mp4", "V01"),
    ]
    metrics = report.metrics
    assert (metrics.num_listed, metrics.num_evaluated) == (4, 2)
    assert metrics.listed_per_class.tolist() == [1, 1, 2]
    assert metrics.confusion.sum() == 2
    named = [report.labels[index] for index in report.probabilities[[1, 3]].argmax(dim=1).tolist()]
    assert metrics.top1 == ((named[0] == "run") + (named[1] == "jump")) / 4
    assert metrics.top5 == 2 / 4
    assert report.probabilities[[0, 2]].sum() == 0


def test_missing_videos_are_listed_and_count_as_wrong(micro_weights: Path, tmp_path: Path) -> None:
    write_video(tmp_path / "good.mp4", seed=1)
    listing = write_list(tmp_path / "list.csv", [("absent.mp4", "walk"), ("good.mp4", "run")])
    report = evaluate(micro_weights, listing, CONFIG)
    assert [(bad.index, bad.code, bad.reason) for bad in report.bad] == [(0, "V34", "no such file")]
    assert (report.metrics.num_listed, report.metrics.num_evaluated) == (2, 1)


def test_labels_take_the_ids_of_the_weights(report: Report, class_folders: Path, tmp_path: Path) -> None:
    """Weights whose classes come in another order than the folders: names decide, not places."""
    other = write_weights(tmp_path / "other.safetensors", labels=tuple(reversed(LABELS)))
    turned = evaluate(other, class_folders, CONFIG)
    assert turned.labels == tuple(reversed(LABELS))
    assert [turned.labels[sample.label] for sample in turned.samples] == [
        report.labels[sample.label] for sample in report.samples
    ]
    assert [sample.label for sample in turned.samples] == [2 - sample.label for sample in report.samples]


def test_a_label_the_weights_do_not_know(micro_weights: Path, class_folders: Path, tmp_path: Path) -> None:
    listing = write_list(tmp_path / "list.csv", [(str(class_folders / "run" / "1.mp4"), "swim")])
    with pytest.raises(AnnotationError, match="swim"):
        evaluate(micro_weights, listing, CONFIG)


def test_weights_without_names_take_those_of_the_data(class_folders: Path, tmp_path: Path) -> None:
    nameless = write_weights(tmp_path / "nameless.safetensors", labels=())
    assert evaluate(nameless, class_folders, CONFIG).labels == LABELS


def test_weights_without_names_must_fit_in_number(class_folders: Path, tmp_path: Path) -> None:
    nameless = write_weights(tmp_path / "nameless.safetensors", labels=(), num_classes=4)
    with pytest.raises(AnnotationError, match=r"3 classes, but the weights have 4 without names"):
        evaluate(nameless, class_folders, CONFIG)


def test_when_no_video_can_be_read_there_is_no_result(micro_weights: Path, tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        write_page(tmp_path / name)
    listing = write_list(tmp_path / "list.csv", [("a.mp4", "run"), ("b.mp4", "walk")])
    with pytest.raises(DatasetError, match=r"none of 2 videos could be read; the first: \[V05\] .*a\.mp4"):
        evaluate(micro_weights, listing, CONFIG)


def test_progress_counts_every_video_up_to_all(micro_weights: Path, partly_bad: Path) -> None:
    calls: list[tuple[int, int]] = []
    evaluate(micro_weights, partly_bad, CONFIG, progress=lambda done, listed: calls.append((done, listed)))
    assert calls == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]


def test_missing_weights(class_folders: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="absent"):
        evaluate(tmp_path / "absent.safetensors", class_folders, CONFIG)


def test_class_numbers_need_no_names(class_folders: Path, tmp_path: Path) -> None:
    """A list of the official kind, which has no video of the last class, on weights without names."""
    nameless = write_weights(tmp_path / "nameless.safetensors", labels=())
    listing = tmp_path / "list.txt"
    listing.write_text("jump/0.mp4 0\nrun/1.mp4 1\n")
    config = replace(CONFIG, root=str(class_folders))
    report = evaluate(nameless, listing, config)
    assert report.labels == ("0", "1", "2")
    assert report.metrics.listed_per_class.tolist() == [1, 1, 0]
    listing.write_text("jump/0.mp4 0\nrun/1.mp4 3\n")
    with pytest.raises(AnnotationError, match=r"4 classes, but the weights have 3 without names"):
        evaluate(nameless, listing, config)


@pytest.mark.parametrize(("name", "value"), [("batch_size", 0), ("num_workers", -1)])
def test_config_is_checked(name: str, value: int) -> None:
    with pytest.raises(ConfigError, match=rf"{name} is {value}; allowed: "):
        replace(CONFIG, **{name: value})
