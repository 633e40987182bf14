from __future__ import annotations

import re
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest

from videoswin.data.augment import Augment
from videoswin.errors import ConfigError
from videoswin.train.config import TrainConfig
from videoswin.train.data_config import DataConfig
from videoswin.train.optimizer_config import OptimizerConfig, ScheduleConfig

RUN = TrainConfig(data=DataConfig(train="videos"))


def test_defaults_need_only_the_videos() -> None:
    assert RUN.epochs == 30
    with pytest.raises(
        ConfigError, match=r"^data\.train is '', allowed: a folder, list or CSV file of videos$"
    ):
        TrainConfig()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "epochs is 0, allowed: 1 or more"),
        ({"global_batch": 0}, "global_batch is 0, allowed: 1 or more"),
        ({"micro_batch": 9}, "micro_batch is 9, allowed: auto, 1 to global_batch (8)"),
        ({"micro_batch": 0}, "micro_batch is 0, allowed: auto, 1 to global_batch (8)"),
        ({"resume": ""}, "resume is '', allowed: auto, never, or a path"),
        ({"label_smoothing": 1.0}, "label_smoothing is 1.0, allowed: at least 0 and less than 1"),
        ({"drop_path_rate": -0.1}, "drop_path_rate is -0.1, allowed: at least 0 and less than 1"),
        ({"head_dropout": float("nan")}, "head_dropout is nan, allowed: at least 0 and less than 1"),
        ({"precision": "tf32"}, "precision is 'tf32', allowed: fp32, bf16, fp16"),
        ({"seed": -1}, "seed is -1, allowed: 0 or more"),
        ({"output": ""}, "output is '', allowed: a folder"),
        ({"max_bad_fraction": 1.5}, "max_bad_fraction is 1.5, allowed: 0 to 1"),
        ({"views": "4by3"}, "views are '4by3'; allowed: CLIPSxCROPS"),
        ({"views": "4x2"}, "views ask for 2 crops"),
        (
            {"global_batch": 3, "augment": Augment(mixup_alpha=0.8)},
            "global_batch is 3, allowed: an even number with mixup or CutMix",
        ),
        (
            {"micro_batch": 3, "augment": Augment(cutmix_alpha=1.0)},
            "micro_batch is 3, allowed: an even number with mixup or CutMix",
        ),
        ({"epochs": 2}, "schedule.warmup_epochs is 2.5, allowed: less than epochs (2)"),
    ],
)
def test_wrong_values_of_a_run(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        replace(RUN, **change)


@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        (DataConfig, {"val_fraction": 1.0}, "data.val_fraction is 1.0, allowed: more than 0 and less than 1"),
        (DataConfig, {"num_workers": -1}, "data.num_workers is -1, allowed: 0 or more"),
        (DataConfig, {"prefetch_mib": 0}, "data.prefetch_mib is 0, allowed: 1 or more"),
        (DataConfig, {"bad_videos": "skip"}, "data.bad_videos is 'skip', allowed: skip-and-report, fail"),
        (OptimizerConfig, {"learning_rate": 0.0}, "optimizer.learning_rate is 0.0, allowed: more than 0"),
        (OptimizerConfig, {"learning_rate": float("inf")}, "optimizer.learning_rate is inf"),
        (OptimizerConfig, {"backbone_multiplier": -1.0}, "optimizer.backbone_multiplier is -1.0"),
        (OptimizerConfig, {"weight_decay": float("nan")}, "optimizer.weight_decay is nan"),
        (OptimizerConfig, {"betas": (0.9, 1.0)}, "optimizer.betas is (0.9, 1.0), allowed: numbers in [0, 1)"),
        (OptimizerConfig, {"preset": "best"}, "optimizer.preset is 'best', allowed: official, clean"),
        (OptimizerConfig, {"max_gradient_norm": -1.0}, "optimizer.max_gradient_norm is -1.0"),
        (ScheduleConfig, {"shape": "step"}, "schedule.shape is 'step', allowed: official, smooth"),
        (ScheduleConfig, {"warmup_epochs": -0.5}, "schedule.warmup_epochs is -0.5, allowed: 0 or more"),
    ],
)
def test_wrong_values_of_a_part(part: type[Any], change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        part(**change)


def test_all_wrong_values_are_named_at_once() -> None:
    with pytest.raises(ConfigError, match=r"epochs is 0.*global_batch is 0.*seed is -3"):
        replace(RUN, epochs=0, global_batch=0, seed=-3)


def test_a_fraction_of_an_epoch_of_warmup_is_allowed() -> None:
    assert replace(RUN, epochs=1, schedule=ScheduleConfig(warmup_epochs=0.25)).schedule.warmup_epochs == 0.25


def test_configurations_have_no_slots() -> None:
    # The command line reads defaults through vars().
    parts = [RUN, *(getattr(RUN, field.name) for field in fields(RUN))]
    assert all(vars(part) for part in parts if is_dataclass(part))
