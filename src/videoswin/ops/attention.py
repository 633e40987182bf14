"""`window_attention`: the one operator behind every design of the paper."""

from __future__ import annotations

from torch import Tensor

from videoswin.ops.choice import BACKENDS, select_backend
from videoswin.values import Size3


def window_attention(
    qkv: Tensor,
    bias_table: Tensor | None,
    *,
    window: Size3,
    shift: Size3 = Size3(0, 0, 0),
    pad_qkv: Tensor | None = None,
    legacy_bias_index: bool = False,
    backend: str | None = None,
) -> Tensor:
    """Multi-head self-attention inside (shifted) 3D windows, in natural token order (Sec. 3.2-3.3, eq. 4).

    Joint, spatial-only and temporal-only attention are windows (P, M, N), (1, M, N) and (P, 1, 1).

    Args:
        qkv: (B, t, h, w, 3, heads, d), the projected tokens. Queries are scaled by d^-0.5 here.
        bias_table: ((2P-1)(2M-1)(2N-1), heads), the relative position bias; None for no bias.
        window: The window (P, M, N) the table was made for. On an axis that is not larger, the window becomes
            the axis and its shift 0.
        shift: Cyclic shift in tokens, 0 <= shift < window on each axis; the paper's odd blocks use window //
            2.
        pad_qkv: (3, heads, d), what a padded token projects to: the bias of the projection, since tokens are
            padded with zeros before it. Padded tokens are attended to. None is zeros.
        legacy_bias_index: Number the tokens of a clamped window as the official code does (docs/parity.md).
        backend: One of `BACKENDS`; None chooses for each call (see `select_backend`).

    Returns:
        (B, t, h, w, heads*d).

    Raises:
        ValueError: shapes that do not fit each other, or a shift outside its window.
    """
    window, shift = Size3(*window), Size3(*shift)
    _check(qkv, bias_table, window, shift)
    if pad_qkv is None:
        pad_qkv = qkv.new_zeros(qkv.shape[4:])
    name = select_backend(backend, device=qkv.device, dtype=qkv.dtype, head_width=qkv.shape[6])
    run = BACKENDS[name]
    return run(qkv, bias_table, pad_qkv, window=window, shift=shift, legacy_bias_index=legacy_bias_index)


def _check(qkv: Tensor, bias_table: Tensor | None, window: Size3, shift: Size3) -> None:
    if qkv.ndim != 7 or qkv.shape[4] != 3:
        raise ValueError(f"qkv has shape {tuple(qkv.shape)}; expected (B, t, h, w, 3, heads, d)")
    if not all(0 <= s < w for s, w in zip(shift, window, strict=True)):
        raise ValueError(
            f"shift {tuple(shift)} does not fit the window {tuple(window)}; allowed: 0 <= shift < window"
        )
    if bias_table is None:
        return
    expected = ((2 * window.t - 1) * (2 * window.h - 1) * (2 * window.w - 1), qkv.shape[5])
    if tuple(bias_table.shape) != expected:
        needed = f"window {tuple(window)} and {qkv.shape[5]} heads need {expected}"
        raise ValueError(f"bias_table has shape {tuple(bias_table.shape)}; {needed}")
