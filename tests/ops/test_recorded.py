from __future__ import annotations

import gc
import weakref

import torch

from videoswin.ops import recorded
from videoswin.ops.recorded import kept_for_graphs

CUDA = torch.device("cuda")


class Tables:
    """A weak reference needs a class."""


def is_kept(device: torch.device) -> bool:
    tables = Tables()
    assert kept_for_graphs(tables, device) is tables
    reference = weakref.ref(tables)
    del tables
    gc.collect()
    return reference() is not None


def test_what_a_graph_reads_stays(monkeypatch):
    monkeypatch.setattr(recorded, "_KEPT", {})
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: False)
    assert not is_kept(CUDA)
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: True)
    assert is_kept(CUDA)
    assert not is_kept(torch.device("cpu"))
