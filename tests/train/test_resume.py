"""What a run makes of what its folder holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.train.material import micro_config
from videoswin.errors import CheckpointError, ConfigError, StorageError
from videoswin.train.checkpoint import CheckpointFolder, Snapshot
from videoswin.train.config import TrainConfig
from videoswin.train.output import CONFIG_FILE, as_plain, write_config
from videoswin.train.resume import (
    CHECKPOINTS,
    FREE,
    GROWING_FILES,
    PLACES,
    Beginning,
    find_beginning,
    flat,
    measure_files,
    require_same_data,
    require_same_run,
    restore_files,
    write_finished,
)
from videoswin.train.scale_config import CheckpointConfig, ScaleConfig


@pytest.fixture
def output(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def config_for(output: Path, **changes: Any) -> TrainConfig:
    return replace(micro_config(Path("videos"), output), **changes)


def save(folder: Path, step: int, config: TrainConfig) -> Path:
    """A checkpoint of a run of `config`."""
    tensors = {"model": {"weight": torch.full((2,), float(step))}}
    return CheckpointFolder(folder).save(
        Snapshot(step=step, tensors=tensors, state={"config": as_plain(config)})
    )


def begun(output: Path, *steps: int) -> TrainConfig:
    """A run that was killed after it saved these."""
    config = config_for(output)
    write_config(config, output / CONFIG_FILE)
    for step in steps:
        save(output / CHECKPOINTS, step, config)
    return config


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# What is in the folder


def test_t18_an_empty_folder_is_a_start(output: Path) -> None:
    (output / ".lock").touch()  # what a run that is starting has made already
    for resume in ("auto", "never"):
        assert find_beginning(config_for(output, resume=resume), output) == Beginning()


def test_a_folder_of_something_else_is_not_touched(output: Path) -> None:
    for name in ("d", "c", "b", "a"):
        (output / name).touch()
    with pytest.raises(ConfigError, match=r"holds files already \(a, b, c, \.\.\.\), but no run; name a new"):
        find_beginning(config_for(output), output)


def test_a_run_goes_on_from_its_newest_checkpoint(output: Path) -> None:
    config = begun(output, 3, 12, 9)
    beginning = find_beginning(config, output)
    assert beginning.snapshot is not None
    assert not beginning.is_finished
    # 12 was left behind when 9 was saved after it.
    assert beginning.snapshot.step == 9
    assert beginning.snapshot.tensors["model"]["weight"].tolist() == [9.0, 9.0]


def test_a_damaged_checkpoint_is_named_and_the_one_before_taken(
    output: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = begun(output, 3, 9)
    weights = output / CHECKPOINTS / "step-00000009" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    beginning = find_beginning(config, output)
    assert beginning.snapshot is not None
    assert beginning.snapshot.step == 3
    assert "step 9 damaged" in caplog.text
    assert "model.safetensors" in caplog.text


def test_without_one_good_checkpoint_nothing_is_started_over(output: Path) -> None:
    config = begun(output, 3)
    (output / CHECKPOINTS / "step-00000003" / "model.safetensors").write_bytes(b"")
    before = contents(output)
    with pytest.raises(CheckpointError, match="no checkpoint can be used: step 3 damaged"):
        find_beginning(config, output)
    assert contents(output) == before


def test_never_refuses_a_run(output: Path) -> None:
    begun(output, 3)
    with pytest.raises(ConfigError, match="holds a run already, and resume is never; name a new folder"):
        find_beginning(config_for(output, resume="never"), output)


def test_a_run_that_ended_before_its_first_checkpoint_starts_again(
    output: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "videoswin.train")
    config = begun(output)
    (output / "tensorboard").mkdir()
    (output / "tensorboard" / "events").touch()
    assert find_beginning(config, output) == Beginning()
    assert caplog.messages == [f"the run in {output} ended before its first checkpoint: it starts again"]
    assert not (output / "tensorboard").exists()


def test_weights_without_a_checkpoint_are_not_written_over(output: Path) -> None:
    config = begun(output)
    for name in ("best.safetensors", "last.safetensors"):
        (output / name).touch()
    with pytest.raises(
        ConfigError, match=r"holds best\.safetensors and last\.safetensors but no checkpoint to continue from"
    ):
        find_beginning(config, output)


def test_t18_a_finished_run_is_finished_for_the_same_settings(output: Path) -> None:
    config = begun(output, 3)
    write_finished(output, {"config": as_plain(config)})
    assert find_beginning(config, output) == Beginning(is_finished=True)
    with pytest.raises(
        CheckpointError, match=r"the run in .*out has other settings: epochs was 2 and is 9\. "
    ):
        find_beginning(replace(config, epochs=9), output)


# A checkpoint by name


@pytest.mark.parametrize("inside", ["", CHECKPOINTS, f"{CHECKPOINTS}/step-00000003"])
def test_a_checkpoint_or_a_run_can_be_named(inside: str, output: Path, tmp_path: Path) -> None:
    begun(output, 3)
    for name in ("best.safetensors", "last.safetensors", "metrics.csv"):
        (output / name).write_text(name)
    new = tmp_path / "new"
    new.mkdir()
    beginning = find_beginning(config_for(new, resume=str(output / inside)), new)
    assert beginning.snapshot is not None
    assert beginning.snapshot.step == 3
    # What the run had written and chosen so far comes along.
    assert contents(new) == {str(new / name): name.encode() for name in ("best.safetensors", "metrics.csv")}


def test_what_is_named_must_be_a_checkpoint_of_this_run(output: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    new.mkdir()

    def name(path: Path) -> Beginning:
        return find_beginning(config_for(new, resume=str(path)), new)

    begun(output)
    with pytest.raises(ConfigError, match=r"nowhere, which is no folder; allowed: auto, never, a checkpoint"):
        name(tmp_path / "nowhere")
    (output / CHECKPOINTS).mkdir()
    for path in (output, output / CHECKPOINTS):
        with pytest.raises(ConfigError, match="which holds no checkpoint"):
            name(path)
    (tmp_path / "something").mkdir()
    with pytest.raises(CheckpointError, match="something"):
        name(tmp_path / "something")
    found = save(output / CHECKPOINTS, 3, config_for(output, seed=7))
    with pytest.raises(CheckpointError, match="step-00000003 has other settings: seed was 7 and is 0"):
        name(found)
    assert list(new.iterdir()) == []


def test_a_checkpoint_of_another_folder_needs_a_new_one(output: Path, tmp_path: Path) -> None:
    begun(output, 3)
    other = tmp_path / "other"
    other.mkdir()
    begun(other, 5)
    before = contents(other)
    message = r"other holds a run already, and resume is .*out, which is not its; name a new folder"
    with pytest.raises(ConfigError, match=message):
        find_beginning(config_for(other, resume=str(output)), other)
    (other / CONFIG_FILE).unlink()
    with pytest.raises(ConfigError, match=r"other holds files already \(checkpoints\), but no run"):
        find_beginning(config_for(other, resume=str(output)), other)
    assert contents(other).items() <= before.items()


# The same run


def test_f09_each_setting_that_differs_is_named() -> None:
    config = config_for(Path("out"))
    other = replace(
        config, global_batch=6, ema_decay=0.5, optimizer=replace(config.optimizer, betas=(0.9, 0.99))
    )
    saved = {"config": as_plain(config)}
    message = (
        r"^the run in x\\ny has other settings: ema_decay was 0\.0 and is 0\.5; global_batch was 3 and is 6; "
        r"optimizer\.betas was \[0\.9, 0\.999\] and is \[0\.9, 0\.99\]\. Continue with its own \(--config "
        r"config\.yaml of its folder\), or name a new folder with --output$"
    )
    with pytest.raises(CheckpointError, match=message):
        require_same_run(saved, other, where="the run in x\ny")


def test_a_setting_that_was_not_there_yet_is_named() -> None:
    config = config_for(Path("out"))
    saved = {"config": {key: value for key, value in as_plain(config).items() if key != "patience"}}
    with pytest.raises(CheckpointError, match=r"patience was None and is 0\."):
        require_same_run(saved, config, where="it")


def test_a_model_where_there_was_none_is_named() -> None:
    config = config_for(Path("out"))
    with pytest.raises(CheckpointError, match=r"model\.depths was None and is \[1, 1\]"):
        require_same_run({"config": as_plain(replace(config, model=None))}, config, where="it")


def test_t15_what_changes_nothing_that_is_learnt_may_be_another() -> None:
    config = config_for(Path("out"))
    data = replace(config.data, num_workers=4, prefetch_mib=7, train="a", val="b", test="c", root="d")
    changed = replace(
        config,
        data=replace(data, label_map="e"),
        weights="f",
        micro_batch="auto",
        resume="never",
        output="g",
        scale=ScaleConfig(devices=2, strategy="fsdp", timeout_seconds=7),
        checkpoint=CheckpointConfig(minutes=1, updates=1, keep=1, asynchronous=True),
    )
    before, now = flat(as_plain(config)), flat(as_plain(changed))
    differing = {key for key in now if before[key] != now[key]}
    assert {key.split(".")[0] if key.split(".")[0] in FREE else key for key in differing} == {*FREE, *PLACES}
    require_same_run({"config": as_plain(config)}, changed, where="it")


def test_a11_other_videos_are_refused_naming_the_split() -> None:
    def data(train: str, val: str) -> Mapping[str, Any]:
        return {"train": {"fingerprint": train}, "val": {"fingerprint": val}}

    require_same_data({"data": data("a", "b")}, data("a", "b"))
    with pytest.raises(CheckpointError, match=r"^the videos listed for val are not those the run began with"):
        require_same_data({"data": data("a", "b")}, data("a", "c"))
    with pytest.raises(CheckpointError, match="listed for train, val are"):
        require_same_data({"data": data("a", "b")}, data("c", "d"))


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ({}, {}),
        ({"seed": 1}, {"seed": 1}),
        ({"data": {"val": "", "n": 2}, "clip": None}, {"data.val": "", "data.n": 2, "clip": None}),
        ({"a": {"b": {"c": [1, 2]}}}, {"a.b.c": [1, 2]}),
    ],
)
def test_flat(tree: dict[str, Any], expected: dict[str, Any]) -> None:
    assert flat(tree) == expected


# Files that grow


def test_files_are_cut_back_to_what_the_checkpoint_knows(output: Path) -> None:
    assert measure_files(output) == dict.fromkeys(GROWING_FILES, 0)
    (output / "metrics.csv").write_bytes(b"header\nrow 1\n")
    (output / "speed.csv").write_bytes(b"header\n")
    lengths = measure_files(output)
    assert lengths == {"metrics.csv": 13, "speed.csv": 7, "bad_samples.jsonl": 0}
    for name in GROWING_FILES:
        with (output / name).open("ab") as file:
            file.write(b"row 2\n")
    restore_files(output, json.loads(json.dumps(lengths)))
    assert (output / "metrics.csv").read_bytes() == b"header\nrow 1\n"
    assert (output / "speed.csv").read_bytes() == b"header\n"
    assert (output / "bad_samples.jsonl").read_bytes() == b""  # there was none then


def test_a_file_that_is_shorter_stays(output: Path) -> None:
    (output / "metrics.csv").write_bytes(b"header\n")
    restore_files(output, {"metrics.csv": 100, "speed.csv": 5})
    assert (output / "metrics.csv").read_bytes() == b"header\n"
    assert not (output / "speed.csv").exists()


def test_a_file_that_can_not_be_cut_is_a_storage_error(output: Path) -> None:
    (output / "metrics.csv").mkdir()
    with pytest.raises(StorageError, match=r"cannot cut .*metrics\.csv back: Is a directory"):
        restore_files(output, {})


def test_a_run_that_goes_on_is_not_over(output: Path) -> None:
    write_finished(output, {})
    restore_files(output, {})
    assert list(output.iterdir()) == []
