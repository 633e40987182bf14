"""On the paper's Swin-T and clip, the settings are the paper's rows: their counts are its columns."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from videoswin.ablate.tables import TABLES, Setting, TableName, clip_of, model_of
from videoswin.errors import ConfigError
from videoswin.model import SWIN_T
from videoswin.model.cost import cost
from videoswin.train.config import TrainConfig
from videoswin.train.data_config import DataConfig
from videoswin.values import ClipSpec, Size3

PAPER_RUN = TrainConfig(
    model=SWIN_T, clip=ClipSpec(), data=DataConfig(train="train", val="val"), weights="swin2d.pth"
)

# table -> setting -> (parameters, multiply-adds in G), of paper.md section 4
COUNTS: dict[TableName, dict[str, tuple[int, float]]] = {
    "designs": {
        "joint": (28_158_070, 87.76),
        "split": (42_007_306, 83.2),
        "factorized": (36_484_246, 95.0),
        "split-temporal-bias": (42_008_794, 83.2),
        "factorized-temporal-bias": (36_488_524, 95.0),
        "spatial-only": (27_831_562, 72.07),
    },
    "temporal": {
        "whole-window": (28_531_222, 105.70),
        "half-by-frames": (28_158_070, 43.88),
        "half-by-patches": (28_167_286, 44.11),
        "quarter-by-frames": (27_971_494, 19.70),
        "quarter-by-patches": (27_999_142, 20.05),
        "half-window": (28_158_070, 87.76),
        "quarter-window": (27_971_494, 78.80),
    },
    "shift": dict.fromkeys(("3d", "spatial", "none"), (28_158_070, 87.76)),
    "lr-ratio": dict.fromkeys(("ratio-0.1", "ratio-1.0"), (28_158_070, 87.76)),
    "embed-init": dict.fromkeys(("inflate", "center"), (28_158_070, 87.76)),
    "bias-init": dict.fromkeys(("duplicate", "center"), (28_158_070, 87.76)),
}
# Table 4 to 9 of the paper: top-1 and top-5 of each row that is one
PAPER = {
    "designs": ["78.8/93.6", "76.4/92.1", "78.5/93.5"],
    "temporal": ["79.1/93.8", "78.5/93.2", "78.5/93.2", "76.7/92.5", "76.7/92.5", "78.8/93.6", "78.6/93.4"],
    "shift": ["78.8/93.6", "78.5/93.5", "78.1/93.3"],
    "lr-ratio": ["80.6 (1K) 82.6 (21K)/94.6 (1K) 95.7 (21K)", "80.2 (1K) 82.0 (21K)/94.2 (1K) 95.3 (21K)"],
    "embed-init": ["78.8/93.6", "78.8/93.7"],
    "bias-init": ["78.8/93.6", "78.8/93.6"],
}


def rows(table: TableName, run: TrainConfig = PAPER_RUN) -> dict[str, Setting]:
    return {setting.name: setting for setting in TABLES[table].settings(run)}


@pytest.mark.parametrize("table", TABLES)
def test_counts_are_those_of_the_paper(table: TableName) -> None:
    found = {}
    for name, setting in rows(table).items():
        clip = clip_of(setting.run)
        parts = cost(model_of(setting.run), Size3(clip.num_frames, clip.size, clip.size))
        giga = round(sum(part.multiply_adds for part in parts) / 1e9, 2)
        found[name] = (sum(part.parameters for part in parts), giga)
    assert found == COUNTS[table]


@pytest.mark.parametrize("table", TABLES)
def test_accuracies_are_those_of_the_paper(table: TableName) -> None:
    printed = [f"{row.paper_top1}/{row.paper_top5}" for row in rows(table).values() if row.paper_top1]
    assert printed == PAPER[table]


@pytest.mark.parametrize(
    ("table", "setting", "changed"),
    [
        ("designs", "joint", {}),
        ("designs", "split", {"model.design": "split", "model.window": (16, 7, 7)}),
        ("designs", "spatial-only", {"model.window": (1, 7, 7)}),
        ("temporal", "half-by-frames", {"clip.num_frames": 16, "clip.stride": 4}),
        (
            "temporal",
            "quarter-by-patches",
            {"model.patch": (8, 4, 4), "model.window": (4, 7, 7), "inflation.temporal_patch": 8},
        ),
        ("shift", "spatial", {"model.shift": "spatial"}),
        ("lr-ratio", "ratio-1.0", {"optimizer.backbone_multiplier": 1.0}),
        ("embed-init", "center", {"inflation.patch": "center"}),
        ("bias-init", "center", {"inflation.bias": "center"}),
    ],
)
def test_a_setting_changes_what_it_is_about_and_nothing_else(
    table: TableName, setting: str, changed: dict[str, object]
) -> None:
    base, run = asdict(PAPER_RUN), asdict(rows(table)[setting].run)
    found = {}
    for part, value in run.items():
        if isinstance(value, dict):
            found |= {f"{part}.{name}": v for name, v in value.items() if v != base[part][name]}
        elif value != base[part]:
            found[part] = value
    assert found == changed


def test_designs_start_from_the_joint_one_whatever_the_run_names() -> None:
    other = replace(PAPER_RUN, model=replace(SWIN_T, design="factorized", temporal_bias=True))
    assert rows("designs", other) == rows("designs")


def test_from_scratch_longer_patches_leave_the_inflation_alone() -> None:
    run = rows("temporal", replace(PAPER_RUN, weights=""))["half-by-patches"].run
    assert (run.inflation.temporal_patch, model_of(run).patch) == (2, (4, 4, 4))


def test_a_clip_that_has_no_quarter_is_refused() -> None:
    short = replace(PAPER_RUN, clip=ClipSpec(num_frames=12))
    with pytest.raises(ConfigError, match=r"the clip is 6 tokens long; allowed .* multiple of 4"):
        rows("temporal", short)
