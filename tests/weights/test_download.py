"""Downloads from a real server that behaves well, and from one that does not."""

from __future__ import annotations

import hashlib
import io
import os
import socket
import subprocess
import sys
import termios
import threading
import time
import zipfile

import pytest

from tests.weights.site import open_site, torch_file
from videoswin.errors import StorageError, WeightsError
from videoswin.weights import download
from videoswin.weights.download import CHUNK_BYTES, fetch, recheck

CONTENT = torch_file()
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def direct(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def site():
    with open_site() as site:
        site.files["/a.pth"] = CONTENT
        yield site


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cache" / "weights" / "a.pth"


def leftovers(path):
    return {other.name for other in path.parent.iterdir()} - {"a.pth.lock"}


@pytest.mark.parametrize("prefix", ["", SHA256[:8], SHA256])
def test_a_file_comes_whole_with_its_hash_beside_it(site, path, prefix):
    assert fetch(f"{site.url}/a.pth", path, sha256_prefix=prefix) == path
    assert path.read_bytes() == CONTENT
    assert leftovers(path) == {"a.pth", "a.pth.sha256"}
    assert (path.parent / "a.pth.sha256").read_text() == f"{SHA256}  a.pth\n"


def test_what_is_there_is_not_fetched_again(site, path):
    for _ in range(3):
        fetch(f"{site.url}/a.pth", path)
    assert len(site.asked) == 1


@pytest.mark.parametrize("fault", ["drops", "slow"])
def test_a_lost_connection_is_resumed_and_a_slow_one_waited_for(site, path, fault):
    site.faults["/a.pth"] = fault
    fetch(f"{site.url}/a.pth", path, timeout_seconds=0.2)
    assert path.read_bytes() == CONTENT
    whole_chunks = len(CONTENT) // 3 // CHUNK_BYTES * CHUNK_BYTES
    resumed = [("/a.pth", f"bytes={start}-") for start in range(whole_chunks, len(CONTENT), whole_chunks)]
    assert site.asked == [("/a.pth", ""), *(resumed if fault == "drops" else [])]


def test_an_earlier_part_is_resumed(site, path):
    path.parent.mkdir(parents=True)
    path.with_name("a.pth.part").write_bytes(CONTENT[:1000])
    fetch(f"{site.url}/a.pth", path)
    assert path.read_bytes() == CONTENT
    assert site.asked == [("/a.pth", "bytes=1000-")]


def test_a_part_longer_than_the_file_starts_anew(site, path):
    path.parent.mkdir(parents=True)
    path.with_name("a.pth.part").write_bytes(CONTENT + b"more")
    fetch(f"{site.url}/a.pth", path)
    assert path.read_bytes() == CONTENT


def test_a_part_of_another_file_is_refused_and_the_next_attempt_succeeds(site, path):
    path.parent.mkdir(parents=True)
    path.with_name("a.pth.part").write_bytes(torch_file(seed=1)[:100_000])
    with pytest.raises(WeightsError, match="refused and removed: damaged"):
        fetch(f"{site.url}/a.pth", path)
    assert leftovers(path) == set()
    fetch(f"{site.url}/a.pth", path)
    assert path.read_bytes() == CONTENT


def test_a_server_that_cannot_resume_and_always_drops_is_given_up(site, path):
    site.faults["/a.pth"] = "no ranges"
    with pytest.raises(WeightsError, match=r"cannot be downloaded: .*; by hand, save it as .*a\.pth$"):
        fetch(f"{site.url}/a.pth", path)
    assert leftovers(path) == {"a.pth.part"}
    assert len(site.asked) == 2


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("404", "cannot be downloaded: the server answered 404 Not Found; by hand, save it as "),
        ("longer", "cannot be downloaded: .*more expected"),
        ("shorter", "downloaded, refused and removed: not an intact torch file"),
        ("hangs", "cannot be downloaded: .*timed out"),
        ("no length", "does not say how long the file is"),
        ("claims 5000000000", r"a\.pth: 5,000,000,000 bytes; allowed: 4,294,967,296"),
        ("redirect http://127.0.0.1:9/a.pth", "refused a redirect to http://127.0.0.1:9/a.pth, which is not"),
    ],
)
def test_faults_of_a_server_are_named_and_leave_no_file(site, path, fault, message):
    site.faults["/a.pth"] = fault
    with pytest.raises(WeightsError, match=message) as caught:
        fetch(f"{site.url}/a.pth", path, timeout_seconds=0.2)
    assert site.url in str(caught.value)
    assert "\n" not in str(caught.value)
    assert leftovers(path) <= {"a.pth.part"}


def test_resuming_elsewhere_than_asked_is_refused(site, path):
    path.parent.mkdir(parents=True)
    path.with_name("a.pth.part").write_bytes(CONTENT[:1000])
    site.faults["/a.pth"] = "resumes elsewhere"
    with pytest.raises(WeightsError, match=r"resumes elsewhere than asked; remove .*a\.pth\.part"):
        fetch(f"{site.url}/a.pth", path)
    assert not path.exists()


def test_a_redirect_on_the_same_server_is_followed(site, path):
    site.faults["/old"] = "redirect /a.pth"
    fetch(f"{site.url}/old", path)
    assert path.read_bytes() == CONTENT


