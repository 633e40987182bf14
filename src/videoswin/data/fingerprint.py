"""One number for the labelled videos of a run: the same list in the same order, or another."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from videoswin.data.samples import Sample, encoded


def fingerprint(samples: Sequence[Sample], labels: Sequence[str]) -> str:
    """SHA-256, in hexadecimal, of the names of the classes and of (path, classes, segment) of every row in
    order.

    Paths count as listed: data that moves to another folder keeps its fingerprint. Contents do not count.
    """
    digest = hashlib.sha256()
    for label in labels:
        digest.update(f"{label}\0".encode())
    for sample in samples:
        classes = " ".join(map(str, sample.labels or (sample.label,)))
        row = f"\n{sample.path}\0{classes}\0{sample.segment or ''}"
        digest.update(encoded(row))
    return digest.hexdigest()
