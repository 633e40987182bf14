"""What every recipe must be, written out from the paper and its code (reference numbers, not read from the
recipes)."""

from __future__ import annotations

from dataclasses import dataclass, replace

Clip = tuple[int, int, int, str]
"""Frames, stride, pixels, sampling."""


@dataclass(frozen=True, kw_only=True)
class Paper:
    """One row of a table.

    giga: multiply-adds of one view in 1e9, measured. printed: parameters in millions and multiply-adds in
    1e9, as in the table. tensors: in tables, norms, other backbone, head.
    """

    parameters: int
    giga: float
    printed: tuple[float, int]
    tensors: tuple[int, int, int, int]
    weights: str
    window: tuple[int, int, int] = (8, 7, 7)
    clip: Clip = (32, 2, 224, "dense")
    head_rate: float = 3e-4
    ratio: float = 0.1
    weight_decay: float
    preset: str = "clean"
    epochs: int = 30
    drop_path: float
    smoothing: float = 0.0
    flip: float = 0.5
    randaugment: tuple[int, int] = (0, 7)
    erase: float = 0.0
    views: str = "4x3"
    inflation: tuple[str, str, int] = ("inflate", "duplicate", 2)


T_1K = "swin_tiny_patch4_window7_224.pth"
S_1K = "swin_small_patch4_window7_224.pth"
B_1K = "swin_base_patch4_window7_224.pth"
B_22K = "swin_base_patch4_window7_224_22k.pth"
L_22K = "swin_large_patch4_window7_224_22k.pth"
L384_22K = "swin_large_patch4_window12_384_22k.pth"

# Tensors of n blocks: n tables; 4 n + 10 of norms; 4 n + 4 weights and 4 n + 1 biases; head.
OF_12 = (12, 58, 52 + 49, 2)
OF_24 = (24, 106, 100 + 97, 2)

T = Paper(
    parameters=28_158_070,
    giga=87.76,
    printed=(28.2, 88),
    tensors=OF_12,
    weights=T_1K,
    weight_decay=0.02,
    drop_path=0.1,
)
S = Paper(
    parameters=49_816_678,
    giga=165.68,
    printed=(49.8, 166),
    tensors=OF_24,
    weights=S_1K,
    weight_decay=0.02,
    drop_path=0.2,
)
B = Paper(
    parameters=88_048_984,
    giga=281.33,
    printed=(88.1, 282),
    tensors=OF_24,
    weights=B_1K,
    weight_decay=0.05,
    drop_path=0.3,
)
L = Paper(
    parameters=196_953_916,
    giga=603.27,
    printed=(197.0, 604),
    tensors=OF_24,
    weights=L_22K,
    weight_decay=0.05,
    drop_path=0.4,
)
L_384 = replace(
    L,
    parameters=199_999_516,
    giga=2106.38,
    printed=(200.0, 2107),
    weights=L384_22K,
    window=(8, 12, 12),
    clip=(32, 2, 384, "dense"),
)
# Table 2 prints the sizes of 400 classes; these are of 600.
B_K600 = replace(B, parameters=88_253_984, printed=(88.3, 282), weights=B_22K)
L_384_K600 = replace(L_384, parameters=200_306_916, printed=(200.3, 2107))
SSV2 = replace(
    B,
    parameters=88_834_038,
    giga=320.36,
    printed=(88.8, 321),
    weights="k400-swin-b-w16-22k",
    window=(16, 7, 7),
    clip=(32, 2, 224, "uniform"),
    epochs=60,
    drop_path=0.4,
    smoothing=0.1,
    flip=0.0,
    randaugment=(4, 7),
    erase=0.25,
    views="1x3",
)

