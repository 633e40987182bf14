"""Tables that a recorded CUDA graph reads: it knows their addresses alone, and replays do not ask for them.
A cache that forgets what nobody asks for would hand their memory to others."""

from __future__ import annotations

from typing import TypeVar

import torch

Tables = TypeVar("Tables", bound=object)
TAGS = (torch.Tag.cudagraph_unsafe,)
"""Of operators with such tables. Inductor's own graphs (`mode="reduce-overhead"`) begin without a warm-up
outside of their memory and would find the tables in it: they leave these operators out."""
_KEPT: dict[int, object] = {}
"""By id: those of one clip size, however often it is recorded."""


def kept_for_graphs(tables: Tables, device: torch.device) -> Tables:
    """The same tables; while a graph is recorded they are kept for the life of the process."""
    if device.type == "cuda" and torch.cuda.is_current_stream_capturing():
        _KEPT[id(tables)] = tables
    return tables
