"""From a video file to the model's input: the same decoder, frames and crops as in evaluation and prediction.

A video processor of transformers without torchvision, which its own ones need.
"""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from typing import Any

import torch
from transformers import BatchFeature
from transformers.processing_utils import VideosKwargs
from transformers.video_processing_utils import BaseVideoProcessor

from videoswin.data.clips import test_views
from videoswin.data.sampling import test_indices
from videoswin.values import ClipSpec, Views, default_views

_Path = str | os.PathLike[str]


class VideoSwinKwargs(VideosKwargs, total=False):
    """What `VideoSwinVideoProcessor.from_pretrained` may override."""

    clip: dict[str, int | str]
    views: str


class VideoSwinVideoProcessor(BaseVideoProcessor):
    """Video files to all test views of each, uint8; the model normalises.

    clip: the fields of ClipSpec. views: clips x crops as the paper writes them, such as `4x3`. Both are kept
    in video_preprocessor_config.json; `from_pretrained(folder, views="1x1")` asks for fewer views.

    Raises ConfigError for values that are not allowed or don't fit each other.
    """

    model_input_names = ["pixel_values"]  # noqa: RUF012  (transformers' attribute, as it declares it)
    valid_kwargs = VideoSwinKwargs  # type: ignore[assignment]

    def __init__(
        self,
        clip: dict[str, Any] | None = None,
        views: str | None = None,
        video_processor_type: str = "",
    ) -> None:
        super().__init__()
        spec = ClipSpec(**(clip or {}))
        chosen = default_views(spec) if views is None else Views.parse(views)
        # Views that don't fit the sampling are refused here, not at the first video.
        test_indices(1, spec, chosen.clips)
        self.clip, self.views = asdict(spec), str(chosen)

    def preprocess(
        self,
        videos: _Path | list[_Path],
        *,
        num_frames: int | None = None,
        do_sample_frames: bool = True,
        return_tensors: str | None = "pt",
    ) -> BatchFeature:
        """`pixel_values`: (B, V, 3, T, S, S) uint8, view = crop * clips + clip.

        videos: one path or several. num_frames: frames of a clip, if other than the processor's. Frames are
        always sampled and tensors are always torch's; the two other arguments are transformers' way to ask
        for that. Raises DecodeError for a file that can't be used, ValueError for anything but paths.
        """
        if not do_sample_frames or return_tensors not in ("pt", None):
            asked = f"do_sample_frames={do_sample_frames}, return_tensors={return_tensors!r}"
            raise ValueError(f"asked for {asked}; this processor samples frames and gives torch tensors (pt)")
        paths = videos if isinstance(videos, list) else [videos]
        for path in paths:
            if not isinstance(path, str | os.PathLike):
                raise ValueError(f"a video is {type(path).__name__}; expected the path of a video file")
        clip, views = ClipSpec(**self.clip), Views.parse(self.views)
        if num_frames is not None:
            clip = replace(clip, num_frames=num_frames)
        clips = [test_views(path, clip, views, num_threads=0) for path in paths]
        return BatchFeature({"pixel_values": torch.stack(clips)})

    def to_dict(self) -> dict[str, Any]:
        """What the JSON file holds: only what has an effect."""
        return {"video_processor_type": type(self).__name__, "clip": self.clip, "views": self.views}