MAIN = {
    "k400/swin_t": T,
    "k400/swin_t_official": replace(T, head_rate=1e-3, preset="official"),
    "k400/swin_s": S,
    "k400/swin_s_official": replace(S, head_rate=1e-3, preset="official", drop_path=0.1),
    "k400/swin_b_1k": B,
    "k400/swin_b_1k_official": replace(B, head_rate=1e-3, preset="official"),
    "k400/swin_b_22k": replace(B, weights=B_22K),
    "k400/swin_b_22k_official": replace(B, weights=B_22K, preset="official", drop_path=0.2),
    "k400/swin_b_22k_window16": replace(
        B, weights=B_22K, window=(16, 7, 7), parameters=89_065_688, giga=320.36, printed=(89.1, 321)
    ),
    "k400/swin_l": L,
    "k400/swin_l_384": L_384,
    "k400/swin_l_384_10x5": replace(L_384, views="10x5"),
    "k600/swin_b": B_K600,
    "k600/swin_b_official": replace(B_K600, preset="official", drop_path=0.2),
    "k600/swin_l_384": L_384_K600,
    "k600/swin_l_384_10x5": replace(L_384_K600, views="10x5"),
    "ssv2/swin_b": SSV2,
    "ssv2/swin_b_official": replace(SSV2, preset="official"),
}

# Table 5's shorter temporal dimensions, by frames and by patches: the window is the whole clip.
EIGHT = replace(T, printed=(28.2, 44))
FOUR = replace(T, window=(4, 7, 7), printed=(28.0, 20))
# The whole clip; split and factorized attend to all of it in time.
SIXTEEN = replace(T, window=(16, 7, 7))

ABLATIONS = {
    "table4_joint": T,
    # Two standard layers on top: 2 x (4 of norms, 8 others), no tables.
    "table4_split": replace(
        SIXTEEN, parameters=42_007_306, giga=83.2, printed=(42.0, 83), tensors=(12, 58 + 8, 101 + 16, 2)
    ),
    # In each of 12 blocks a norm, a gate, and qkv and projection.
    "table4_factorized": replace(
        SIXTEEN, parameters=36_484_246, giga=95.0, printed=(36.5, 95), tensors=(12, 58 + 36, 101 + 48, 2)
    ),
    "table5_16_window16": replace(SIXTEEN, parameters=28_531_222, giga=105.70, printed=(28.5, 106)),
    "table5_8_window8_frames": replace(EIGHT, giga=43.88, clip=(16, 4, 224, "dense")),
    "table5_8_window8_patch": replace(
        EIGHT, parameters=28_167_286, giga=44.11, inflation=("inflate", "duplicate", 4)
    ),
    "table5_4_window4_frames": replace(FOUR, parameters=27_971_494, giga=19.70, clip=(8, 8, 224, "dense")),
    "table5_4_window4_patch": replace(
        FOUR, parameters=27_999_142, giga=20.05, inflation=("inflate", "duplicate", 8)
    ),
    "table5_16_window8": T,
    "table5_16_window4": replace(T, window=(4, 7, 7), parameters=27_971_494, giga=78.80, printed=(28.0, 79)),
    "table6_3d": T,
    "table6_spatial": T,
    "table6_none": T,
    "table7_1k_ratio_0.1": B,
    "table7_1k_ratio_1.0": replace(B, ratio=1.0),
    "table7_22k_ratio_0.1": replace(B, weights=B_22K),
    "table7_22k_ratio_1.0": replace(B, weights=B_22K, ratio=1.0),
    "table8_inflate": T,
    "table8_center": replace(T, inflation=("center", "duplicate", 2)),
    "table9_duplicate": T,
    "table9_center": replace(T, inflation=("inflate", "center", 2)),
}

PAPER = MAIN | {f"ablations/{name}": row for name, row in ABLATIONS.items()}

DESIGN_AND_SHIFT = {
    "ablations/table4_split": ("split", "3d"),
    "ablations/table4_factorized": ("factorized", "3d"),
    "ablations/table6_spatial": ("joint", "spatial"),
    "ablations/table6_none": ("joint", "none"),
}
"""Of all others: joint, 3d."""
