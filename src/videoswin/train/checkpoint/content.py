"""A snapshot on its way to the disk: its size is known before the first byte is written."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from videoswin.faults import reached
from videoswin.train.checkpoint.files import Stored, sync_folder, write_file
from videoswin.train.checkpoint.manifest import MANIFEST, STATE, Manifest, encode, own_versions
from videoswin.train.checkpoint.snapshot import Snapshot
from videoswin.train.checkpoint.tensors import header_of, num_bytes, parts_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """headers: of the safetensors file of each group; state: JSON; num_bytes: of all files but the
    manifest."""

    snapshot: Snapshot
    headers: dict[str, bytes]
    state: bytes
    num_bytes: int

    @staticmethod
    def of(snapshot: Snapshot) -> Content:
        """Raises ValueError for a tensor that can't be saved."""
        headers = {group: header_of(tensors) for group, tensors in snapshot.tensors.items()}
        state = json.dumps(snapshot.state, indent=2).encode()
        sizes = [len(headers[group]) + num_bytes(tensors) for group, tensors in snapshot.tensors.items()]
        return Content(snapshot=snapshot, headers=headers, state=state, num_bytes=len(state) + sum(sizes))

    def write(self, folder: Path) -> None:
        """All files, the manifest last; then the folder is flushed to the disk. Raises OSError."""
        files: dict[str, Stored] = {}
        for group, tensors in self.snapshot.tensors.items():
            name, header = f"{group}.safetensors", self.headers[group]
            total = len(header) + num_bytes(tensors)
            files[name] = write_file(folder / name, parts_of(tensors, header), num_bytes=total)
        files[STATE] = write_file(folder / STATE, [memoryview(self.state)], num_bytes=len(self.state))
        manifest = encode(Manifest(step=self.snapshot.step, files=files, versions=own_versions()))
        reached("checkpoint.before_manifest")
        write_file(folder / MANIFEST, [memoryview(manifest)], num_bytes=len(manifest))
        reached("checkpoint.folder_written")
        sync_folder(folder)
        reached("checkpoint.folder_synced")
