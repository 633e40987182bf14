"""A copy of a model for inference on a CPU: weights made ready once, blocks computed box by box."""

from videoswin.model.frozen.linear import FrozenPrecision, computes_bf16_fast
from videoswin.model.frozen.swin import FrozenSwin, can_freeze

__all__ = ["FrozenPrecision", "FrozenSwin", "can_freeze", "computes_bf16_fast"]
