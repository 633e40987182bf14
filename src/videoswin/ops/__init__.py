"""Window attention: the only code that knows windows, shifts, padding, masks and relative position bias."""

from videoswin.ops.attention import window_attention
from videoswin.ops.choice import BACKENDS, requested_backend, select_backend

__all__ = ["BACKENDS", "requested_backend", "select_backend", "window_attention"]
