from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.image import imread

from videoswin.train.curves import Curves, Series, draw_curves, read_curves

METRICS = """\
clips_per_second,epoch,learning_rate,step,train/loss_epoch,train/loss_step,val/loss,val/top1,val/top5
12.5,0,0.0003,0,,0.75,,,
,0,,1,,,0.70,0.5,1.0
,0,,1,0.72,,,,
11.0,1,0.0001,2,,0.5,,,
,1,,3,,,0.6,0.75,1.0
"""


def test_read_curves(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text(METRICS)
    assert read_curves(tmp_path / "metrics.csv") == Curves(
        train_loss=Series(steps=(0, 2), values=(0.75, 0.5)),
        train_loss_epoch=Series(steps=(1,), values=(0.72,)),
        learning_rate=Series(steps=(0, 2), values=(0.0003, 0.0001)),
        val_loss=Series(steps=(1, 3), values=(0.70, 0.6)),
        val_top1=Series(steps=(1, 3), values=(0.5, 0.75)),
        val_top5=Series(steps=(1, 3), values=(1.0, 1.0)),
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
    # Blue of training loss and top-1, orange of validation loss and top-5, green of the learning rate.
    for color in ([0x1F, 0x77, 0xB4], [0xFF, 0x7F, 0x0E], [0x2C, 0xA0, 0x2C]):
        assert (np.abs(pixels - np.array(color) / 255).max(-1) < 0.02).sum() > 50
