"""A checkpoint is refused before anything of it is used, whatever was done to it; nothing in it is code."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.train.checkpoint.material import flip, snapshot
from videoswin.errors import CheckpointError
from videoswin.train import checkpoint
from videoswin.train.checkpoint import CheckpointFolder, manifest, read
from videoswin.train.checkpoint.files import Stored
from videoswin.train.checkpoint.manifest import Manifest, encode


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return CheckpointFolder(tmp_path).save(snapshot(7, size=20))


def refused(path: Path, reason: str) -> None:
    with pytest.raises(CheckpointError, match=f"^{re.escape(str(path))}: {reason}") as caught:
        read(path)
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    "name", ["model.safetensors", "optimizer.safetensors", "state.json", "MANIFEST.json"]
)
def test_every_changed_byte_is_found_and_its_file_named(path: Path, name: str) -> None:
    for position in range((path / name).stat().st_size):
        flip(path / name, position)
        refused(path, f".*{name}")
        flip(path / name, position)
    read(path)


@pytest.mark.parametrize("name", ["model.safetensors", "state.json", "MANIFEST.json"])
def test_a_missing_or_shorter_file_is_named(path: Path, name: str) -> None:
    content = (path / name).read_bytes()
    (path / name).write_bytes(content[:-1])
    refused(path, f".*{name}")
    (path / name).unlink()
    refused(path, f"{name} is missing")


def rewritten(path: Path, step: int = 7, **files: Stored) -> None:
    """A manifest that holds together, as an attacker could make it."""
    content = Manifest(step=step, files=files, versions={})
    (path / "MANIFEST.json").write_bytes(encode(content))


GOOD = Stored(num_bytes=3, sha256="0" * 64)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"../x": GOOD}, r".*it names the file '\.\./x'"),
        ({"/etc/passwd": GOOD}, r".*it names the file '/etc/passwd'"),
        ({"model.pt": GOOD}, r".*it names the file 'model\.pt'"),
        ({"state.json": Stored(num_bytes=1 << 50, sha256="0" * 64)}, r".*would have 1125899906842624 bytes"),
        ({"state.json": Stored(num_bytes=-1, sha256="0" * 64)}, r".*would have -1 bytes"),
        ({"state.json": Stored(num_bytes=1, sha256="x")}, r".*has the sha256 'x'"),
        ({}, r"it has no state\.json"),
    ],
)
def test_hostile_manifests(path: Path, files: dict[str, Stored], reason: str) -> None:
    rewritten(path, **files)
    refused(path, reason)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", r"MANIFEST\.json is no JSON"),
        (b"[" * 100_000, r"MANIFEST\.json is no JSON"),
        (b"[1]", r"MANIFEST\.json is not as it was written"),
        (b'{"format": 2}', r"MANIFEST\.json has format 2, this videoswin reads 1; it needs a newer one"),
        (b'{"format": 1}', r"MANIFEST\.json is not as it was written \('step'\)"),
        (b'{"step": true, "files": {}, "versions": {}}', r"MANIFEST\.json is not as it was written"),
        (b" " * (2 << 20), r"MANIFEST\.json has 2,097,152 bytes; allowed: 1,048,576"),
    ],
)
def test_manifests_that_are_none(path: Path, content: bytes, reason: str) -> None:
    (path / "MANIFEST.json").write_bytes(content)
    refused(path, reason)


def as_link(file: Path) -> None:
    file.rename(file.parent.parent / "elsewhere")
    file.symlink_to(file.parent.parent / "elsewhere")


def as_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def as_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize("name", ["model.safetensors", "state.json", "MANIFEST.json"])
@pytest.mark.parametrize(
    ("change", "reason"),
    [(as_link, "is a link"), (as_pipe, "is no regular file"), (as_folder, "is no regular file")],
)
def test_only_regular_files_are_read(
    path: Path, name: str, change: Callable[[Path], None], reason: str
) -> None:
    change(path / name)
    refused(path, f"{name} {reason}")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("model.safetensors", b"\x80\x02cposix\nsystem\n.", r"model\.safetensors: no readable safetensors"),
        ("model.safetensors", b"\xff" * 8 + b"{}", r"model\.safetensors: no readable safetensors"),
        ("state.json", b"{", r"state\.json: "),
        ("state.json", b"[" * 100_000, r"state\.json: "),
        ("state.json", b"[]", r"state\.json: state is a list; allowed: a JSON object"),
    ],
)
def test_content_that_fits_its_checksum_is_still_not_believed(
    path: Path, name: str, content: bytes, reason: str
) -> None:
    (path / name).write_bytes(content)
    found = json.loads((path / "MANIFEST.json").read_text())["files"]
    stored = {key: Stored(num_bytes=entry["bytes"], sha256=entry["sha256"]) for key, entry in found.items()}
    stored[name] = Stored(num_bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
    rewritten(path, **stored)
    refused(path, reason)


def test_t17_other_versions_are_allowed_and_said(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = manifest.own_versions()
    monkeypatch.setattr(
        "videoswin.train.checkpoint.reading.own_versions", lambda: own | {"torch": "9.9", "python": "4.0"}
    )
    log: list[str] = []
    assert read(path, log=log.append).step == 7
    assert log == [
        f"step 7 was saved by torch {own['torch']} (here 9.9), python {own['python']} (here 4.0): "
        "results may differ in the last bits"
    ]


def test_g10_nothing_here_reads_code() -> None:
    folder = Path(checkpoint.__file__).parent
    for file in folder.glob("*.py"):
        assert not re.search(
            r"pickle|torch\.(load|save)|\beval\(|\bexec\(|import_module", file.read_text()
        ), file
