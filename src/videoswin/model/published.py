"""The rows of the paper's tables that state multiply-adds ("FLOPs") and parameters, as printed, and the
configurations that give them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from videoswin.model.config import SWIN_B, SWIN_L, SWIN_L_384, SWIN_S, SWIN_T, Design, SwinConfig
from videoswin.values import Size3


@dataclass(frozen=True, kw_only=True, slots=True)
class PaperRow:
    """One row of the paper. Rows that differ in pre-training or views only are one here.

    clip: frames, height, width in pixels. giga_multiply_adds, mega_parameters: for one clip, as printed.
    """

    table: int
    name: str
    config: SwinConfig
    clip: Size3 = Size3(32, 224, 224)
    giga_multiply_adds: int
    mega_parameters: float


def in_design(size: SwinConfig, design: Design) -> SwinConfig:
    """A published size in a design of Table 4. `split` and `factorized` attend over 16 steps in time, all of
    a 32-frame clip: the paper's counts follow from that (docs/parity.md)."""
    if design == "joint":
        return size
    return replace(size, design=design, window=Size3(*size.window)._replace(t=16))


def rows_of(config: SwinConfig, clip: Size3) -> list[PaperRow]:
    """The rows that a configuration and a clip are, in the order of the tables."""
    return [row for row in PAPER_ROWS if row.config == config and row.clip == clip]


_L384 = Size3(32, 384, 384)
_B_600 = replace(SWIN_B, num_classes=600)
_L_384_600 = replace(SWIN_L_384, num_classes=600)
_B_SSV2 = replace(SWIN_B, window=(16, 7, 7), num_classes=174)
_T_WINDOW_16 = replace(SWIN_T, window=(16, 7, 7))
_T_WINDOW_4 = replace(SWIN_T, window=(4, 7, 7))

# Table 5 does not say how its rows of 8 and 4 steps come by them: fewer frames and longer patches both fit.
PAPER_ROWS = (
    PaperRow(table=1, name="Swin-T", config=SWIN_T, giga_multiply_adds=88, mega_parameters=28.2),
    PaperRow(table=1, name="Swin-S", config=SWIN_S, giga_multiply_adds=166, mega_parameters=49.8),
    PaperRow(table=1, name="Swin-B", config=SWIN_B, giga_multiply_adds=282, mega_parameters=88.1),
    PaperRow(table=1, name="Swin-L", config=SWIN_L, giga_multiply_adds=604, mega_parameters=197.0),
    PaperRow(
        table=1,
        name="Swin-L (384)",
        config=SWIN_L_384,
        clip=_L384,
        giga_multiply_adds=2107,
        mega_parameters=200.0,
    ),
    PaperRow(table=2, name="Swin-B, K600", config=_B_600, giga_multiply_adds=282, mega_parameters=88.1),
    PaperRow(
        table=2,
        name="Swin-L (384), K600",
        config=_L_384_600,
        clip=_L384,
        giga_multiply_adds=2107,
        mega_parameters=200.0,
    ),
    PaperRow(table=3, name="Swin-B, SSv2", config=_B_SSV2, giga_multiply_adds=321, mega_parameters=88.8),
    PaperRow(table=4, name="joint", config=SWIN_T, giga_multiply_adds=88, mega_parameters=28.2),
    PaperRow(
        table=4,
        name="split",
        config=in_design(SWIN_T, "split"),
        giga_multiply_adds=83,
        mega_parameters=42.0,
    ),
    PaperRow(
        table=4,
        name="factorized",
        config=in_design(SWIN_T, "factorized"),
        giga_multiply_adds=95,
        mega_parameters=36.5,
    ),
    PaperRow(
        table=5,
        name="16 steps, window 16",
        config=_T_WINDOW_16,
        giga_multiply_adds=106,
        mega_parameters=28.5,
    ),
    PaperRow(
        table=5,
        name="8 steps, window 8 (16 frames)",
        config=SWIN_T,
        clip=Size3(16, 224, 224),
        giga_multiply_adds=44,
        mega_parameters=28.2,
    ),
    PaperRow(
        table=5,
        name="8 steps, window 8 (patch 4)",
        config=replace(SWIN_T, patch=(4, 4, 4)),
        giga_multiply_adds=44,
        mega_parameters=28.2,
    ),
    PaperRow(
        table=5,
        name="4 steps, window 4 (8 frames)",
        config=_T_WINDOW_4,
        clip=Size3(8, 224, 224),
        giga_multiply_adds=20,
        mega_parameters=28.0,
    ),
    PaperRow(
        table=5,
        name="4 steps, window 4 (patch 8)",
        config=replace(_T_WINDOW_4, patch=(8, 4, 4)),
        giga_multiply_adds=20,
        mega_parameters=28.0,
    ),
    PaperRow(table=5, name="16 steps, window 8", config=SWIN_T, giga_multiply_adds=88, mega_parameters=28.2),
    PaperRow(
        table=5,
        name="16 steps, window 4",
        config=_T_WINDOW_4,
        giga_multiply_adds=79,
        mega_parameters=28.0,
    ),
)
