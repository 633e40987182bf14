"""The model equals the official code: logits and features of every golden file, gradients of `micro`."""

from __future__ import annotations

import json

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.model import golden
from videoswin.ops import BACKENDS

NAMES = ["micro", "micro_short", "micro_pad", "tiny"]


def relative_error(ours: Tensor, expected: Tensor) -> float:
    return float((ours.double() - expected).norm() / expected.norm())


@pytest.mark.parametrize("backend", list(BACKENDS))
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 2e-5)])
def test_logits_and_features(name, backend, dtype, tolerance):
    config, clips, expected, metadata = golden.read(name)
    model = golden.model(config, backend=backend, dtype=dtype)
    with torch.inference_mode():
        features = model.features(clips.to(dtype))[-1]
        pooled = features.mean((1, 2, 3))
        logits = model.head(pooled)
    assert sum(p.numel() for p in model.parameters()) == int(metadata["params"])
    assert relative_error(logits, expected["logits"]) < tolerance
    assert relative_error(pooled, expected["pooled"]) < tolerance
    assert relative_error(features[..., :8].permute(0, 4, 1, 2, 3), expected["feature_slice"]) < tolerance


@pytest.mark.parametrize("backend", list(BACKENDS))
def test_gradients(backend):
    config, clips, expected, metadata = golden.read("micro")
    model = golden.model(config, backend=backend, dtype=torch.float64)
    clips.requires_grad_()
    logits = model(clips)
    loss = F.cross_entropy(logits, torch.arange(len(logits)) % config.num_classes)
    loss.backward()
    ours = golden.official_gradients(model)
    norms = torch.stack([ours[key].norm() for key in json.loads(metadata["grad_norms_order"])])
    assert relative_error(loss.detach(), expected["loss"]) < 1e-12
    assert ((norms - expected["grad_norms"]).abs() / expected["grad_norms"]).max() < 1e-8
    assert relative_error(clips.grad[:, :, :2, :16, :16], expected["grad.input_slice"]) < 1e-8
    whole = [key for key in expected if key.startswith("grad.backbone")]
    assert len(whole) == 3
    for key in whole:
        assert relative_error(ours[key.removeprefix("grad.")], expected[key]) < 1e-8, key
