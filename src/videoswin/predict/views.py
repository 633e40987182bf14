"""From the views of a video to its class probabilities: softmax per view, then the mean over views.

The one place that does it, used by prediction and evaluation. It knows no files and no labels.

Legend: B videos, V views of each, K classes; T H W frames and pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from videoswin.errors import WeightsError


@torch.inference_mode()
def mean_probabilities(model: nn.Module, clips: Tensor, *, views_per_pass: int) -> Tensor:
    """Class probabilities of B videos from V views each (Sec. 4.1; official: `average_clips='prob'`).

    clips: (B, V, 3, T, H, W) uint8 on any device; each pass is moved to the model's. views_per_pass bounds
    the memory and changes the result by rounding at most. Returns (B, K) float32 on the model's device.
    Raises WeightsError when a score is NaN or infinite.
    """
    assert views_per_pass >= 1, views_per_pass
    device = next(model.parameters()).device
    passes = torch.split(clips.flatten(0, 1), views_per_pass)  # each (views_per_pass or fewer, 3, T, H, W)
    logits = torch.cat([model(part.to(device)).float() for part in passes])  # (B V, K)
    if not bool(logits.isfinite().all()):
        raise WeightsError(
            "the model's scores are NaN or infinite; the weights are damaged or need a higher precision"
        )
    return logits.softmax(dim=-1).view(*clips.shape[:2], -1).mean(dim=1)  # (B, K)
