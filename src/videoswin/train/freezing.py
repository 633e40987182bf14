"""The lower stages of a model that keep the weights they start with."""

from __future__ import annotations

from torch import nn

from videoswin.errors import ConfigError
from videoswin.model import VideoSwin


def freeze_stages(model: VideoSwin, num_stages: int) -> None:
    """The patch embedding and the first stages, with their merging, get no gradient, and no dropout or
    stochastic depth: they compute as in evaluation. Lightning leaves these modes as they are.

    Raises ConfigError for more stages than there are.
    """
    if num_stages > len(model.layers):
        raise ConfigError(f"freeze_stages is {num_stages}, allowed: 0 to {len(model.layers)}")
    if num_stages == 0:
        return
    frozen: list[nn.Module] = [model.patch_embed, *list(model.layers)[:num_stages]]
    for part in frozen:
        part.eval()
        part.requires_grad_(False)
