"""The published Video Swin checkpoints as data: where they are, what they are, and what they reached.

Sources: the official README, mmaction2's model zoo and torchvision's weight entries.
"""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Literal

from videoswin.errors import WeightsError
from videoswin.model.config import SWIN_B, SWIN_L, SWIN_S, SWIN_T, SwinConfig
from videoswin.values import ClipSpec, Views
from videoswin.weights.download import cache_folder, fetch

Source = Literal["official", "mmaction2", "torchvision"]
LabelSet = Literal["kinetics400", "kinetics600", "kinetics700", "kinetics710", "ssv2"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    """One published checkpoint.

    sha256_prefix: the start of the file's SHA-256, empty where its name carries none. clip: what the model
    was trained to see. top1, top5: percent as published, None where nothing was. views: with which they were
    measured; protocol says what else was special about that. lineage: the weights that training started from.
    """

    name: str
    source: Source
    url: str
    sha256_prefix: str
    config: SwinConfig
    label_set: LabelSet
    clip: ClipSpec
    top1: float | None
    top5: float | None
    views: Views
    protocol: str
    lineage: str

    @property
    def file_name(self) -> str:
        return self.url.rpartition("/")[2]


KINETICS = ClipSpec(num_frames=32, stride=2, size=224, sampling="dense")
SSV2 = ClipSpec(num_frames=32, stride=2, size=224, sampling="uniform")
IN_1K, IN_22K = "ImageNet-1K, 2D Swin", "ImageNet-22K, 2D Swin"
SSV2_START = "k400-swin-b-w16-22k"


def _official(
    name: str,
    file: str,
    config: SwinConfig,
    top: tuple[float, float] | None,
    lineage: str,
    *,
    label_set: LabelSet = "kinetics400",
) -> Published:
    return Published(
        name=name,
        source="official",
        url=f"https://github.com/SwinTransformer/storage/releases/download/v1.0.4/{file}",
        sha256_prefix="",
        config=config,
        label_set=label_set,
        clip=SSV2 if label_set == "ssv2" else KINETICS,
        top1=top[0] if top else None,
        top5=top[1] if top else None,
        views=Views(clips=1, crops=3) if label_set == "ssv2" else Views(clips=4, crops=3),
        protocol="",
        lineage=lineage,
    )


def _mmaction2(
    name: str,
    stem: str,
    suffix: str,
    config: SwinConfig,
    top: tuple[float, float],
    lineage: str,
    *,
    label_set: LabelSet = "kinetics400",
) -> Published:
    """suffix: date and the hash's first 8 digits, as the publishing script appends them."""
    folder = "https://download.openmmlab.com/mmaction/v1.0/recognition/swin"
    return Published(
        name=f"{name}-mmaction2",
        source="mmaction2",
        url=f"{folder}/{stem}/{stem}_{suffix}.pth",
        sha256_prefix=suffix.partition("-")[2],
        config=config,
        label_set=label_set,
        clip=KINETICS,
        top1=top[0],
        top5=top[1],
        views=Views(clips=4, crops=3),
        protocol="",
        lineage=lineage,
    )


def _torchvision(
    name: str, file: str, config: SwinConfig, top: tuple[float, float], lineage: str
) -> Published:
    """The official weights under other names, measured anew."""
    return Published(
        name=f"{name}-torchvision",
        source="torchvision",
        url=f"https://download.pytorch.org/models/{file}",
        sha256_prefix=file.removesuffix(".pth").rpartition("-")[2],
        config=config,
        label_set="kinetics400",
        clip=KINETICS,
        top1=top[0],
        top5=top[1],
        views=Views(clips=12, crops=1),
        protocol="videos at 15 frames a second, short side 256",
        lineage=lineage,
    )


_B_K600 = replace(SWIN_B, num_classes=600)
_B_WINDOW_16 = replace(SWIN_B, window=(16, 7, 7))
_B_SSV2 = replace(_B_WINDOW_16, num_classes=174)
_L_K700 = replace(SWIN_L, num_classes=700)
_S_K710 = replace(SWIN_S, num_classes=710)

_PUBLISHED = (
    _official("k400-swin-t", "swin_tiny_patch244_window877_kinetics400_1k.pth", SWIN_T, (78.8, 93.6), IN_1K),
    _official("k400-swin-s", "swin_small_patch244_window877_kinetics400_1k.pth", SWIN_S, (80.6, 94.5), IN_1K),
    _official("k400-swin-b", "swin_base_patch244_window877_kinetics400_1k.pth", SWIN_B, (80.6, 94.6), IN_1K),
    _official(
        "k400-swin-b-22k", "swin_base_patch244_window877_kinetics400_22k.pth", SWIN_B, (82.7, 95.5), IN_22K
    ),
    _official(
        "k600-swin-b-22k",
        "swin_base_patch244_window877_kinetics600_22k.pth",
        _B_K600,
        (84.0, 96.5),
        IN_22K,
        label_set="kinetics600",
    ),
    _official(
        "ssv2-swin-b",
        "swin_base_patch244_window1677_sthv2.pth",
        _B_SSV2,
        (69.6, 92.7),
        SSV2_START,
        label_set="ssv2",
    ),
    _official(SSV2_START, "swin_base_patch244_window1677_kinetics400_22k.pth", _B_WINDOW_16, None, IN_22K),
    _mmaction2(
        "k400-swin-t",
        "swin-tiny-p244-w877_in1k-pre_8xb8-amp-32x2x1-30e_kinetics400-rgb",
        "20220930-241016b2",
        SWIN_T,
        (78.90, 93.77),
        IN_1K,
    ),
    _mmaction2(
        "k400-swin-s",
        "swin-small-p244-w877_in1k-pre_8xb8-amp-32x2x1-30e_kinetics400-rgb",
        "20220930-e91ab986",
        SWIN_S,
        (80.54, 94.46),
        IN_1K,
    ),
    _mmaction2(
        "k400-swin-b",
        "swin-base-p244-w877_in1k-pre_8xb8-amp-32x2x1-30e_kinetics400-rgb",
        "20220930-182ec6cc",
        SWIN_B,
        (80.57, 94.49),
        IN_1K,
    ),
    _mmaction2(
        "k400-swin-l-22k",
        "swin-large-p244-w877_in22k-pre_8xb8-amp-32x2x1-30e_kinetics400-rgb",
        "20220930-78ad8b11",
        SWIN_L,
        (83.46, 95.91),
        IN_22K,
    ),
    _mmaction2(
        "k700-swin-l-22k",
        "swin-large-p244-w877_in22k-pre_16xb8-amp-32x2x1-30e_kinetics700-rgb",
        "20220930-f8d74db7",
        _L_K700,
        (75.92, 92.72),
        IN_22K,
        label_set="kinetics700",
    ),
    _mmaction2(
        "k710-swin-s",
        "swin-small-p244-w877_in1k-pre_32xb4-amp-32x2x1-30e_kinetics710-rgb",
        "20230612-8e082ff1",
        _S_K710,
        (76.90, 92.96),
        IN_1K,
        label_set="kinetics710",
    ),
    _torchvision("k400-swin-t", "swin3d_t-7615ae03.pth", SWIN_T, (77.715, 93.519), IN_1K),
    _torchvision("k400-swin-s", "swin3d_s-da41c237.pth", SWIN_S, (79.521, 94.158), IN_1K),
    _torchvision("k400-swin-b", "swin3d_b_1k-24f7c7c6.pth", SWIN_B, (79.427, 94.386), IN_1K),
    _torchvision("k400-swin-b-22k", "swin3d_b_22k-7c6ae6fa.pth", SWIN_B, (81.643, 95.574), IN_22K),
)
ZOO: dict[str, Published] = {published.name: published for published in _PUBLISHED}
"""Every published checkpoint by its name here."""


def lookup(name: str) -> Published:
    """The entry of that name. Raises WeightsError with the nearest names."""
    if name not in ZOO:
        near = difflib.get_close_matches(name, ZOO, n=3, cutoff=0.5)
        hint = f"; near: {', '.join(near)}" if near else ""
        raise WeightsError(f"no published weights are named {name!r}{hint} (videoswin weights list)")
    return ZOO[name]


def cached_path(published: Published) -> Path:
    """Where its file is kept, there or not."""
    return cache_folder() / published.file_name


def find(name: str, *, mirror: str = "") -> Path:
    """The file of published weights, downloaded when it is used for the first time.

    mirror: an address of a folder that holds the same files, instead of the publisher's. Raises WeightsError
    or StorageError.
    """
    published = lookup(name)
    url = f"{mirror.rstrip('/')}/{published.file_name}" if mirror else published.url
    return fetch(url, cached_path(published), sha256_prefix=published.sha256_prefix)


def resolve(path: str | os.PathLike[str]) -> Path:
    """A path as it is, a name as the path of its file (downloaded if need be).

    What exists, has a folder or ends like a weights file is a path. Raises what `find` does.
    """
    text = os.fspath(path)
    is_path = os.path.dirname(text) or os.path.splitext(text)[1] or os.path.exists(text)
    return Path(text) if is_path or not isinstance(path, str) else find(text)


def by_file(path: str | os.PathLike[str]) -> Published | None:
    """The entry whose file has the name of this one; None if there is none."""
    name = os.path.basename(os.fspath(path))
    return next((published for published in ZOO.values() if published.file_name == name), None)


@cache
def labels(label_set: LabelSet) -> tuple[str, ...]:
    """Class names in the order of the heads that were trained on that data set."""
    text = (resources.files("videoswin.weights") / "labels" / f"{label_set}.txt").read_text("utf-8")
    return tuple(line for line in text.splitlines() if not line.startswith("#"))
