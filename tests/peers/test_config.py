from __future__ import annotations

from typing import get_args

import pytest

from videoswin.errors import ConfigError
from videoswin.peers.config import PEERS, PeerName, peer_name


def test_every_name_has_an_entry() -> None:
    assert tuple(PEERS) == get_args(PeerName)


@pytest.mark.parametrize(
    ("name", "library", "frames", "stride", "size", "mean"),
    [
        ("r3d_18", "torchvision", 16, 2, 112, 0.43216),
        ("s3d", "torchvision", 128, 2, 224, 0.43216),
        ("mvit_v2_s", "torchvision", 16, 4, 224, 0.45),
        ("swin3d_b", "torchvision", 32, 2, 224, 0.485),
        ("timesformer", "transformers", 8, 32, 224, 0.45),
        ("vivit", "transformers", 32, 2, 224, 0.5),
        ("videomae", "transformers", 16, 4, 224, 0.485),
        ("vjepa2", "transformers", 16, 4, 256, 0.485),
    ],
)
def test_published_clips_and_colours(
    name: PeerName, library: str, frames: int, stride: int, size: int, mean: float
) -> None:
    spec = PEERS[name]
    assert (spec.library, spec.clip.num_frames, spec.clip.stride, spec.clip.size, spec.mean[0]) == (
        library,
        frames,
        stride,
        size,
        mean,
    )


def test_an_unknown_name_lists_the_known_ones() -> None:
    assert peer_name("vivit") == "vivit"
    with pytest.raises(ConfigError, match=r"^peer is 'resnet', allowed: r3d_18, .*, vjepa2$"):
        peer_name("resnet")
