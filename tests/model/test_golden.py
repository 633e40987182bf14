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
TOLERANCES = {torch.float64: 1e-9, torch.float32: 2e-5}
# `triton` has no float64, and without a GPU its interpreter would take an hour: test_on_a_gpu.
EXACT = [backend for backend in BACKENDS if backend != "triton"]
# At Swin-T size every other backend takes half a minute: there the box form stands for all.
CASES = [
    pytest.param(
        name, backend, dtype, marks=[pytest.mark.slow] if name == "tiny" and backend != "boxes" else []
    )
    for name in NAMES
    for backend in EXACT
    for dtype in TOLERANCES
]


def relative_error(ours: Tensor, expected: Tensor) -> float:
    return float((ours.double() - expected).norm() / expected.norm())


@pytest.mark.parametrize(("name", "backend", "dtype"), CASES)
def test_logits_and_features(name, backend, dtype):
    require_golden(name, backend, dtype, torch.device("cpu"))


@pytest.mark.gpu
@pytest.mark.parametrize("backend", ["sdpa", "sdpa-boxes", "triton"])
def test_on_a_gpu(backend):
    with torch.backends.cudnn.flags(allow_tf32=False):  # torch's own choice for convolutions
        require_golden("tiny", backend, torch.float32, torch.device("cuda"))


def require_golden(name, backend, dtype, device):
    config, clips, expected, metadata = golden.read(name)
    model = golden.model(config, backend=backend, dtype=dtype).to(device)
    with torch.inference_mode():
        features = model.features(clips.to(device, dtype))[-1].cpu()
        model = model.cpu()
        pooled = features.mean((1, 2, 3))
        logits = model.head(pooled)
    assert sum(p.numel() for p in model.parameters()) == int(metadata["params"])
    errors = {
        "logits": relative_error(logits, expected["logits"]),
        "pooled": relative_error(pooled, expected["pooled"]),
        "features": relative_error(features[..., :8].permute(0, 4, 1, 2, 3), expected["feature_slice"]),
    }
    print(name, backend, dtype, errors)  # pytest -s shows the numbers of docs/results.md
    assert all(error < TOLERANCES[dtype] for error in errors.values())


@pytest.mark.parametrize("backend", EXACT)
def test_gradients(backend):
    config, clips, expected, metadata = golden.read("micro")
    model = golden.model(config, backend=backend, dtype=torch.float64)
    clips.requires_grad_()
    logits = model(clips)
    loss = F.cross_entropy(logits, torch.arange(len(logits)) % config.num_classes)
    loss.backward()
    ours = golden.official_gradients(model)
    norms = torch.stack([ours[key].norm() for key in json.loads(metadata["grad_norms_order"])])
    errors = {
        "loss": relative_error(loss.detach(), expected["loss"]),
        "largest of all norms": float(
            ((norms - expected["grad_norms"]).abs() / expected["grad_norms"]).max()
        ),
        "input": relative_error(clips.grad[:, :, :2, :16, :16], expected["grad.input_slice"]),
    }
    whole = [key for key in expected if key.startswith("grad.backbone")]
    errors |= {key: relative_error(ours[key.removeprefix("grad.")], expected[key]) for key in whole}
    print("gradients of micro", backend, errors)
    assert len(whole) == 3
    assert all(error < 1e-8 for error in errors.values())
