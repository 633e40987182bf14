from __future__ import annotations

import pytest
import torch
from lightning.pytorch.strategies import DDPStrategy, ModelParallelStrategy, SingleDeviceStrategy
from torch import nn

from tests.train.material import MICRO
from videoswin.errors import ConfigError
from videoswin.model import VideoSwin
from videoswin.train.scale_config import ScaleConfig
from videoswin.train.strategy import Layout, _blocks, build_strategy, find_layout, mesh_of, reshard

LAUNCHER = ("LOCAL_RANK", "LOCAL_WORLD_SIZE", "WORLD_SIZE")


@pytest.mark.parametrize(
    ("environment", "devices", "expected"),
    [
        ({}, 1, Layout(devices=1, nodes=1)),
        # The job's number of processes counts, whatever scale.devices says.
        ({"LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2", "WORLD_SIZE": "2"}, 1, Layout(devices=2, nodes=1)),
        ({"LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "2", "WORLD_SIZE": "6"}, 1, Layout(devices=2, nodes=3)),
        ({"LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1", "WORLD_SIZE": "4"}, 1, Layout(devices=1, nodes=4)),
        ({"LOCAL_RANK": "0"}, 1, Layout(devices=1, nodes=1)),
    ],
)
def test_the_layout_is_that_of_the_job(
    environment: dict[str, str], devices: int, expected: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in LAUNCHER:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert find_layout(ScaleConfig(devices=devices)) == expected
    assert expected.world_size == int(environment.get("WORLD_SIZE", "1"))


def test_several_devices_need_a_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(
        ConfigError, match=r"scale\.devices is 2, but this is one process; start `videoswin tr"
    ):
        find_layout(ScaleConfig(devices=2))


def test_more_gpus_than_there_are_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(ConfigError, match=r"^scale\.devices is 2; allowed here: 1 to 1 \(GPUs\)$"):
        find_layout(ScaleConfig(devices=2))


@pytest.mark.parametrize(
    ("strategy", "devices", "expected"),
    [
        ("fsdp", 1, str),  # nothing to share
        ("auto", 2, DDPStrategy),
        ("ddp", 2, DDPStrategy),
        ("fsdp", 2, ModelParallelStrategy),
    ],
)
def test_the_strategy_of_lightning(strategy: str, devices: int, expected: type) -> None:
    config = ScaleConfig(devices=devices, strategy=strategy, timeout_seconds=7)  # type: ignore[arg-type]
    found = build_strategy(config, Layout(devices=devices, nodes=1))
    assert type(found) is expected
    if not isinstance(found, str):
        assert found._timeout.total_seconds() == 7  # type: ignore[attr-defined]


def test_only_fsdp_shares_the_model() -> None:
    assert mesh_of(SingleDeviceStrategy()) is None
    assert mesh_of(DDPStrategy()) is None


def test_the_blocks_of_all_stages_are_shared_one_by_one() -> None:
    model = VideoSwin(MICRO)
    found = _blocks(model)
    assert found == [block for layer in model.layers for block in layer.blocks]
    assert len(found) == 2
    assert all(any(True for _ in block.parameters()) for block in found)


def test_the_blocks_of_other_models() -> None:
    layers = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])
    assert _blocks(nn.ModuleDict({"encoder": nn.ModuleDict({"layer": layers})})) == list(layers)
    assert _blocks(nn.Linear(2, 2)) == []


def test_a_model_that_is_not_shared_needs_no_resharding() -> None:
    model = nn.Linear(2, 2)
    before = list(model.parameters())
    reshard(model)
    assert [id(parameter) for parameter in model.parameters()] == [id(parameter) for parameter in before]
