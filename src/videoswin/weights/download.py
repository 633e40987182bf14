"""Fetch one published file so that its name only ever holds the whole, checked file.

pooch moves the bytes (over requests, which respects proxy variables); this file decides where they go and
when they are trusted. It knows no checkpoint: names, addresses and hashes are `zoo`'s.
"""

from __future__ import annotations

import logging
import os
import shutil
import zipfile
import zlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import urljoin, urlsplit

from videoswin.errors import StorageError, WeightsError
from videoswin.storage import write_atomically

if TYPE_CHECKING:
    from requests import RequestException, Response

log = logging.getLogger(__name__)

MAX_BYTES = 4 << 30
"""The largest published model with its optimizer would be 2.4 GB; what claims to be larger is not one."""

CHUNK_BYTES = 1 << 16
"""Bytes written at once; as many are lost where a connection breaks."""


def cache_folder() -> Path:
    """Where downloads are kept: below VIDEOSWIN_CACHE, else below `videoswin` in the user's cache folder
    (XDG_CACHE_HOME, ~/.cache ...). It need not exist yet."""
    import pooch

    chosen = os.environ.get("VIDEOSWIN_CACHE") or pooch.os_cache("videoswin")
    return Path(chosen).expanduser().absolute() / "weights"


def fetch(url: str, path: Path, *, sha256_prefix: str = "", timeout_seconds: float = 30.0) -> Path:
    """`path`, downloaded from `url` unless it is there already; on terminals a bar on stderr shows progress.

    A file that was put there by hand is checked the same way. Without a `sha256_prefix` it must be an intact
    torch zip; the hash seen first is kept beside it, and every later download must repeat it. An interrupted
    download stays as `.part` and is resumed. Several processes may ask at once: one downloads.

    Raises WeightsError (offline, refused, damaged, another file) or StorageError (no space, no access).
    """
    from filelock import FileLock

    if path.exists() and _record(path).exists():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f"{path.name}.lock")):
            if not path.exists():
                _download(
                    url, path, sha256_prefix=sha256_prefix or _seen(path), timeout_seconds=timeout_seconds
                )
            elif not _record(path).exists():
                _remember(path, check(path, sha256_prefix=sha256_prefix))
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror or error}") from error
    return path


def check(path: Path, *, sha256_prefix: str) -> str:
    """The SHA-256 of a file in hexadecimal.

    Raises WeightsError unless it starts as given, or the file is an intact torch zip where nothing is given.
    """
    import pooch

    with open(path, "rb") as file:
        start = file.read(64).lstrip().lower()
    if start.startswith((b"<!doctype", b"<html")):
        raise WeightsError(f"{path}: an HTML page, not weights")
    found = str(pooch.file_hash(str(path), alg="sha256"))
    if not found.startswith(sha256_prefix):
        expected = sha256_prefix[:8]
        raise WeightsError(
            f"{path}: not the expected file: its SHA-256 starts with {found[:8]}, not {expected}"
        )
    if not sha256_prefix:
        _check_torch_zip(path)
    return found


def recheck(path: Path) -> None:
    """Raise WeightsError if a fetched file is no longer what it was."""
    try:
        check(path, sha256_prefix=_seen(path))
    except WeightsError as error:
        raise WeightsError(f"{error}; remove it to download it again") from error


