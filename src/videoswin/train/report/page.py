"""The page of a run: one HTML file that asks for nothing from outside, made of the files in the run's folder.

It holds no times and no machine: the same run gives the same page.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import NamedTuple

from videoswin.data import film
from videoswin.errors import ConfigError, printable
from videoswin.storage import write_atomically
from videoswin.train.curves import Curves, curves_png, read_curves
from videoswin.train.report.classes import class_section
from videoswin.train.report.clips import clip_card, most_wrong, surest
from videoswin.train.report.style import CSS
from videoswin.train.report.validation import NAME, Validation, read_validation

PAGE_NAME = "report.html"

MAX_LISTED_BAD = 50


def write_page(folder: Path) -> Path:
    """Make report.html of the run in `folder`, finished or not, and name it.

    Raises ConfigError for a folder without a run in it, StorageError.
    """
    for name in ("config.yaml", "metrics.csv"):
        if not (folder / name).is_file():
            raise ConfigError(f"{printable(str(folder))} is not the folder of a run: it has no {name}")
    write_atomically(folder / PAGE_NAME, render_page(folder).encode("utf-8", "backslashreplace"))
    return folder / PAGE_NAME


def render_page(folder: Path) -> str:
    """The page as text. A run that was stopped before its first validation has no classes and no clips."""
    curves = read_curves(folder / "metrics.csv")
    validation = read_validation(folder / NAME) if (folder / NAME).exists() else None
    name = escape(printable(folder.resolve().name))
    config = (folder / "config.yaml").read_text(encoding="utf-8")
    parts = [
        f'<h1>{name}</h1><p class="soft">a training run of videoswin</p>',
        _summary(folder, curves, validation),
        _curves(curves),
        *([class_section(validation), *_clips(validation)] if validation else []),
        _bad_videos(folder),
        f'<h2>Configuration</h2><pre class="card">{escape(config)}</pre>',
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{name}</title><style>{CSS}</style></head>\n<body><main>\n" + "\n".join(parts) + "\n"
        "</main></body></html>\n"
    )


def _summary(folder: Path, curves: Curves, validation: Validation | None) -> str:
    tiles = list(_tiles(folder, curves, validation))
    return (
        '<div class="tiles">' + "".join(f'<div class="card"><b>{b}</b>{t}</div>' for b, t in tiles) + "</div>"
    )


def _tiles(folder: Path, curves: Curves, validation: Validation | None) -> Iterator[tuple[str, str]]:
    measured = {"top-1": curves.val_top1, "top-5": curves.val_top5, "mAP": curves.val_map}
    if validation and len(validation.labels) <= 5:
        del measured["top-5"]  # it is always all of them
    for name, series in measured.items():
        if series.values:
            best = max(series.values)
            text = f"of the last validation; the best {best:.1%}, epoch {series.values.index(best) + 1}"
            yield f"{series.values[-1]:.1%}", f"{name} {text}"
    test = folder / "evaluation" / "report.json"
    if test.is_file():
        report = json.loads(test.read_text())
        yield f"{report['top1']:.1%}", f"top-1 on {report['n_listed']} test videos, {report['views']} views"
    yield str(len(curves.val_loss.values)), f"epochs, {_num_updates(curves)} updates"
    data = folder / "data.json"
    if data.is_file():
        splits = json.loads(data.read_text())
        text = f"training videos, {splits['val']['num_samples']:,} for validation"
        yield f"{splits['train']['num_samples']:,}", text
    if validation:
        clip = validation.clip
        text = f"frames of {clip.size} px a clip, {clip.sampling}, stride {clip.stride}"
        yield str(clip.num_frames), f"{text}; {len(validation.labels)} classes"


def _num_updates(curves: Curves) -> int:
    steps = (*curves.train_loss.steps, *curves.val_loss.steps)
    return 1 + max(steps, default=-1)


def _curves(curves: Curves) -> str:
    picture = film.data_uri("image/png", curves_png(curves))
    image = f'<img alt="loss, learning rate, accuracy" src="{picture}">'
    return f'<h2>Course</h2><figure class="card">{image}</figure>'


def _clips(validation: Validation) -> Iterator[str]:
    num_read = len(validation.indices)
    for heading, rows, nothing in (
        (
            "Clips that are named wrong and furthest from right",
            most_wrong(validation),
            "None is named wrong.",
        ),
        ("Clips that are named right with the most certainty", surest(validation), "None is named right."),
    ):
        cards = "".join(clip_card(validation, row) for row in rows)
        yield (
            f'<h2>{heading}</h2><p class="soft">Of {num_read:,} validation clips after epoch '
            f"{validation.epoch}, as the model saw them.</p>{cards or f'<p>{nothing}</p>'}"
        )


class _Bad(NamedTuple):
    path: str
    code: str
    reason: str


def _bad_videos(folder: Path) -> str:
    """Each once, however many epochs met it."""
    ledger = folder / "bad_samples.jsonl"
    whole = ledger.read_text(encoding="utf-8").rpartition("\n")[0] if ledger.exists() else ""
    entries = [json.loads(line) for line in whole.splitlines()]
    found = sorted({_Bad(entry["path"], entry["code"], entry["reason"]) for entry in entries})
    if not found:
        return "<h2>Videos that could not be read</h2><p>None.</p>"
    rows = "".join(
        f"<tr><td>{bad.code}</td><td>{escape(printable(bad.path))}</td><td>{escape(printable(bad.reason))}</td></tr>"
        for bad in found[:MAX_LISTED_BAD]
    )
    more = len(found) - MAX_LISTED_BAD
    rest = f'<p class="soft">and {more} more, in {ledger.name}</p>' if more > 0 else ""
    return (
        f"<h2>Videos that could not be read: {len(found)}</h2>"
        f'<div class="card scroll"><table>{rows}</table></div>{rest}'
    )
