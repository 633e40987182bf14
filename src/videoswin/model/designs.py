"""The designs of Sec. 4.3 as lists of windows: which attention runs where. No layers here, and no torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from videoswin.model.config import Design, SwinConfig
from videoswin.model.shifts import SHIFTS
from videoswin.values import Size3

Cut = Callable[[Size3], Size3]


class Attention(NamedTuple):
    """One attention as the operator takes it. has_bias: it has a relative position bias table."""

    window: Size3
    shift: Size3
    has_bias: bool


class Parts(NamedTuple):
    """What a design makes of a window P x M x M.

    block: window of the attention of every block. gated: that of a second, gated attention after it, if any.
    top: that of each temporal layer between the last stage and the head.
    """

    block: Cut
    gated: Cut | None
    top: tuple[Cut, ...]


def _whole(window: Size3) -> Size3:
    return window


def _space(window: Size3) -> Size3:
    return Size3(1, window.h, window.w)


def _time(window: Size3) -> Size3:
    return Size3(window.t, 1, 1)


DESIGNS: dict[Design, Parts] = {
    "joint": Parts(block=_whole, gated=None, top=()),
    "split": Parts(block=_space, gated=None, top=(_time, _time)),
    "factorized": Parts(block=_space, gated=_time, top=()),
}


def block_attention(config: SwinConfig, block: int) -> Attention:
    """The attention of block `block` of any stage, counted from 0."""
    return _attention(config, DESIGNS[config.design].block, block, has_bias=True)


def gated_attention(config: SwinConfig, block: int) -> Attention | None:
    """The temporal attention behind it, or None."""
    cut = DESIGNS[config.design].gated
    return None if cut is None else _attention(config, cut, block, has_bias=config.temporal_bias)


def top_attentions(config: SwinConfig) -> list[Attention]:
    """The attentions of the temporal layers above the last stage, which are as wide as it."""
    cuts = DESIGNS[config.design].top
    return [_attention(config, cut, i, has_bias=config.temporal_bias) for i, cut in enumerate(cuts)]


def _attention(config: SwinConfig, cut: Cut, block: int, *, has_bias: bool) -> Attention:
    window = cut(Size3(*config.window))
    # Regular and shifted windows take turns (Sec. 3.3).
    shift = SHIFTS[config.shift](window) if block % 2 else Size3(0, 0, 0)
    return Attention(window=window, shift=shift, has_bias=has_bias)
