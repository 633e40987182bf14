from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest
import torch

from tests.peers.material import CLIP, SETTINGS
from videoswin.errors import WeightsError
from videoswin.peers.build import PeerWeights, build
from videoswin.peers.config import PeerConfig, PeerName
from videoswin.peers.model import PeerModel


def config_of(name: PeerName = "vivit", *, num_classes: int = 3, **settings: Any) -> PeerConfig:
    return PeerConfig(name=name, num_classes=num_classes, clip=CLIP, settings={**SETTINGS[name], **settings})


def weights_of(model: PeerModel) -> PeerWeights:
    return PeerWeights(
        path="file",
        backbone=dict(model.backbone.state_dict()),
        head=dict(model.head.state_dict()),
        clip=CLIP,
        settings=model.config.settings,
    )


def clips_of(num_clips: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (num_clips, 3, 4, 32, 32), generator=generator).byte()


@pytest.mark.parametrize("name", list(SETTINGS))
def test_every_parameter_of_a_peer_learns(name: PeerName) -> None:
    model = build(config_of(name))
    logits = model(clips_of())
    assert logits.shape == (2, 3)
    logits.square().sum().backward()
    assert [key for key, parameter in model.named_parameters() if parameter.grad is None] == []


def test_bytes_are_normalised_and_numbers_taken_as_they_are() -> None:
    model = build(config_of()).eval()
    white = torch.full((1, 3, 4, 32, 32), 255, dtype=torch.uint8)
    assert torch.equal(model.normalise(white), torch.ones(1, 3, 4, 32, 32))  # (1 - 0.5) / 0.5
    assert torch.equal(model(clips_of()), model(model.normalise(clips_of())))


def test_dropout_before_the_head_is_ours() -> None:
    model = build(config_of(), head_dropout=0.75)
    assert model.dropout.p == 0.75
    assert torch.equal(model.eval()(clips_of()), model(clips_of()))
    assert not torch.equal(model.train()(clips_of()), model(clips_of()))


def test_checkpointed_blocks_have_the_same_gradient() -> None:
    gradients = []
    for checkpoint_blocks in (False, True):
        torch.manual_seed(0)
        model = build(config_of(), checkpoint_blocks=checkpoint_blocks)
        model(clips_of()).square().sum().backward()
        gradients.append([parameter.grad for parameter in model.parameters()])
    for plain, recomputed in zip(*gradients, strict=True):
        torch.testing.assert_close(plain, recomputed)


def test_stochastic_depth_grows_over_the_blocks() -> None:
    model = build(config_of("vjepa2", num_hidden_layers=3), drop_path_rate=0.2)
    rates = [float(m.drop_prob) for m in model.modules() if type(m).__name__ == "VJEPA2DropPath"]
    assert rates == pytest.approx([0.0, 0.1, 0.2])


def test_weights_bring_everything_and_a_head_of_their_size() -> None:
    torch.manual_seed(0)
    source = build(config_of()).eval()
    same = build(config_of(), weights=weights_of(source)).eval()
    assert torch.equal(same(clips_of()), source(clips_of()))
    assert same.head.weight.data_ptr() != source.head.weight.data_ptr()


@pytest.mark.parametrize(
    ("has_head", "line"),
    [
        (True, "new head: file has 3 classes, 5 classes wanted"),
        (False, "new head: file has no head, 5 classes wanted"),
    ],
)
def test_a_head_of_another_size_is_new(has_head: bool, line: str, caplog: pytest.LogCaptureFixture) -> None:
    source = build(config_of())
    weights = weights_of(source) if has_head else replace(weights_of(source), head={})
    with caplog.at_level(logging.INFO, logger="videoswin.peers"):
        model = build(config_of(num_classes=5), weights=weights)
    assert model.head.weight.shape == (5, 16)
    for name, tensor in model.backbone.state_dict().items():
        assert torch.equal(tensor, source.backbone.state_dict()[name])
    assert caplog.messages == [line]


def broken(**changes: torch.Tensor | None) -> PeerWeights:
    found = weights_of(build(config_of()))
    backbone = {**found.backbone, **changes}
    return replace(found, backbone={name: tensor for name, tensor in backbone.items() if tensor is not None})


NORM = "model.vivit.layernorm.weight"


@pytest.mark.parametrize(
    ("tensors", "reason"),
    [
        ({NORM: None}, f"1 missing: backbone.{NORM}"),
        ({"more": torch.zeros(1)}, "1 left over: backbone.more"),
        ({NORM: torch.zeros(5)}, rf"1 of another shape: backbone.{NORM} is \(5,\) instead of \(16,\)"),
        ({NORM: torch.full((16,), torch.nan)}, f"1 not finite: backbone.{NORM}"),
    ],
)
def test_tensors_that_do_not_fit_are_listed(tensors: dict[str, torch.Tensor | None], reason: str) -> None:
    with pytest.raises(WeightsError, match=f"^file: tensors do not fit vivit; {reason}$"):
        build(config_of(), weights=broken(**tensors))


def test_half_a_head_does_not_fit() -> None:
    found = weights_of(build(config_of()))
    half = replace(found, head={"weight": found.head["weight"]})
    with pytest.raises(WeightsError, match=r"^file: tensors do not fit vivit; 1 missing: head\.bias$"):
        build(config_of(), weights=half)