def zipped(name: str, compression: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr(name, bytes(5000))
    return file.getvalue()


FLIPPED = bytearray(CONTENT)
FLIPPED[200_000] ^= 1


@pytest.mark.parametrize("prefix", ["", SHA256[:8]])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\n<!DOCTYPE html><html>Please log in</html>", "an HTML page, not weights"),
        (b"some other file", "not an intact torch file"),
        (b"PK\x03\x04 nonsense", "not an intact torch file"),
        (zipped("notes.txt", zipfile.ZIP_STORED), "a zip, but not one that torch.save wrote"),
        (zipped("archive/data.pkl", zipfile.ZIP_DEFLATED), "a zip, but not one that torch.save wrote"),
        (bytes(FLIPPED), "the checksum of archive/data/0 is wrong"),
    ],
)
def test_another_file_is_refused_whether_its_hash_is_known_or_not(site, path, content, message, prefix):
    site.files["/a.pth"] = content
    expected = message if not prefix or "HTML" in message else f"not {prefix}"
    with pytest.raises(WeightsError, match=f"downloaded, refused and removed: .*{expected}"):
        fetch(f"{site.url}/a.pth", path, sha256_prefix=prefix)
    assert leftovers(path) == set()


def test_the_hash_seen_first_binds_later_downloads(site, path):
    fetch(f"{site.url}/a.pth", path)
    path.unlink()
    site.files["/a.pth"] = torch_file(seed=1)
    with pytest.raises(WeightsError, match=f"not {SHA256[:8]}"):
        fetch(f"{site.url}/a.pth", path)
    assert leftovers(path) == {"a.pth.sha256"}


def test_a_file_put_there_by_hand_is_checked_and_used_without_network(site, path):
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT[:-100])
    with pytest.raises(WeightsError, match=r"a\.pth: not the expected file"):
        fetch(f"{site.url}/a.pth", path, sha256_prefix=SHA256[:8])
    path.write_bytes(CONTENT)
    assert fetch(f"{site.url}/a.pth", path, sha256_prefix=SHA256[:8]) == path
    assert site.asked == []
    assert leftovers(path) == {"a.pth", "a.pth.sha256"}


def test_a_file_that_changed_since_is_found_out(site, path):
    fetch(f"{site.url}/a.pth", path)
    recheck(path)
    path.write_bytes(bytes(FLIPPED))
    with pytest.raises(WeightsError, match=rf"not {SHA256[:8]}; remove it to download it again"):
        recheck(path)


def test_offline_names_address_and_place(path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/a.pth"
        with pytest.raises(WeightsError) as caught:
            fetch(url, path)
    assert str(caught.value) == (
        f"{url}: cannot be downloaded: [Errno 111] Connection refused; by hand, save it as {path}"
    )
    assert leftovers(path) == set()


def test_proxy_variables_are_respected(site, path, monkeypatch):
    monkeypatch.setenv("http_proxy", site.url)
    monkeypatch.setenv("no_proxy", "")
    site.files["http://weights.invalid/a.pth"] = CONTENT
    fetch("http://weights.invalid/a.pth", path)
    assert site.asked == [("http://weights.invalid/a.pth", "")]


def test_several_at_once_download_once(site, path):
    site.faults["/a.pth"] = "slow"
    threads = [threading.Thread(target=fetch, args=(f"{site.url}/a.pth", path)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() == CONTENT
    assert len(site.asked) == 1


def test_no_space_while_writing(site, path):
    path.parent.mkdir(parents=True)
    path.with_name("a.pth.part").symlink_to("/dev/full")
    with pytest.raises(StorageError, match=r"cannot write .*a\.pth: No space left on device"):
        fetch(f"{site.url}/a.pth", path)
    assert not path.exists()


def test_no_space_is_seen_before_the_first_byte(site, path, monkeypatch):
    monkeypatch.setattr(download, "MAX_BYTES", 1 << 61)
    site.faults["/a.pth"] = f"claims {1 << 60}"
    with pytest.raises(StorageError, match=r"1,152,921,504,606,846,976 bytes to come, .* free"):
        fetch(f"{site.url}/a.pth", path)


def test_a_folder_that_cannot_be_made(site, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"cannot write .*: (Not a directory|File exists)"):
        fetch(f"{site.url}/a.pth", tmp_path / "file" / "weights" / "a.pth")


FETCH = (
    "import sys; from pathlib import Path; from videoswin.weights.download import fetch; "
    "fetch(sys.argv[1], Path(sys.argv[2]))"
)


def fetch_elsewhere(site, path, stderr):
    command = [sys.executable, "-c", FETCH, f"{site.url}/a.pth", str(path)]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=stderr, check=True)


def test_a_killed_download_is_resumed_by_the_next(site, path):
    site.faults["/a.pth"] = "hangs"
    process = subprocess.Popen([sys.executable, "-c", FETCH, f"{site.url}/a.pth", str(path)])
    part = path.with_name("a.pth.part")
    deadline = time.monotonic() + 20
    while not (part.exists() and part.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert not path.exists()
    reached = part.stat().st_size
    site.faults.clear()
    fetch(f"{site.url}/a.pth", path)
    assert path.read_bytes() == CONTENT
    assert site.asked[-1] == ("/a.pth", f"bytes={reached}-")


def test_progress_is_shown_on_a_terminal(site, path):
    reader, terminal = os.openpty()
    termios.tcsetwinsize(terminal, (24, 100))
    finished = fetch_elsewhere(site, path, terminal)
    shown = os.read(reader, 100_000).decode()
    os.close(reader)
    os.close(terminal)
    assert finished.stdout == b""
    assert shown.startswith("\ra.pth:   0%")
    assert "a.pth: 100%" in shown


def test_no_progress_is_shown_elsewhere(site, path):
    finished = fetch_elsewhere(site, path, subprocess.PIPE)
    assert (finished.stdout, finished.stderr) == (b"", b"")
