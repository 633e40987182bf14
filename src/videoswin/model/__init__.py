"""The Video Swin Transformer and its published sizes.

`VideoSwin` is imported when it is first used, so that reading a configuration does not cost torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from videoswin.model.config import SWIN_B, SWIN_L, SWIN_L_384, SWIN_S, SWIN_T, VARIANTS, SwinConfig

if TYPE_CHECKING:
    from videoswin.model.swin import VideoSwin

__all__ = ["SWIN_B", "SWIN_L", "SWIN_L_384", "SWIN_S", "SWIN_T", "VARIANTS", "SwinConfig", "VideoSwin"]


def __getattr__(name: str) -> Any:
    if name == "VideoSwin":
        from videoswin.model.swin import VideoSwin

        return VideoSwin
    raise AttributeError(f"module 'videoswin.model' has no attribute {name!r}")
