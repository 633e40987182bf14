"""What the module can do, asked for as a user does: through the configuration of a whole run."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch._dynamo.testing import CompileCounterWithBackend

from tests.train.material import CLASSES, micro_config
from videoswin.data.dataset import Batch
from videoswin.errors import ConfigError, NonFiniteLossError
from videoswin.model.compiling import compile_blocks
from videoswin.train import assemble
from videoswin.train.config import TrainConfig
from videoswin.train.data_config import DataConfig
from videoswin.train.module import TrainModule
from videoswin.train.optimizer_config import OptimizerConfig
from videoswin.train.run import train
from videoswin.train.scale_config import CheckpointConfig


def column(output: Path, name: str) -> list[float]:
    with (output / "metrics.csv").open(newline="") as file:
        return [float(row[name]) for row in csv.DictReader(file) if row.get(name)]


def test_the_mean_of_the_weights_is_what_a_run_keeps(videos: Path, tmp_path: Path) -> None:
    kept = []
    for decay in (0.0, 0.9):
        config = replace(micro_config(videos, tmp_path / f"{decay}", epochs=1), ema_decay=decay)
        kept.append(load_file(train(config).last)["head.weight"])
    plain, mean = kept
    assert not torch.equal(plain, mean)
    # The steps before are shared, so the mean has gone a part of the way.
    assert column(tmp_path / "0.0", "train/loss_epoch") == column(tmp_path / "0.9", "train/loss_epoch")


def fails_at(*, update: int) -> Callable[[TrainModule, Batch, int], Tensor | None]:
    """A training step that fails where `update` begins, counted from 0."""
    step = TrainModule.training_step

    def training_step(self: TrainModule, batch: Batch, batch_idx: int) -> Tensor | None:
        if self.trainer.global_step == update:
            raise ArithmeticError(f"at update {update}")
        return step(self, batch, batch_idx)

    return training_step


def test_mean_and_patience_go_on_where_they_were(
    videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that ends in its second epoch and is continued keeps the weights of one that was not."""
    outputs = [tmp_path / name for name in ("whole", "stopped")]
    config = replace(
        micro_config(videos, outputs[0], epochs=4),
        ema_decay=0.9,
        patience=2,
        class_weights="balanced",
        checkpoint=CheckpointConfig(updates=1),
    )
    train(config)
    stopped = replace(config, output=str(outputs[1]))
    with monkeypatch.context() as patch:
        patch.setattr(TrainModule, "training_step", fails_at(update=3))
        with pytest.raises(ArithmeticError, match="at update 3"):
            train(stopped)
    train(stopped)
    for name in ("last.safetensors", "best.safetensors", "metrics.csv"):
        assert (outputs[0] / name).read_bytes() == (outputs[1] / name).read_bytes()


def test_patience_ends_a_run(videos: Path, tmp_path: Path) -> None:
    config = micro_config(videos, tmp_path / "run", epochs=9, learning_rate=1e-9)
    result = train(replace(config, patience=2))
    assert len(column(result.output, "val/top1")) == 3  # the first is the best
    assert result.best_epoch == 1


def test_frozen_stages_stay_and_deeper_blocks_learn_faster(videos: Path, tmp_path: Path) -> None:
    config = micro_config(videos, tmp_path / "run", epochs=1)
    config = replace(
        config,
        freeze_stages=1,
        class_weights="balanced",
        recompute_stages=2,
        optimizer=replace(config.optimizer, layer_decay=0.5, max_gradient_norm=1.0),
    )
    torch.manual_seed(config.seed)
    trained = load_file(train(config).last)
    again = load_file(train(replace(config, output=str(tmp_path / "b"), seed=0)).last)
    assert all(torch.equal(trained[name], again[name]) for name in trained)
    other = load_file(train(replace(config, output=str(tmp_path / "c"), epochs=2)).last)
    changed = {name for name in trained if not torch.equal(trained[name], other[name])}
    assert changed
    assert not any(name.startswith(("patch_embed.", "layers.0.")) for name in changed)


