from __future__ import annotations

import io
import json
import os
import sys
import tarfile
from pathlib import Path

import filelock
import pytest

from tests.data.material import write_video
from videoswin.data.annotations import read_annotations
from videoswin.data.archive import MANIFEST_NAME, PrepareConfig, output_name, prepare_archive
from videoswin.data.decode import open_video
from videoswin.data.encode import Encoding
from videoswin.data.inputs import read_source
from videoswin.data.journal import Journal
from videoswin.data.prepare import ManifestRow
from videoswin.data.shard_rows import read_shards
from videoswin.errors import AnnotationError, ConfigError

FILES = PrepareConfig(encoding=Encoding(short_side=32, gop=8, crf=30), num_workers=2)
SHARDS = PrepareConfig(encoding=FILES.encoding, format="shards", shard_megabytes=1, num_workers=2)


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    """Two classes with videos of the same names, and one that is none."""
    for label in ("cut", "fold it"):
        (tmp_path / "in" / label).mkdir(parents=True)
        for name in ("0.mp4", "1.avi"):
            codec = "mpeg4" if name.endswith("avi") else "libx264"
            write_video(tmp_path / "in" / label / name, num_frames=5 + len(label), codec=codec)
    (tmp_path / "in" / "cut" / "page.mp4").write_bytes(b"<html>")
    return tmp_path / "in"


def prepare(source: Path, output: Path, config: PrepareConfig = FILES) -> list[ManifestRow]:
    return list(prepare_archive(read_source(source), output, config))


def manifest(folder: Path) -> list[ManifestRow]:
    return Journal(folder / MANIFEST_NAME, ManifestRow).read()


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ("cut/0.mp4", "cut/0.mp4"),
        ("cut/0.avi", "cut/0.avi.mp4"),
        ("./a//b.MP4", "a/b.MP4"),
        ("/abs/../x/0.mkv", "x/0.mkv.mp4"),
        ("-i.mp4", "-i.mp4"),
        ("a:b %03d.mp4", "a:b %03d.mp4"),
        (" 0.mp4", "_0-1742614a.mp4"),
    ],
)
def test_names(listed: str, expected: str) -> None:
    assert output_name(listed) == expected


@pytest.mark.parametrize("name", ["line\nend.mp4", "x" * 251 + ".mp4", "\udce9.mp4", ".x.mp4", "é" * 120])
def test_odd_names_become_plain_and_stay_apart(name: str) -> None:
    made = output_name(name)
    assert made.isprintable()
    assert made.endswith(".mp4")
    assert len(made.encode()) <= 255
    assert made != output_name(f"2{name}")


