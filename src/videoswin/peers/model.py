"""A peer as one module: its library's network without classifier, then the dropout and the linear head that
Video Swin has too.

Legend: B clips, T frames, H W pixels, D features, K classes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from videoswin.peers.config import PEERS, PeerConfig


class PeerModel(nn.Module):
    """Logits of clips. The head is `head`, everything below is under `backbone`.

    config: what it was built as. backbone: normalised clips (B, 3, T, H, W) -> features (B, D).
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, config: PeerConfig, backbone: nn.Module, *, num_features: int, head_dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.config = config
        spec = PEERS[config.name]
        for name, values in (("mean", spec.mean), ("std", spec.std)):
            self.register_buffer(name, torch.tensor(values).view(3, 1, 1, 1), persistent=False)
        self.backbone = backbone
        self.dropout = nn.Dropout(head_dropout)
        self.head = nn.Linear(num_features, config.num_classes)
        self.renew_head()

    def renew_head(self) -> None:
        """Initial values, as those of Video Swin's head."""
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)

    def forward(self, clips: Tensor) -> Tensor:
        """Logits (B, K) of clips (B, 3, T, H, W): uint8 RGB, or float as `normalise` gives."""
        if clips.dtype == torch.uint8:
            clips = self.normalise(clips)
        features = self.backbone(clips)  # (B, D)
        logits: Tensor = self.head(self.dropout(features))  # (B, K)
        return logits

    def normalise(self, clips: Tensor) -> Tensor:
        """uint8 RGB -> float with the mean and deviation of the peer's published weights."""
        return (clips.to(self.mean.dtype) / 255 - self.mean) / self.std
