"""How well the motion classes are told apart, and how much of that needs the order of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from videoswin.demo.motion import MOTIONS, PAIRS


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """Shares in [0, 1].

    all_classes: top-1 of all clips. ordered_classes: top-1 of the clips whose class has a partner, itself
    played backwards. pair_choice: of these clips, those whose class is given more than its partner.
    """

    all_classes: float
    ordered_classes: float
    pair_choice: float


CHANCE = Outcome(all_classes=1 / len(MOTIONS), ordered_classes=1 / len(MOTIONS), pair_choice=1 / 2)


def measure_outcome(probabilities: Tensor, true_classes: Tensor, labels: Sequence[str]) -> Outcome:
    """The shares of N clips, from probabilities (N, K) and true classes (N,) int64, indices of `labels`.

    labels: the K names of MOTIONS in any order.
    """
    partner_of = dict(PAIRS) | {second: first for first, second in PAIRS}
    partners = torch.tensor([labels.index(partner_of.get(label, label)) for label in labels])  # (K,)
    others = partners[true_classes]  # (N,)
    has_partner = others != true_classes
    is_right = probabilities.argmax(dim=1) == true_classes
    rows = torch.arange(len(probabilities))
    is_chosen = probabilities[rows, true_classes] > probabilities[rows, others]
    return Outcome(
        all_classes=_share(is_right),
        ordered_classes=_share(is_right[has_partner]),
        pair_choice=_share(is_chosen[has_partner]),
    )


def _share(is_true: Tensor) -> float:
    return float(is_true.double().mean())
