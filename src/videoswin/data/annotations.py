"""Labelled videos from a folder per class, a list, a table (CSV, TSV, Parquet, JSON Lines), a Kinetics table
or Something-Something's JSON, checked in one pass before anything starts."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from videoswin.data.files import check_files
from videoswin.data.label_map import read_label_map
from videoswin.data.labels import KnownNames, number_labels
from videoswin.data.repeats import merge_repeats
from videoswin.data.rows import Listing, some
from videoswin.data.samples import Columns, label_array, select
from videoswin.data.samples import Sample as Sample  # part of what this module offers
from videoswin.data.sources import read_listing
from videoswin.data.splits import parse_source
from videoswin.data.table import read_table
from videoswin.errors import AnnotationError, ConfigError

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Annotations:
    """Labelled videos in the order of their source. labels[sample.label] is the name of a sample's class."""

    samples: Sequence[Sample]
    labels: tuple[str, ...]
    source: str
    is_multi_label: bool = False
    """Whether a video may have several classes; then `sample.labels` has them."""


def read_annotations(
    source: str | os.PathLike[str],
    *,
    root: str | os.PathLike[str] | None = None,
    labels: Sequence[str] = (),
    label_map: str | os.PathLike[str] = "",
    multi_label: bool = False,
) -> Annotations:
    """Read labelled videos. docs/data.md has every format with an example.

    source: a folder with one folder per class; a text with `path label` a line, where the label is a number
    or a name; a table with a column of videos and one of classes (others are ignored, but `label_id` fixes
    the class numbers and start and end name a segment); a Kinetics table; or a JSON list of
    Something-Something. `SOURCE#val` takes the rows whose column split says so. root: the folder that listed
    paths are relative to; by default the folder of the list. Paths may not leave it. labels: class names of
    the weights. Names in the source are looked up there; names it has not are an error. label_map: a file of
    class names, which counts where there are no `labels`. multi_label: rows of one video and segment are
    its classes; a label with `|` has several without it. Raises AnnotationError, one line that names source,
    line and value, for anything that would not train as written.
    """
    origin, split = parse_source(source)
    if origin.is_dir() and root is not None:
        raise AnnotationError(f"{origin}: a folder of classes takes no root; it is for lists of paths")
    base = origin if origin.is_dir() else Path(root) if root is not None else origin.parent
    listing = read_listing(origin, base)
    table = read_table(origin, listing, split)
    if not len(table):
        raise AnnotationError(f"{origin}: no labelled videos")
    names, numbers = number_labels(table, _known_names(labels, label_map, listing))
    table.is_multi_label |= multi_label
    bounds = table.bounds()
    hashes = check_files(table, os.path.abspath(base))
    columns = Columns(
        base=os.path.abspath(base),
        text=table.text,
        ends=np.frombuffer(table.ends, np.int64),
        labels=numbers[np.frombuffer(table.labels, np.int32)],
        label_ends=np.frombuffer(table.label_ends, np.uint32),
        bounds=bounds,
        unit=table.unit or "frames",
        is_multi_label=table.is_multi_label,
    )
    samples = merge_repeats(table, columns, hashes, is_merging=multi_label)
    _warn_of_rare_classes(origin, names, columns)
    return Annotations(
        samples=samples, labels=names, source=os.fspath(source), is_multi_label=table.is_multi_label
    )


def split_annotations(
    annotations: Annotations, fraction: float, seed: int
) -> tuple[Annotations, Annotations]:
    """(train, held out): of each class the nearest number to `fraction`, but at least one on either side.

    A class of one video stays in train. The choice depends on the seed and the order of the samples alone.
    """
    if not 0 < fraction < 1:
        raise ConfigError(f"the held-out fraction is {fraction}; allowed: more than 0, less than 1")
    random = np.random.default_rng(seed)
    labels = label_array(annotations.samples)
    is_held_out = np.zeros(len(labels), dtype=bool)
    by_class = np.argsort(labels, kind="stable")
    for members in np.split(by_class, np.flatnonzero(np.diff(labels[by_class])) + 1):
        num_held_out = min(max(round(fraction * len(members)), 1), len(members) - 1)
        is_held_out[random.permutation(members)[:num_held_out]] = True
    if not is_held_out.any():
        raise AnnotationError(f"{annotations.source}: no class has two videos, so none can be held out")
    train, held_out = (
        replace(annotations, samples=select(annotations.samples, np.flatnonzero(mask)))
        for mask in (~is_held_out, is_held_out)
    )
    return train, held_out


def _known_names(
    labels: Sequence[str], label_map: str | os.PathLike[str], listing: Listing
) -> KnownNames | None:
    """The names a source must keep to: those of the weights, else of the file named, else of its own."""
    if labels:
        return KnownNames(tuple(labels), "the weights")
    if label_map:
        return KnownNames(read_label_map(Path(label_map)), os.fspath(label_map))
    if listing.labels:
        return KnownNames(listing.labels, "the labels.json beside it")
    return None


def _warn_of_rare_classes(source: Path, names: Sequence[str], columns: Columns) -> None:
    counts = np.bincount(columns.labels, minlength=len(names))
    empty = [names[label] for label in np.flatnonzero(counts == 0).tolist()]
    if empty:
        _log.warning("%s: %d of %d classes have no video: %s", source, len(empty), len(names), some(empty))
    if np.count_nonzero(counts) == 1:
        _log.warning("%s: all videos are of one class", source)
