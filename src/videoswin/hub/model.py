"""`VideoSwin` as a transformers model: the same network behind its names for inputs and outputs.

On disk the tensors have our names and header, so that a folder written by transformers is one of ours. In
memory they lie under `swin.`; loading accepts both.

Legend: B videos, V views of each, K classes; T H W frames and pixels.
"""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import safetensors.torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import ImageClassifierOutput

from videoswin import weights
from videoswin.hub.config import VideoSwinConfig
from videoswin.hub.processor import VideoSwinVideoProcessor
from videoswin.model import VideoSwin
from videoswin.model.blocks import GatedAttention, WindowAttention
from videoswin.predict import mean_probabilities
from videoswin.weights import Weights

WEIGHTS_NAME = "model.safetensors"
PROCESSOR_NAME = "video_preprocessor_config.json"
VIEWS_PER_PASS = 4
"""Views that the network gets at once: bounds the memory of prediction, as Predictor's default does."""


class VideoSwinForVideoClassification(PreTrainedModel):  # type: ignore[no-untyped-call]
    """`AutoModelForVideoClassification` of the model type `videoswin`."""

    config: VideoSwinConfig
    config_class = VideoSwinConfig
    base_model_prefix = "swin"
    main_input_name = "pixel_values"
    input_modalities = "video"

    def __init__(self, config: VideoSwinConfig) -> None:
        super().__init__(config)
        self.swin = VideoSwin(
            config.swin(), drop_path_rate=config.drop_path_rate, head_dropout=config.head_dropout
        )
        # transformers' Trainer resumes through load_state_dict, from files that have our names.
        self.register_load_state_dict_pre_hook(_add_prefix)  # type: ignore[no-untyped-call]
        self.post_init()  # type: ignore[no-untyped-call]

    def forward(self, pixel_values: Tensor, labels: Tensor | None = None) -> ImageClassifierOutput:
        """Logits (B, K) and, given labels, the cross-entropy.

        pixel_values: clips (B, 3, T, H, W), uint8 RGB or normalised float: the logits are VideoSwin's. Or
        test views (B, V, 3, T, H, W) uint8, in eval mode only: the logits are those whose softmax is the mean
        over the views of each view's softmax, as in prediction and evaluation; they carry no gradient.
        labels: class numbers (B,) int64, or shares (B, K) float.
        """
        if pixel_values.ndim == 6:
            if self.training:
                raise ValueError("test views (B, V, 3, T, H, W) in training; expected clips (B, 3, T, H, W)")
            shares = mean_probabilities(self.swin, pixel_values, views_per_pass=VIEWS_PER_PASS)
            logits = shares.log()
        else:
            logits = self.swin(pixel_values)
        loss = None if labels is None else F.cross_entropy(logits, labels)
        return ImageClassifierOutput(loss=loss, logits=logits)

    def save_pretrained(  # type: ignore[override]  # everything but the folder by name, as all callers do
        self, save_directory: str | os.PathLike[str], *, push_to_hub: bool = False, **options: Any
    ) -> None:
        """Write a folder that transformers and videoswin both read; `options` are PreTrainedModel's.

        Raises ValueError for push_to_hub=True, which would upload before our header is written; `push_to_hub`
        of the model does both. Raises WeightsError for weights that are not finite.
        """
        if push_to_hub:
            raise ValueError("save_pretrained(push_to_hub=True); use model.push_to_hub(repo_id) instead")
        super().save_pretrained(save_directory, **options)
        folder = Path(save_directory)
        # Absent on processes that don't write, and where the caller asked for shards: those have no header.
        if (folder / WEIGHTS_NAME).exists():
            _write_header(folder / WEIGHTS_NAME, self.config)
            if not (folder / PROCESSOR_NAME).exists():
                VideoSwinVideoProcessor(clip=asdict(self.config.clip())).save_pretrained(folder)

    def _init_weights(self, module: nn.Module) -> None:
        """What a checkpoint lacks, mostly a new head, starts as VideoSwin's own parameters do."""
        if module is self.swin.head:
            nn.init.normal_(self.swin.head.weight, std=0.01)
            nn.init.zeros_(self.swin.head.bias)
        elif isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, WindowAttention):
            if module.relative_position_bias_table is not None:
                nn.init.trunc_normal_(module.relative_position_bias_table, std=0.02)
        elif isinstance(module, GatedAttention):
            nn.init.zeros_(module.gate)
        elif isinstance(module, nn.LayerNorm | nn.Conv3d):
            module.reset_parameters()


def _add_prefix(model: nn.Module, state_dict: dict[str, Any], prefix: str, *_: object) -> None:
    """Before load_state_dict: our names to those in memory. Names that have the prefix stay."""
    for name in [name for name in state_dict if not name.startswith(f"{prefix}swin.")]:
        state_dict[f"{prefix}swin.{name.removeprefix(prefix)}"] = state_dict.pop(name)


def _write_header(path: Path, config: VideoSwinConfig) -> None:
    """Write a file of transformers again, with our names and header."""
    tensors = {
        name.removeprefix("swin."): tensor for name, tensor in safetensors.torch.load_file(path).items()
    }
    model = weights.build(Weights(path=str(path), state_dict=tensors, config=config.swin()))
    weights.save(path, model, labels=config.labels(), clip=config.clip(), notes=config.notes)
