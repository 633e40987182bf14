"""Window attention: the only code that knows windows, shifts, padding, masks and relative position bias."""

from videoswin.ops.attention import BACKENDS, select_backend, window_attention

__all__ = ["BACKENDS", "select_backend", "window_attention"]
