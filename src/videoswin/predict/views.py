"""From the views of a video to its class probabilities: softmax per view, then the mean over views.

The one place that does it, used by prediction and evaluation. It knows no files and no labels.

Legend: B videos, V views of each, K classes; T H W frames and pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from videoswin.errors import WeightsError

Activation = Literal["softmax", "sigmoid"]

ACTIVATIONS: dict[Activation, Callable[[Tensor], Tensor]] = {
    "softmax": lambda logits: logits.softmax(dim=-1),
    "sigmoid": torch.sigmoid,
}
"""From the scores of a view to shares of its classes: they exclude each other, or each is judged alone
(several classes a video)."""


@torch.inference_mode()
def mean_probabilities(
    model: nn.Module, clips: Tensor, *, views_per_pass: int, activation: Activation = "softmax"
) -> Tensor:
    """Class probabilities of B videos from V views each (Sec. 4.1; official: `average_clips='prob'`).

    clips: (B, V, 3, T, H, W) uint8 on any device; each pass is moved to the model's, from pinned memory while
    the one before computes. A pass holds views of
    one video only, so the numbers of a video do not depend on which others are in the batch; one clip of the
    paper's size is 25,000 tokens and fills a GPU. views_per_pass bounds the memory and changes the result by
    rounding at most. Returns (B, K) float32 on the model's device. Raises WeightsError when a score is NaN or
    infinite.
    """
    assert views_per_pass >= 1, views_per_pass
    device = next(model.parameters()).device
    rows = []
    for views in clips:  # (V, 3, T, H, W)
        passes = views.split(views_per_pass)
        logits = torch.cat([model(part.to(device, non_blocking=True)).float() for part in passes])  # (V, K)
        if not bool(logits.isfinite().all()):
            raise WeightsError(
                "the model's scores are NaN or infinite; the weights are damaged or need a higher precision"
            )
        rows.append(ACTIVATIONS[activation](logits).mean(dim=0))
    return torch.stack(rows)  # (B, K)
