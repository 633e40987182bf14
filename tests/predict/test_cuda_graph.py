"""Shapes, copies and what is forgotten, with the real model and a recording that replays by computing; what
CUDA itself records is tried on a GPU only."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from videoswin.errors import ConfigError
from videoswin.model import SwinConfig, VideoSwin
from videoswin.predict import Predictor, Speed
from videoswin.predict.arithmetic import Autocast, ready
from videoswin.predict.classifier import Classifier
from videoswin.predict.cuda_graph import KEPT_SHAPES, LARGEST_BATCH, Recording, Replayed
from videoswin.values import ClipSpec

MICRO = SwinConfig(embed_dim=16, depths=(1, 1), num_heads=(1, 2), window=(2, 3, 3), num_classes=3)


class RecordByComputing:
    """Reads and writes the same memory at every replay, as a CUDA graph does."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []
        self.num_replays = 0

    def __call__(self, model: nn.Module, clips: Tensor) -> Recording:
        self.shapes.append(tuple(clips.shape))
        own = torch.zeros_like(clips)
        logits = model(own)

        def replay() -> None:
            self.num_replays += 1
            logits.copy_(model(own))

        return Recording(clips=own, logits=logits, replay=replay)


@pytest.fixture(scope="module")
def model() -> VideoSwin:
    torch.manual_seed(0)
    return VideoSwin(MICRO).eval()


@pytest.fixture
def record() -> RecordByComputing:
    return RecordByComputing()


def clips(num_clips: int = 2, *, size: int = 24, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (num_clips, 3, 4, size, size), dtype=torch.uint8, generator=generator)


def test_a_shape_is_recorded_when_it_comes_again_and_every_batch_gets_its_own_logits(model, record) -> None:
    replayed = Replayed(model, record=record)
    batches = [clips(seed=seed) for seed in range(4)]
    with torch.inference_mode():
        found = [replayed(batch) for batch in batches]
        expected = [model(batch) for batch in batches]
    assert record.shapes == [(2, 3, 4, 24, 24)]
    assert record.num_replays == 3  # all but the first
    for ours, wanted in zip(found, expected, strict=True):  # none was overwritten by a later one
        torch.testing.assert_close(ours, wanted)
    assert not torch.allclose(found[0], found[1])


def test_shapes_and_dtypes_have_recordings_of_their_own(model, record) -> None:
    replayed = Replayed(model, record=record)
    batches = [clips(2), clips(1), clips(1, size=32), clips(1).float()] * 2
    with torch.inference_mode():
        for batch in batches:
            torch.testing.assert_close(replayed(batch), model(batch))
    assert len(record.shapes) == 4


def test_large_batches_and_gradients_run_as_usual(model, record) -> None:
    replayed = Replayed(model, record=record)
    for _ in range(3):
        with torch.inference_mode():
            replayed(clips(LARGEST_BATCH + 1))
        assert replayed(clips()).requires_grad
    assert record.shapes == []


def test_the_shape_used_longest_ago_is_forgotten(model, record) -> None:
    replayed = Replayed(model, record=record)
    sizes = [16 + 4 * number for number in range(KEPT_SHAPES)]
    with torch.inference_mode():
        for size in [*sizes, *sizes]:
            replayed(clips(1, size=size))
        assert len(record.shapes) == KEPT_SHAPES
        replayed(clips(1, size=sizes[0]))  # now the second is the oldest
        replayed(clips(1, size=64))  # takes its place
        replayed(clips(1, size=sizes[0]))
        assert len(record.shapes) == KEPT_SHAPES
        for _ in range(2):
            replayed(clips(1, size=sizes[1]))
    assert record.shapes[-1] == (1, 3, 4, sizes[1], sizes[1])
    assert len(record.shapes) == KEPT_SHAPES + 1


@pytest.mark.parametrize("name", ["compile_blocks", "cuda_graphs"])
@pytest.mark.parametrize("precision", ["fp32", "auto"])
def test_what_is_for_a_gpu_is_refused_on_a_cpu(model, name, precision) -> None:
    known = Classifier(model=model, labels=(), num_classes=3, clip=ClipSpec(num_frames=4, size=24))
    message = f"{name} is true, which is for a Video Swin on CUDA; allowed for VideoSwin on cpu: false"
    with pytest.raises(ConfigError, match=message):
        Predictor(known, device="cpu", precision=precision, speed=Speed(**{name: True}))


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_cuda_graph_gives_the_logits_of_the_model(precision) -> None:
    device = torch.device("cuda")
    torch.manual_seed(0)
    model = VideoSwin(MICRO)
    plain = ready(model, precision, device)
    graphs = ready(model, precision, device, speed=Speed(cuda_graphs=True))
    assert isinstance(graphs, Replayed)
    assert isinstance(graphs.model, VideoSwin if precision == "fp32" else Autocast)
    with torch.inference_mode():
        for seed in range(3):
            for num_clips in (1, 2, 4):
                batch = clips(num_clips, seed=seed).to(device)
                torch.testing.assert_close(graphs(batch), plain(batch), rtol=0, atol=0)


@pytest.mark.gpu
def test_compiled_blocks_can_be_recorded() -> None:
    device = torch.device("cuda")
    torch.manual_seed(0)
    model = VideoSwin(MICRO).to(device).eval()
    batches = [clips(2, seed=seed).to(device) for seed in range(3)]
    with torch.inference_mode():
        expected = [model(batch) for batch in batches]
        fast = ready(model, "fp32", device, speed=Speed(compile_blocks=True, cuda_graphs=True))
        for batch, logits in zip(batches, expected, strict=True):
            torch.testing.assert_close(fast(batch), logits, rtol=1e-3, atol=1e-4)
