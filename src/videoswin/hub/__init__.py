"""Weights as folders and repositories of the Hugging Face Hub, and the model inside transformers.

`import videoswin.hub` registers the model type `videoswin` with AutoConfig, AutoModelForVideoClassification
and the video processor that `pipeline("video-classification", model=folder)` asks for, and gives VideoSwin
the three methods below. Needs the extra: pip install 'videoswin[hub]'.

>>> import videoswin.hub
>>> model = videoswin.VideoSwin.from_pretrained("folder or user/repository")
>>> model.save_pretrained("folder", labels=labels, clip=clip, notes={"data": "my videos"})
>>> model.push_to_hub("user/repository", labels=labels, clip=clip)
"""

# ruff: noqa: E402  (a missing package is named before the first import that needs it)

from videoswin.hub.packages import require_packages

require_packages()

from transformers import AutoConfig, AutoModelForVideoClassification

# `transformers.AutoVideoProcessor` is a placeholder without torchvision; this is the class behind it, which
# the pipeline itself uses.
from transformers.models.auto.video_processing_auto import AutoVideoProcessor

from videoswin.hub.card import Card, model_card
from videoswin.hub.config import VideoSwinConfig
from videoswin.hub.folder import fetch, from_pretrained, push_to_hub, save_pretrained
from videoswin.hub.model import VideoSwinForVideoClassification
from videoswin.hub.processor import VideoSwinVideoProcessor
from videoswin.hub.report import read_evaluation
from videoswin.model import VideoSwin

__all__ = [
    "Card",
    "VideoSwinConfig",
    "VideoSwinForVideoClassification",
    "VideoSwinVideoProcessor",
    "fetch",
    "from_pretrained",
    "model_card",
    "push_to_hub",
    "read_evaluation",
    "save_pretrained",
]

AutoConfig.register("videoswin", VideoSwinConfig)
AutoModelForVideoClassification.register(VideoSwinConfig, VideoSwinForVideoClassification)
AutoVideoProcessor.register(VideoSwinConfig, VideoSwinVideoProcessor)

# The only place that gives VideoSwin methods from outside: the model must not know Hugging Face.
for _name, _method in {
    "from_pretrained": staticmethod(from_pretrained),
    "save_pretrained": save_pretrained,
    "push_to_hub": push_to_hub,
}.items():
    setattr(VideoSwin, _name, _method)
