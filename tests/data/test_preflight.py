from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from videoswin.data.digests import Digests
from videoswin.data.fingerprint import fingerprint
from videoswin.data.preflight import LIST_FILE, Findings, inspect, report
from videoswin.data.samples import Sample
from videoswin.data.segments import Segment

LARGE = bytes(range(256)) * 2000  # 500 KiB: more than the three parts that are looked at first


def sample(file: Path, *, label: int = 0, segment: Segment | None = None) -> Sample:
    return Sample(path=file.name, file=file, label=label, segment=segment)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    contents = {
        "a": b"\0video one",
        "a_again": b"\0video one",
        "b": b"\0video two",  # as many bytes, others
        "c": b"\0another length",
        "large": LARGE,
        "large_again": LARGE,
        "large_nearly": LARGE[:100_000] + b"?" + LARGE[100_001:],  # differs where the first look does not
        "empty": b"",
        "empty_again": b"",
    }
    paths = {name: tmp_path / f"{name}.mp4" for name in contents}
    for name, content in contents.items():
        paths[name].write_bytes(content)
    return paths


def found(findings: Findings, kind: str) -> list[str]:
    return [" = ".join(map(str, pair)) for pair in getattr(findings, kind)]


def test_a08_the_same_content_in_two_splits(files: dict[str, Path], tmp_path: Path) -> None:
    train = [sample(files[name]) for name in ("a", "b", "c", "large", "empty")]
    val = [sample(files[name]) for name in ("a_again", "large_nearly", "large_again", "empty_again")]
    seen: list[tuple[int, int]] = []
    findings = inspect(
        {"train": train, "val": val},
        progress=lambda done, total: seen.append((done, total)),
        digests=tmp_path / "digests",
    )
    assert found(findings, "leaks") == [
        "train 'a.mp4' = val 'a_again.mp4'",
        "train 'large.mp4' = val 'large_again.mp4'",
    ]
    assert not findings.repeats
    assert not findings.missing
    assert seen[-1] == (6, 6)  # c is alone in its size


def test_digests_are_kept_while_the_file_is_the_same(files: dict[str, Path], tmp_path: Path) -> None:
    splits = {"train": [sample(files["a"])], "val": [sample(files["a_again"])]}
    place = tmp_path / "digests"
    assert inspect(splits, digests=place).num_read == 4  # each in part, then in full
    again = inspect(splits, digests=place)
    assert (again.num_read, len(again.leaks)) == (0, 1)
    files["a_again"].write_bytes(b"\0video 1ne")
    os.utime(files["a_again"], ns=(1, 1))
    changed = inspect(splits, digests=place)
    assert (changed.num_read, changed.leaks) == (1, ())


def test_digests_without_a_place_to_keep_them(files: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file" / "digests", tmp_path / "file.mp4"):
        (tmp_path / "file.mp4").write_bytes(b"no data base, for sure" * 100)
        with Digests(place) as digests:
            assert digests.same_content([str(files["a"]), str(files["a_again"]), str(files["b"])]) == [
                [str(files["a"]), str(files["a_again"])]
            ]
            assert digests.same_content(["/nowhere", "/nowhere/else"]) == []


def test_segments_leak_where_they_overlap(files: dict[str, Path], tmp_path: Path) -> None:
    def part(start: int, stop: int) -> Sample:
        return sample(files["a"], segment=Segment(start=start, stop=stop, unit="frames"))

    findings = inspect(
        {"train": [part(0, 10), part(20, 30)], "val": [part(10, 20), part(29, 40)]}, digests=tmp_path / "d"
    )
    assert [(one.sample.segment, other.sample.segment) for one, other in findings.leaks] == [
        (part(20, 30).segment, part(29, 40).segment)
    ]


def test_a_file_in_two_splits_and_a_link(files: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "link.mp4").symlink_to(files["c"])
    findings = inspect(
        {"train": [sample(files["a"])], "val": [sample(files["a"])], "test": [sample(tmp_path / "link.mp4")]},
        digests=tmp_path / "digests",
    )
    assert found(findings, "leaks") == ["train 'a.mp4' = val 'a.mp4'"]
    linked = inspect({"train": [sample(files["c"])], "val": [sample(tmp_path / "link.mp4")]})
    assert found(linked, "leaks") == ["train 'c.mp4' = val 'link.mp4'"]


def test_a06_a07_a08_report(files: dict[str, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    train = [
        sample(files["a"]),
        sample(files["a_again"], label=1),
        *(sample(tmp_path / f"gone{i}.mp4") for i in range(7)),
    ]
    findings = inspect({"train": train, "val": [sample(files["b"])]}, digests=tmp_path / "digests")
    report(findings, tmp_path)
    where = f"all: {tmp_path / LIST_FILE}"
    gone = ", ".join(f"train 'gone{i}.mp4'" for i in range(5))
    pair = "train 'a.mp4' = train 'a_again.mp4'"
    assert caplog.messages == [
        f"preflight: 7 videos are missing: {gone} and 2 more; {where}",
        f"preflight: 1 pairs of files in one split have the same content: {pair}; {where}",
        f"preflight: 1 pairs of the same content have different classes: {pair}; {where}",
    ]
    lines = (tmp_path / LIST_FILE).read_text().splitlines()
    assert lines[0] == "missing\ttrain 'gone0.mp4'"
    assert lines[7:] == [f"repeat\t{pair}", f"conflict\t{pair}"]


def test_nothing_to_report(files: dict[str, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    splits = {"train": [sample(files["a"])], "val": [sample(files["b"])]}
    report(inspect(splits, digests=tmp_path / "digests"), tmp_path)
    assert caplog.messages == ["preflight: no video is missing, none is there twice (2 files compared)"]
    assert not (tmp_path / LIST_FILE).exists()


def test_fingerprint() -> None:
    def of(*samples: Sample, labels: tuple[str, ...] = ("x", "y")) -> str:
        return fingerprint(samples, labels)

    one = Sample(path="a.mp4", file=Path("/here/a.mp4"), label=0)
    moved = Sample(path="a.mp4", file=Path("/there/a.mp4"), label=0)
    other = Sample(path="b.mp4", file=Path("/here/b.mp4"), label=0)
    relabelled = Sample(path="a.mp4", file=Path("/here/a.mp4"), label=1)
    part = sample(Path("a.mp4"), segment=Segment(start=0, stop=2, unit="frames"))
    several = Sample(path="a.mp4", file=Path("a.mp4"), label=0, labels=(0, 1))
    assert of(one) == of(moved)
    assert of(one) == "734f65d63bb0050c2d708c06cee11c19457b6d12a4477aa184014252714744f2"  # for good
    different = [
        of(one),
        of(other),
        of(relabelled),
        of(part),
        of(several),
        of(one, other),
        of(other, one),
        of(),
    ]
    assert len({*different, of(one, labels=("x", "z"))}) == 9
