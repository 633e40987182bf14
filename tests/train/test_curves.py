from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from videoswin.errors import StorageError
from videoswin.train.curves import Curves, Series, draw_curves, read_curves

METRICS = """\
step,epoch,learning_rate,train/loss_step,train/loss_epoch,train/top1_epoch,val/loss,val/top1,val/top5,val/map
0,0,0.0003,0.75,,,,,,
1,0,,,,,0.70,0.5,1.0,0.4
1,0,,,0.72,0.25,,,,
2,1,0.0001,0.5,,,,,,
3,1,,,,,0.6,0.75,1.0,0.8
"""


def test_read_curves(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text(METRICS)
    assert read_curves(tmp_path / "metrics.csv") == Curves(
        train_loss=Series(steps=(0, 2), values=(0.75, 0.5)),
        train_loss_epoch=Series(steps=(1,), values=(0.72,)),
        train_top1_epoch=Series(steps=(1,), values=(0.25,)),
        learning_rate=Series(steps=(0, 2), values=(0.0003, 0.0001)),
        val_loss=Series(steps=(1, 3), values=(0.70, 0.6)),
        val_top1=Series(steps=(1, 3), values=(0.5, 0.75)),
        val_top5=Series(steps=(1, 3), values=(1.0, 1.0)),
        val_map=Series(steps=(1, 3), values=(0.4, 0.8)),
    )


def test_a_column_that_was_never_logged_is_empty(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("epoch,step,val/top1\n0,1,0.5\n")
    assert read_curves(tmp_path / "metrics.csv").train_loss == Series(steps=(), values=())


def test_the_picture_shows_every_series(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text(METRICS)
    curves = read_curves(tmp_path / "metrics.csv")
    draw_curves(curves, tmp_path / "curves.png")
    pixels = imread(tmp_path / "curves.png")[..., :3]
    assert pixels.shape[0] > 300
    assert pixels.shape[1] > 1000
    # Blue: training loss, top-1; orange: validation loss, top-5; green: learning rate; gray: top-1 of
    # training; purple: mAP.
    for color in ("#1f77b4", "#ff7f0e", "#2ca02c", "#7f7f7f", "#9467bd"):
        assert (np.abs(pixels - np.array(to_rgb(color))).max(-1) < 0.02).sum() > 20, color


def test_a_folder_that_is_gone_is_named(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text(METRICS)
    with pytest.raises(StorageError, match=r"cannot write .*gone/curves\.png"):
        draw_curves(read_curves(tmp_path / "metrics.csv"), tmp_path / "gone" / "curves.png")
