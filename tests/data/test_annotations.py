from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path

import pytest

from videoswin.data.annotations import Annotations, Sample, read_annotations, split_annotations
from videoswin.errors import AnnotationError, ConfigError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("jump/a.mp4", "walk/b.mp4", "walk/c.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def written(folder: Path, content: str, name: str = "list.txt") -> Path:
    (folder / name).write_text(content)
    return folder / name


def test_the_three_sources_agree(folder: Path) -> None:
    csv = written(folder, "path,label\njump/a.mp4,jump\nwalk/b.mp4,walk\nwalk/c.mp4,walk\n", "list.csv")
    text = written(folder, "jump/a.mp4 jump\nwalk/b.mp4 walk\nwalk/c.mp4 walk\n")
    expected = tuple(
        Sample(path=path, file=folder / path, label=label)
        for path, label in (("jump/a.mp4", 0), ("walk/b.mp4", 1), ("walk/c.mp4", 1))
    )
    for source in (folder, csv, text):
        annotations = read_annotations(source)
        assert annotations == Annotations(samples=expected, labels=("jump", "walk"), source=str(source))


def test_root(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("lists")
    text = written(elsewhere, "b.mp4 0\n../walk/c.mp4 0\n")
    annotations = read_annotations(text, root=folder / "walk")
    assert [sample.file for sample in annotations.samples] == [folder / "walk/b.mp4", folder / "walk/c.mp4"]
    absolute = written(elsewhere, f"{folder}/jump/a.mp4 0\n")
    assert read_annotations(absolute, root=folder).samples[0].file == folder / "jump/a.mp4"
    assert read_annotations(absolute, root="/").samples[0].path == f"{folder}/jump/a.mp4"
    with pytest.raises(AnnotationError, match="a folder of classes takes no root"):
        read_annotations(folder, root=folder)


def test_labels_of_the_weights(folder: Path) -> None:
    annotations = read_annotations(folder, labels=["walk", "run", "jump"])
    assert annotations.labels == ("walk", "run", "jump")
    assert [sample.label for sample in annotations.samples] == [2, 0, 0]
    with pytest.raises(AnnotationError, match="1 labels are not among the 2 classes of the weights"):
        read_annotations(folder, labels=["walk", "run"])


def test_a06_missing_videos_are_counted_in_one_pass(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    lines = [f"gone/{number}.mp4 0" for number in range(7)]
    few = (
        "line 1 'gone/0.mp4', line 2 'gone/1.mp4', line 3 'gone/2.mp4', line 4 'gone/3.mp4', "
        "line 5 'gone/4.mp4' and 2 more"
    )
    path = written(folder, "\n".join(lines))
    with pytest.raises(AnnotationError) as caught:
        read_annotations(path)
    expected = f"{path}: 7 of 7 videos are missing: {few}; check root: tried {folder}/gone/0.mp4"
    assert str(caught.value) == expected
    assert caught.value.exit_code == 2
    path = written(folder, "\n".join([*lines, "walk/b.mp4 0"]))
    assert len(read_annotations(path).samples) == 8
    assert f"{path}: 7 of 8 videos are missing: {few}; each counts as unreadable" in caplog.text


@pytest.mark.parametrize("path", ["../x.mp4", "walk/../../x.mp4", "/etc/passwd"])
def test_a09_paths_may_not_leave_the_root(folder: Path, path: str) -> None:
    source = written(folder, f"walk/b.mp4 0\n{path} 0\n")
    with pytest.raises(
        AnnotationError, match=r"1 paths leave the root: line 2 .*; allowed: paths inside the root"
    ):
        read_annotations(source)


def test_a07_duplicates(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = written(folder, "walk/b.mp4 0\njump/a.mp4 1\nwalk/../walk/b.mp4 0\n")
    assert len(read_annotations(source).samples) == 3
    assert "1 rows repeat an earlier video" in caplog.text
    source = written(folder, "walk/b.mp4 0\njump/a.mp4 1\nwalk/b.mp4 1\n")
    with pytest.raises(AnnotationError, match=r"1 videos have two labels: line 1 and line 3 'walk/b\.mp4'"):
        read_annotations(source)


def test_a10_classes_without_videos(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    read_annotations(written(folder, "walk/b.mp4 0\njump/a.mp4 2\n"))
    assert "1 of 3 classes have no video: 1" in caplog.text
    caplog.clear()
    read_annotations(written(folder, "walk/b.mp4 0\n"))
    assert "all videos are of one class" in caplog.text
    caplog.clear()
    read_annotations(folder)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_a10_nothing_listed(folder: Path) -> None:
    with pytest.raises(AnnotationError, match="no labelled videos"):
        read_annotations(written(folder, "\n\n"))


def many(counts: dict[int, int]) -> Annotations:
    labels = [label for label, count in counts.items() for _ in range(count)]
    samples = tuple(
        Sample(path=f"{i}.mp4", file=Path(f"{i}.mp4"), label=label) for i, label in enumerate(labels)
    )
    return Annotations(samples=samples, labels=("a", "b", "c"), source="x")


@pytest.mark.parametrize(
    ("counts", "fraction", "held_out"),
    [
        ({0: 10, 1: 20, 2: 5}, 0.2, {0: 2, 1: 4, 2: 1}),
        ({0: 10, 1: 2, 2: 1}, 0.1, {0: 1, 1: 1}),  # at least one of two, none of one
        ({0: 3, 1: 3, 2: 3}, 0.9, {0: 2, 1: 2, 2: 2}),  # at least one is left
    ],
)
def test_split_is_stratified(counts: dict[int, int], fraction: float, held_out: dict[int, int]) -> None:
    annotations = many(counts)
    train, rest = split_annotations(annotations, fraction, seed=3)
    assert Counter(sample.label for sample in rest.samples) == held_out
    assert (rest.labels, train.labels) == (annotations.labels, annotations.labels)
    assert sorted((*train.samples, *rest.samples), key=annotations.samples.index) == list(annotations.samples)
    assert list(train.samples) == sorted(train.samples, key=annotations.samples.index)
    assert split_annotations(annotations, fraction, seed=3) == (train, rest)


def test_split_depends_on_the_seed() -> None:
    splits = {split_annotations(many({0: 50, 1: 50}), 0.2, seed)[1].samples for seed in range(4)}
    assert len(splits) == 4


def test_splits_that_cannot_be() -> None:
    for fraction in (0.0, 1.0, -0.5):
        with pytest.raises(ConfigError, match="the held-out fraction is"):
            split_annotations(many({0: 10}), fraction, 0)
    with pytest.raises(AnnotationError, match="x: no class has two videos, so none can be held out"):
        split_annotations(many({0: 1, 1: 1}), 0.5, 0)


@pytest.mark.parametrize(
    ("name", "labels", "counts"),
    [
        ("ceiling", ("down", "up", "walk", "still"), (163, 42, 139)),
        ("fight", ("nofight", "fight"), (180, 46, 74)),
    ],
)
def test_real_sets(shared: Path, name: str, labels: tuple[str, ...], counts: tuple[int, ...]) -> None:
    root = shared / "data/actions" / name
    for split, count in zip(("train", "val", "test"), counts, strict=True):
        annotations = read_annotations(root / f"{split}.csv")
        assert annotations.labels == labels
        assert len(annotations.samples) == count
        assert read_annotations(root / f"{split}.csv", root=root).samples == annotations.samples