def _check_torch_zip(path: Path) -> None:
    """Every record has the checksum the zip's directory gives; none is compressed, so none is a bomb."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            is_torch = any(entry.filename.endswith("/data.pkl") for entry in entries)
            if not is_torch or any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
                raise WeightsError(f"{path}: a zip, but not one that torch.save wrote")
            damaged = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise WeightsError(f"{path}: not an intact torch file: {error}") from error
    if damaged:
        raise WeightsError(f"{path}: damaged: the checksum of {damaged} is wrong")


def _record(path: Path) -> Path:
    """The file beside a checked one that holds its hash, as `sha256sum --check` reads it."""
    return path.with_name(f"{path.name}.sha256")


def _seen(path: Path) -> str:
    """The hash recorded for `path`, empty if there is none."""
    record = _record(path)
    return record.read_text().partition(" ")[0] if record.exists() else ""


def _remember(path: Path, sha256: str) -> None:
    write_atomically(_record(path), f"{sha256}  {path.name}\n".encode())


def _download(url: str, path: Path, *, sha256_prefix: str, timeout_seconds: float) -> None:
    log.info("downloading %s to %s", url, path)
    part = path.with_name(f"{path.name}.part")
    try:
        with open(part, "ab") as file:
            _transfer(url, file, path, timeout_seconds=timeout_seconds)
            os.fsync(file.fileno())
    finally:
        if part.exists() and not part.stat().st_size:
            part.unlink()
    try:
        sha256 = check(part, sha256_prefix=sha256_prefix)
    except WeightsError as error:
        part.unlink()
        cause = str(error).removeprefix(f"{part}: ")
        raise WeightsError(f"{url}: downloaded, refused and removed: {cause}") from error
    os.replace(part, path)
    _remember(path, sha256)


def _transfer(url: str, file: BinaryIO, path: Path, *, timeout_seconds: float) -> None:
    """Bring `file` to its full length. After a lost connection it goes on for as long as an attempt gets
    further than every one before it."""
    import pooch
    from requests import RequestException
    from tqdm import tqdm

    furthest = file.seek(0, os.SEEK_END)
    while True:
        start = file.seek(0, os.SEEK_END)
        # Identity: lengths and offsets are those of the file itself.
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
        # The total is pooch's to set. Disabled where stderr is no terminal.
        with tqdm(desc=path.name, total=1, unit="B", unit_scale=True, disable=None) as bar:
            get = pooch.HTTPDownloader(
                progressbar=bar,
                chunk_size=CHUNK_BYTES,
                timeout=timeout_seconds,
                headers=headers,
                hooks={"response": partial(_check_answer, url=url, start=start, file=file, path=path)},
            )
            try:
                get(url, file, None)
                return
            except RequestException as error:
                if start and error.response is not None and error.response.status_code == 416:
                    file.truncate(0)  # the server's file ends before ours does: ours is of another one
                    continue
                reached = file.seek(0, os.SEEK_END)
                if reached <= furthest:
                    by_hand = f"by hand, save it as {path}"
                    raise WeightsError(f"{url}: cannot be downloaded: {_reason(error)}; {by_hand}") from error
                furthest = reached


def _check_answer(
    response: Response, *, url: str, start: int, file: BinaryIO, path: Path, **_: object
) -> None:
    """Look at each answer, redirects included, before a byte of its body is read. requests passes more
    arguments."""
    if response.is_redirect:
        source, target = urlsplit(response.url), urlsplit(urljoin(response.url, response.headers["location"]))
        if target.scheme != "https" and target[:2] != source[:2]:
            raise WeightsError(f"{url}: refused a redirect to {target.geturl()}, which is not https")
        return
    if not response.ok:
        return
    if start and response.status_code == 200:
        file.truncate(0)  # the server sends the whole file, whatever we asked for
        start = 0
    elif start and not response.headers.get("content-range", "").startswith(f"bytes {start}-"):
        raise WeightsError(f"{url}: the server resumes elsewhere than asked; remove {path}.part")
    length = response.headers.get("content-length", "")
    if not (length.isascii() and length.isdigit()):
        raise WeightsError(f"{url}: the server does not say how long the file is")
    if start + int(length) > MAX_BYTES:
        raise WeightsError(f"{url}: {start + int(length):,} bytes; allowed: {MAX_BYTES:,}")
    free = shutil.disk_usage(path.parent).free
    if int(length) > free:
        raise StorageError(f"cannot write {path}: {int(length):,} bytes to come, {free:,} free")


def _reason(error: RequestException) -> str:
    """The innermost cause in one line; the layers above it repeat addresses and object names."""
    if error.response is not None:
        return f"the server answered {error.response.status_code} {error.response.reason}"
    cause: BaseException = error
    while cause.__cause__ or cause.__context__:
        cause = cause.__cause__ or cause.__context__ or cause
    return " ".join(str(cause).split()) or type(cause).__name__
