"""Every network of torchvision at its published size. Skips where torchvision is not (see material.py)."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.peers.material import find_torchvision, needs_torchvision
from videoswin.errors import ConfigError
from videoswin.peers.build import PeerWeights, build
from videoswin.peers.config import PEERS, PeerConfig, PeerName
from videoswin.peers.packages import import_torchvision
from videoswin.peers.torchvision_models import backbone, require_clip, split
from videoswin.values import ClipSpec


@pytest.fixture
def video() -> Any:
    find_torchvision()
    return import_torchvision()


@needs_torchvision
@pytest.mark.parametrize(
    ("name", "num_parameters"),
    [
        ("r3d_18", 33_371_472),
        ("r2plus1d_18", 31_505_325),
        ("mc3_18", 11_695_440),
        ("s3d", 8_320_048),
        ("mvit_v1_b", 36_610_672),
        ("mvit_v2_s", 34_537_744),
        ("swin3d_t", 28_158_070),
        ("swin3d_s", 49_816_678),
        ("swin3d_b", 88_048_984),
    ],
)
def test_published_sizes_with_400_classes(name: PeerName, num_parameters: int, video: Any) -> None:
    clip = PEERS[name].clip
    require_clip(name, clip)
    with torch.device("meta"):
        network, num_features = backbone(
            PeerConfig(name=name, num_classes=400, clip=clip), drop_path_rate=0.0, checkpoint_blocks=False
        )
        features = network.eval()(torch.empty(1, 3, clip.num_frames, clip.size, clip.size))
    assert features.shape == (1, num_features)
    head = 400 * (num_features + 1)
    assert sum(parameter.numel() for parameter in network.parameters()) + head == num_parameters


@needs_torchvision
@pytest.mark.parametrize(
    ("name", "frames", "size"), [("mc3_18", 4, 32), ("s3d", 14, 224), ("swin3d_t", 4, 32)]
)
def test_a_state_dict_of_torchvision_gives_its_logits(
    name: PeerName, frames: int, size: int, video: Any
) -> None:
    torch.manual_seed(0)
    theirs = getattr(video, name)(num_classes=5).eval()
    clip = ClipSpec(num_frames=frames, size=size)
    found, head = split(theirs.state_dict(), name=name)
    ours = build(
        PeerConfig(name=name, num_classes=5, clip=clip),
        weights=PeerWeights(path="file", backbone=found, head=head, clip=clip),
    ).eval()
    clips = torch.randn(1, 3, frames, size, size)
    with torch.inference_mode():
        torch.testing.assert_close(ours(clips), theirs(clips), rtol=1e-4, atol=1e-5)


@needs_torchvision
@pytest.mark.parametrize("name", ["mvit_v2_s", "swin3d_t"])
def test_stochastic_depth_grows_to_the_rate(name: PeerName, video: Any) -> None:
    with torch.device("meta"):
        network, _ = backbone(
            PeerConfig(name=name, num_classes=2, clip=PEERS[name].clip),
            drop_path_rate=0.3,
            checkpoint_blocks=False,
        )
    rates = [m.p for m in network.modules() if type(m).__name__ == "StochasticDepth"]
    assert rates[0] == 0
    assert rates == sorted(rates)
    assert rates[-1] == 0.3


@pytest.mark.parametrize(
    ("name", "frames", "size", "allowed"),
    [
        ("s3d", 13, 224, "at least 14 frames and 224 px"),
        ("s3d", 14, 112, "at least 14 frames and 224 px"),
        ("mvit_v1_b", 32, 224, "16 frames of 224 px"),
        ("mvit_v2_s", 16, 112, "16 frames of 224 px"),
    ],
)
def test_clips_that_a_network_can_not_take(name: PeerName, frames: int, size: int, allowed: str) -> None:
    with pytest.raises(ConfigError, match=f"^clip has {frames} frames of {size} px; {name} takes {allowed}"):
        require_clip(name, ClipSpec(num_frames=frames, size=size))


@pytest.mark.parametrize(
    ("name", "linear", "rest"),
    [
        ("r3d_18", "fc", "layer4.1.conv2.1.weight"),
        ("s3d", "classifier.1", "features.0.0.0.weight"),
        ("mvit_v1_b", "head.1", "norm.weight"),
        ("swin3d_t", "head", "norm.weight"),
    ],
)
def test_the_classifier_of_a_state_dict(name: PeerName, linear: str, rest: str) -> None:
    shape = (5, 4, 1, 1, 1) if name == "s3d" else (5, 4)
    tensors = {
        f"{linear}.weight": torch.ones(shape),
        f"{linear}.bias": torch.ones(5),
        rest: torch.ones(4),
    }
    found, head = split(tensors, name=name)
    assert list(found) == [rest]
    assert {part: tuple(tensor.shape) for part, tensor in head.items()} == {"weight": (5, 4), "bias": (5,)}
    assert split({rest: torch.ones(4)}, name=name)[1] == {}