def test_a_run_that_saves_time_and_memory_where_it_can(
    videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compiled without generating code, which would take a minute; attention as one graph can hold it."""
    monkeypatch.setenv("VIDEOSWIN_ATTENTION", "reference")
    graphs = CompileCounterWithBackend("aot_eager")
    monkeypatch.setattr(assemble, "compile_blocks", partial(compile_blocks, backend=graphs))
    config = micro_config(videos, tmp_path / "run", epochs=1)
    config = replace(
        config,
        precision="bf16",
        residual="bf16",
        drop_path_rate=0.5,
        skip_dropped=True,
        recompute_stages=2,
        recompute="mlp",
        compile_blocks=True,
    )
    torch._dynamo.reset()
    result = train(config)
    assert graphs.frame_count > 0
    assert math.isfinite(column(result.output, "val/loss")[0])


def several_config(videos: Path, output: Path) -> TrainConfig:
    """Each video has its class, and the first of each has both."""
    listing = output.parent / "several.csv"
    rows = ["path,label"]
    for label in CLASSES:
        rows += [f"{label}/{i}.mp4,{'|'.join(CLASSES) if i == 0 else label}" for i in range(4)]
    listing.write_text("\n".join(rows))
    config = micro_config(videos, output, epochs=1)
    return replace(
        config,
        data=replace(config.data, train=str(listing), val=str(listing), root=str(videos), num_workers=0),
    )


def test_several_classes_a_video(videos: Path, tmp_path: Path) -> None:
    result = train(several_config(videos, tmp_path / "run"))
    assert result.metric == "val/map"
    (mean_precision,) = column(result.output, "val/map")
    assert 0.4 < mean_precision <= 1
    assert result.best_value == pytest.approx(mean_precision, abs=1e-6)
    assert column(result.output, "val/top1")


def test_smoothed_labels_of_several_classes_are_refused(videos: Path, tmp_path: Path) -> None:
    config = replace(several_config(videos, tmp_path / "run"), label_smoothing=0.1)
    with pytest.raises(ConfigError, match=r"label_smoothing is 0\.1, allowed where videos have several"):
        train(config)


def test_more_frozen_stages_than_there_are(videos: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="freeze_stages is 3, allowed: 0 to 2"):
        train(replace(micro_config(videos, tmp_path / "run"), freeze_stages=3))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"patience": -1}, "patience is -1, allowed: 0 or more"),
        ({"freeze_stages": -1}, "freeze_stages is -1, allowed: 0 or more"),
        ({"recompute_stages": -1}, "recompute_stages is -1, allowed: 0 or more"),
        ({"recompute": "all"}, "recompute is 'all', allowed: light, mlp, blocks"),
        ({"residual": "fp16"}, "residual is 'fp16', allowed: fp32, bf16"),
        ({"residual": "bf16"}, "residual is 'bf16', allowed: fp32, or bf16 with precision bf16"),
        ({"max_skipped": -1}, "max_skipped is -1, allowed: 0 or more"),
        ({"ema_decay": 1.0}, "ema_decay is 1.0, allowed: at least 0 and less than 1"),
        ({"class_weights": "some"}, "class_weights is 'some', allowed: none, balanced"),
        ({"on_nonfinite": "ignore"}, "on_nonfinite is 'ignore', allowed: stop, skip"),
        (
            {"find_learning_rate": True, "fast_dev_run": True},
            "find_learning_rate is True, allowed: false with fast_dev_run or several devices",
        ),
    ],
)
def test_wrong_values(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        TrainConfig(data=DataConfig(train="videos"), **fields)
    assert message in str(caught.value)


@pytest.mark.parametrize("decay", [0.0, 1.1, float("nan")])
def test_wrong_layer_decay(decay: float) -> None:
    with pytest.raises(ConfigError, match=r"optimizer\.layer_decay is .*, allowed: more than 0, at most 1"):
        OptimizerConfig(layer_decay=decay)


@pytest.mark.parametrize(
    "features",
    [
        *({"freeze_stages": 1}, {"compile_blocks": True}, {"recompute_stages": 1}, {"recompute": "mlp"}),
        *({"residual": "bf16", "precision": "bf16"}, {"skip_dropped": True}),
    ],
)
def test_what_only_a_video_swin_has(features: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"allowed: (0|false|blocks|fp32) with peer r3d_18"):
        TrainConfig(data=DataConfig(train="videos"), peer="r3d_18", **features)


def test_t09_a_run_ends_before_the_update_with_a_report(videos: Path, tmp_path: Path) -> None:
    config = micro_config(videos, tmp_path / "run", learning_rate=1e30)
    with pytest.raises(NonFiniteLossError, match=r"at update 1 \(epoch 1, batch 2\), which was not made"):
        train(config)
    report = json.loads((tmp_path / "run" / "nonfinite.json").read_text())
    (batch,) = report["batches"]
    assert (report["update"], batch["batch"], len(batch["paths"])) == (1, 2, 3)