def test_an_archive_of_classes(classes: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    rows = prepare(classes, out)
    assert sorted(row.source for row in rows) == sorted(map(str, classes.rglob("*.*")))
    assert [row.output for row in manifest(out)] == [
        "videos/cut/0.mp4",
        "videos/cut/1.avi.mp4",
        "",
        "videos/fold it/0.mp4",
        "videos/fold it/1.avi.mp4",
    ]
    assert (manifest(out)[2].code, len([row for row in rows if row.code])) == ("V05", 1)
    prepared = read_annotations(out / "prepared.csv")
    assert prepared.labels == ("cut", "fold it")
    assert [(sample.path, sample.label) for sample in prepared.samples] == [
        ("videos/cut/0.mp4", 0),
        ("videos/cut/1.avi.mp4", 0),
        ("videos/fold it/0.mp4", 1),
        ("videos/fold it/1.avi.mp4", 1),
    ]
    for sample, frames in zip(prepared.samples, (8, 8, 12, 12), strict=True):
        with open_video(sample.file) as video:
            assert (video.info.num_frames, video.info.height) == (frames, 32)


def test_a_second_run_does_nothing_but_what_is_new(classes: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = prepare(classes, out)
    times = {path: path.stat().st_mtime_ns for path in (out / "videos").rglob("*.mp4")}
    assert sorted(prepare(classes, out), key=str) == sorted(first, key=str)
    write_video(classes / "cut" / "2.mp4", num_frames=3)
    write_video(classes / "cut" / "page.mp4", num_frames=4)  # repaired
    (out / "videos" / "fold it" / "0.mp4").unlink()
    rows = {os.path.basename(row.source): row for row in prepare(classes, out)}
    assert (len(rows), rows["2.mp4"].frames_in, rows["page.mp4"].frames_in) == (4, 3, 4)
    changed = {p for p in times if p.stat().st_mtime_ns != times[p]}
    assert changed == {out / "videos" / "fold it" / "0.mp4"}
    assert len(manifest(out)) == 6
    assert len(read_annotations(out / "prepared.csv").samples) == 6


def test_segments_and_class_numbers_are_kept(classes: Path, tmp_path: Path) -> None:
    (classes / "list.csv").write_text(
        "path,label,label_id,start_frame,end_frame\ncut/0.mp4,slice,3,0,4\ncut/0.mp4,chop,1,4,8\n"
        "fold it/1.avi,chop,1,2,10\n"
    )
    out = tmp_path / "out"
    prepare(classes / "list.csv", out)
    before, after = read_annotations(classes / "list.csv"), read_annotations(out / "prepared.csv")
    assert after.labels == before.labels
    assert [(s.label, s.segment) for s in after.samples] == [(s.label, s.segment) for s in before.samples]
    assert len(manifest(out)) == 2


def test_where_it_does_not_write(classes: Path, tmp_path: Path) -> None:
    for output in (classes, classes / "out", classes / "cut", tmp_path):
        with pytest.raises(ConfigError, match="lie inside one another; allowed: a folder apart"):
            prepare(classes, output)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    with pytest.raises(ConfigError, match=r"holds 'thesis\.txt'; allowed: a new or empty folder"):
        prepare(classes, tmp_path / "mine")
    out = tmp_path / "out"
    prepare(classes, out)
    other = PrepareConfig(encoding=Encoding(short_side=64, gop=8, crf=30))
    with pytest.raises(ConfigError, match="prepared with format files, short_side 32, gop 8, crf 30; name"):
        prepare(classes, out, other)
    with (
        filelock.FileLock(out / ".prepare.lock"),
        pytest.raises(ConfigError, match="in use by another run"),
    ):
        prepare(classes, out)


def test_shards(classes: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    rows = prepare(classes, one, SHARDS)
    prepare(classes, two, SHARDS)
    names = ["manifest.csv", "prepare.json", "prepared.csv", "shard-000000.tar", "shards.json"]
    assert sorted(name for name in os.listdir(one) if name != ".prepare.lock") == names
    assert (one / "shard-000000.tar").read_bytes() == (two / "shard-000000.tar").read_bytes()
    with tarfile.open(one / "shard-000000.tar") as archive:
        assert archive.getnames()[:2] == ["00000000.mp4", "00000000.json"]
        text = archive.extractfile("00000003.json")
        assert text is not None
        assert json.loads(text.read()) == {
            "key": "00000003",
            "path": "fold it/1.avi",
            "label": "fold it",
            "label_id": 1,
        }
    again = prepare(classes, one, SHARDS)
    assert [row.output for row in again] == [
        f"shard-000000.tar/{n:08d}.mp4" if n >= 0 else "" for n in (0, 1, -1, 2, 3)
    ]
    assert len(rows) == len(again)
    write_video(classes / "cut" / "new.mp4")
    with pytest.raises(ConfigError, match=r"finished shards, and '.*new\.mp4' is not in them"):
        prepare(classes, one, SHARDS)


def test_shards_are_a_source_like_files(classes: Path, tmp_path: Path) -> None:
    prepare(classes, tmp_path / "files")
    prepare(classes, tmp_path / "shards", SHARDS)
    files = read_annotations(tmp_path / "files" / "prepared.csv")
    for source in (
        "shards",
        "shards/prepared.csv",
        "shards/shard-000000.tar",
        "shards/shard-{000000..000000}.tar",
    ):
        shards = read_annotations(tmp_path / source)
        assert shards.labels == files.labels
        for sample, other in zip(shards.samples, files.samples, strict=True):
            assert sample.label == other.label
            with open_video(sample.file) as one, open_video(other.file) as two:
                ours = (one.info.num_frames, one.info.seconds, one.info.width)
                assert ours == (two.info.num_frames, two.info.seconds, two.info.width)


def test_full_shards_begin_another(classes: Path, tmp_path: Path) -> None:
    from videoswin.data.shards import pack_shards

    source = read_source(classes)
    rows = {row.source: row for row in prepare(classes, tmp_path / "out")}
    packed = pack_shards(tmp_path / "out", source, rows, max_bytes=9000)
    shards = sorted(path.name for path in (tmp_path / "out").glob("*.tar"))
    assert len(shards) > 1
    assert {row.output.split("/")[0] for row in packed.values() if row.output} == set(shards)


def test_labels_of_foreign_shards(tmp_path: Path) -> None:
    def shard(name: str, files: dict[str, bytes]) -> str:
        with tarfile.open(tmp_path / name, "w") as archive:
            for member, content in files.items():
                entry = tarfile.TarInfo(member)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
        return str(tmp_path / name)

    shard("x-0.tar", {"a.mp4": b"1", "a.cls": b"3\n", "b.mp4": b"1", "b.json": b'{"label": "cut"}'})
    shard("x-1.tar", {"c.mp4": b"1", "c.cls": b"4"})
    rows = list(read_shards(str(tmp_path / "x-{0..1}.tar")))
    assert [(row.path, row.label) for row in rows] == [
        ("x-0.tar/a.mp4", "3"),
        ("x-0.tar/b.mp4", "cut"),
        ("x-1.tar/c.mp4", "4"),
    ]
    for files, fault in (
        ({"a.mp4": b"1"}, r"'a\.mp4' has no label: no a\.json, no a\.cls"),
        ({"a.mp4": b"1", "a.json": b"[1]"}, r"'a\.json' is not JSON with a label"),
        ({"a.mp4": b"1", "a.cls": bytes(1_000_001)}, r"'a\.cls' has 1,000,001 bytes; allowed: 1,000,000"),
    ):
        with pytest.raises(AnnotationError, match=fault):
            list(read_shards(shard("bad.tar", files)))
    with pytest.raises(AnnotationError, match="the numbers in braces fall"):
        list(read_shards(str(tmp_path / "x-{2..1}.tar")))


def test_webdataset_reads_our_shards(classes: Path, tmp_path: Path) -> None:
    """Where it is installed; it is no dependency."""
    webdataset = pytest.importorskip("webdataset")
    prepare(classes, tmp_path / "out", SHARDS)
    found = list(
        webdataset.WebDataset(str(tmp_path / "out" / "shard-000000.tar"), shardshuffle=False).decode()
    )
    assert [item["json"]["label"] for item in found] == ["cut", "cut", "fold it", "fold it"]
    assert "torch" in sys.modules
    for item in found:
        with open_video(tmp_path / "out" / "shard-000000.tar" / f"{item['__key__']}.mp4") as video:
            assert video.info.num_frames in (8, 12)
