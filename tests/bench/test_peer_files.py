"""The official file and mmaction2's are imported without their frameworks and get our weights."""

from __future__ import annotations

import sys

import pytest
import torch

from tests.bench.material import MMACTION2, OFFICIAL, write_peer
from videoswin.bench.peer_files import import_file, mmaction2_model, official_model, rearrange
from videoswin.errors import ConfigError
from videoswin.model import SwinConfig, VideoSwin

MICRO = SwinConfig(
    embed_dim=8,
    depths=(1, 2, 1, 1),
    num_heads=(1, 2, 2, 2),
    window=(2, 3, 3),
    num_classes=3,
    legacy_bias_index=True,
)


@pytest.mark.parametrize(
    ("name", "source", "build"),
    [("swin_transformer", OFFICIAL, official_model), ("swin", MMACTION2, mmaction2_model)],
)
def test_a_peer_file_gives_our_logits(tmp_path, name, source, build):
    model = VideoSwin(MICRO).eval()
    peer = build(write_peer(tmp_path, name, source), MICRO, model.state_dict())
    clips = torch.randn(2, 3, 6, 30, 26)
    with torch.inference_mode():
        torch.testing.assert_close(peer(clips), model(clips))
    assert not peer.training
    assert not {"mmaction", "mmcv", "mmengine", "timm", "einops", f"mmaction.models.backbones.{name}"} & set(
        sys.modules
    )


def test_modules_that_were_there_come_back(tmp_path):
    file = write_peer(tmp_path, "swin", "from json import dumps\nSwinTransformer3D = dumps()")
    import json

    module = import_file(file, "swin", {"json": {"dumps": lambda: 7}})
    assert module.SwinTransformer3D == 7
    assert sys.modules["json"] is json


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (None, "is not a file; expected the one called swin.py"),
        ("import no_such_module_here", "cannot be imported: No module named 'no_such_module_here'"),
        ("x = 1", "holds no SwinTransformer3D"),
    ],
)
def test_another_file_is_refused(tmp_path, source, message):
    file = str(tmp_path / "none.py") if source is None else write_peer(tmp_path, "swin", source)
    with pytest.raises(ConfigError, match=message):
        import_file(file, "swin", {})


def test_rearrange_moves_axes():
    x = torch.randn(2, 3, 4, 5, 6)
    assert torch.equal(rearrange(x, "n c d h w -> n d h w c"), x.permute(0, 2, 3, 4, 1))
    assert torch.equal(rearrange(rearrange(x, "n c d h w -> n d h w c"), "n d h w c -> n c d h w"), x)
