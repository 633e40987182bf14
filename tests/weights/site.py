"""A real HTTP server on this machine that serves files well, or badly in one named way."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import torch


def torch_file(seed: int = 0) -> bytes:
    """What torch.save writes, some 400 KB."""
    file = io.BytesIO()
    torch.save({"a": torch.randn(100_000, generator=torch.Generator().manual_seed(seed))}, file)
    return file.getvalue()


class Site(ThreadingHTTPServer):
    """files: content by path. faults: what goes wrong at a path. asked: (path, Range header) of every
    request."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, str] = {}
        self.asked: list[tuple[str, str]] = []
        self.released = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"


@contextmanager
def open_site() -> Iterator[Site]:
    site = Site()
    thread = threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield site
    finally:
        site.released.set()
        site.shutdown()
        site.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        asked_range = self.headers.get("Range", "")
        self.server.asked.append((self.path, asked_range))
        fault = self.server.faults.get(self.path, "")
        if fault.startswith("redirect "):
            return self._start(302, {"Location": fault.removeprefix("redirect ")})
        if fault == "404":
            return self._start(404, {"Content-Length": "0"})
        content = self.server.files[self.path]
        start = 0
        if asked_range and fault != "no ranges":
            start = int(asked_range.removeprefix("bytes=").removesuffix("-"))
        if start > len(content):
            return self._start(416, {"Content-Range": f"bytes */{len(content)}", "Content-Length": "0"})
        shown = start + 1 if fault == "resumes elsewhere" else start
        length = {"longer": 10, "shorter": -10}.get(fault, 0) + len(content) - start
        headers = {"Content-Length": str(length)}
        if start:
            headers["Content-Range"] = f"bytes {shown}-{len(content) - 1}/{len(content)}"
        if fault == "no length":
            headers = {}
        if fault.startswith("claims "):
            headers = {"Content-Length": fault.removeprefix("claims ")}
        self._start(206 if start else 200, headers)
        self._send(content[start:], fault)

    def _send(self, content: bytes, fault: str) -> None:
        try:
            if fault in ("drops", "no ranges"):
                content = content[: max(1, len(self.server.files[self.path]) // 3)]
            if fault == "slow":
                step = len(content) // 10
                for start in range(0, len(content), step):
                    self.wfile.write(content[start : start + step])
                    time.sleep(0.02)
                return
            if fault == "hangs":
                self.wfile.write(content[: len(content) // 2])
                self.server.released.wait(timeout=20)
            else:
                self.wfile.write(content)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the client gave up, as it should

    def _start(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass
