"""Which peers there are and what their published weights were trained to see. No torch here: the command line
reads the names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from videoswin.errors import ConfigError
from videoswin.values import ClipSpec

PeerName = Literal[
    "r3d_18",
    "r2plus1d_18",
    "mc3_18",
    "s3d",
    "mvit_v1_b",
    "mvit_v2_s",
    "swin3d_t",
    "swin3d_s",
    "swin3d_b",
    "timesformer",
    "vivit",
    "videomae",
    "vjepa2",
]
Library = Literal["torchvision", "transformers"]
Colour = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class PeerSpec:
    """One peer, as published."""

    library: Library
    clip: ClipSpec
    """What its weights were trained or tested on: the clip of a run that names none."""
    mean: Colour
    """Of red, green and blue in [0, 1]; subtracted before the first layer."""
    std: Colour
    """Divides what is left."""
    has_drop_path: bool = False
    """Whether the library's network has stochastic depth."""


@dataclass(frozen=True, kw_only=True)
class PeerConfig:
    """A peer as it is built and saved with its weights."""

    name: PeerName
    num_classes: int
    clip: ClipSpec
    """Position embeddings have the size of this clip."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What differs from the library's defaults (transformers: of its configuration); plain values."""


_IMAGENET: tuple[Colour, Colour] = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_KINETICS: tuple[Colour, Colour] = ((0.43216, 0.394666, 0.37645), (0.22803, 0.22145, 0.216989))
_SLOWFAST: tuple[Colour, Colour] = ((0.45, 0.45, 0.45), (0.225, 0.225, 0.225))
_CENTERED: tuple[Colour, Colour] = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def _spec(
    library: Library,
    clip: tuple[int, int, int],
    colours: tuple[Colour, Colour],
    *,
    has_drop_path: bool = False,
) -> PeerSpec:
    """clip: frames, stride of a video of 30 frames a second, pixels."""
    frames, stride, size = clip
    return PeerSpec(
        library=library,
        clip=ClipSpec(num_frames=frames, stride=stride, size=size),
        mean=colours[0],
        std=colours[1],
        has_drop_path=has_drop_path,
    )


# Clips and colours: the metadata of torchvision's weights (15 or 7.5 frames a second); the processors of the
# Kinetics-400 weights that transformers reads; V-JEPA 2's evaluation on SSv2 and Kinetics.
PEERS: dict[PeerName, PeerSpec] = {
    "r3d_18": _spec("torchvision", (16, 2, 112), _KINETICS),
    "r2plus1d_18": _spec("torchvision", (16, 2, 112), _KINETICS),
    "mc3_18": _spec("torchvision", (16, 2, 112), _KINETICS),
    "s3d": _spec("torchvision", (128, 2, 224), _KINETICS),
    "mvit_v1_b": _spec("torchvision", (16, 4, 224), _SLOWFAST, has_drop_path=True),
    "mvit_v2_s": _spec("torchvision", (16, 4, 224), _SLOWFAST, has_drop_path=True),
    "swin3d_t": _spec("torchvision", (32, 2, 224), _IMAGENET, has_drop_path=True),
    "swin3d_s": _spec("torchvision", (32, 2, 224), _IMAGENET, has_drop_path=True),
    "swin3d_b": _spec("torchvision", (32, 2, 224), _IMAGENET, has_drop_path=True),
    # Its configuration has a drop_path_rate, but of whole numbers only.
    "timesformer": _spec("transformers", (8, 32, 224), _SLOWFAST),
    "vivit": _spec("transformers", (32, 2, 224), _CENTERED),
    "videomae": _spec("transformers", (16, 4, 224), _IMAGENET),
    "vjepa2": _spec("transformers", (16, 4, 256), _IMAGENET, has_drop_path=True),
}


def peer_name(text: str) -> PeerName:
    """The peer called `text`. Raises ConfigError naming those there are."""
    for name in PEERS:
        if name == text:
            return name
    raise ConfigError(f"peer is {text!r}, allowed: {', '.join(PEERS)}")
