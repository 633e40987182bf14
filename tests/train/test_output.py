from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from tests.train.material import micro_config
from videoswin.errors import ConfigError, StorageError
from videoswin.train.output import prepare_output, write_config


def test_a_new_folder_is_made_and_an_empty_one_used(tmp_path: Path) -> None:
    new = tmp_path / "runs" / "first"
    assert prepare_output(str(new), sources=()) == new
    assert prepare_output(str(new), sources=()) == new
    assert list(new.iterdir()) == []


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(ConfigError, match="is a file; allowed: a folder"):
        prepare_output(str(tmp_path / "run"), sources=())


def test_a_folder_inside_the_videos_is_refused_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is inside the videos of"):
        prepare_output(str(tmp_path / "run"), sources=("list.txt", str(tmp_path)))
    assert not (tmp_path / "run").exists()


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"run can't be written: Not a directory"):
        prepare_output(str(tmp_path / "file" / "run"), sources=())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_a_storage_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="can't be written: Permission denied"):
        prepare_output(str(tmp_path / "run"), sources=())


def test_the_configuration_is_written_as_plain_yaml(tmp_path: Path) -> None:
    config = micro_config(Path("videos"), Path("runs/first"))
    write_config(config, tmp_path / "config.yaml")
    values = yaml.safe_load((tmp_path / "config.yaml").read_text())
    assert values["model"]["window"] == [2, 4, 4]
    assert values["optimizer"]["betas"] == [0.9, 0.999]
    assert values["data"]["train"] == "videos"
    assert values["weights"] == ""
