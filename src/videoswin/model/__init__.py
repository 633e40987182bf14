"""The Video Swin Transformer and its published sizes."""

from videoswin.model.config import SWIN_B, SWIN_L, SWIN_L_384, SWIN_S, SWIN_T, VARIANTS, SwinConfig
from videoswin.model.swin import VideoSwin

__all__ = ["SWIN_B", "SWIN_L", "SWIN_L_384", "SWIN_S", "SWIN_T", "VARIANTS", "SwinConfig", "VideoSwin"]
