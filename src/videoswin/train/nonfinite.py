"""A NaN or infinite loss or gradient ends the run before the update, or leaves the update out.

All processes decide alike: they ask with the loss and the norm over all of them.
"""

from __future__ import annotations

import json
import logging
import math
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TypedDict

import torch

from videoswin import ranks
from videoswin.data.annotations import Sample
from videoswin.data.dataset import Batch
from videoswin.errors import NonFiniteLossError, printable
from videoswin.storage import write_atomically
from videoswin.train.config import OnNonFinite

logger = logging.getLogger(__name__)

REPORT_FILE = "nonfinite.json"
HINT = "a lower optimizer.learning_rate, precision fp32 or optimizer.max_gradient_norm 1 may help"


class Seen(TypedDict):
    """One batch of the update, as the report has it: with `seed`, all it takes to make it again."""

    rank: int
    batch: int
    indices: list[int]
    paths: list[str]


class NonFiniteGuard:
    """Knows what the update that is being made has seen, and whether it may be made.

    samples: the training videos, which the batches' indices number. folder: of the run; REPORT_FILE goes
    there. policy: `skip` leaves out up to `max_skipped` updates in a row. has_scaler: at fp16 a gradient
    that overflows is how the loss is scaled; the scaler leaves the update out, and max_skipped holds too.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        *,
        folder: Path,
        seed: int,
        policy: OnNonFinite,
        max_skipped: int,
        has_scaler: bool = False,
    ) -> None:
        self.samples = samples
        self.folder = folder
        self.seed = seed
        self.policy = policy
        self.max_skipped = max_skipped
        self.has_scaler = has_scaler
        self.num_skipped = 0
        self.num_in_a_row = 0
        self._seen: list[tuple[int, list[int]]] = []

    def saw(self, batch: Batch, batch_idx: int) -> None:
        """Call for each batch of the update that is being made."""
        self._seen.append((batch_idx, batch.indices.tolist()))

    def allows(self, *, update: int, epoch: int, loss: float, norms: Mapping[str, float]) -> bool:
        """Whether to make the update; of one that is left out, the caller drops the gradient.

        update and epoch count from 0; loss: mean over the clips of all processes; norms: of the gradient of
        each parameter group. All processes must ask, with the same numbers. Raises NonFiniteLossError.
        """
        seen, self._seen = self._seen, []
        if math.isfinite(loss) and all(map(math.isfinite, norms.values())):
            self.num_in_a_row = 0
            return True
        self.num_skipped += 1
        self.num_in_a_row += 1
        is_overflow = self.has_scaler and math.isfinite(loss)
        batches = [batch for part in ranks.gather(self._described(seen)) for batch in part]
        where = f"update {update} (epoch {epoch + 1}, batch {_numbers(batches)})"
        what = f"the loss is {loss}" if not math.isfinite(loss) else _broken(norms)
        may_skip = self.policy == "skip" or is_overflow
        if may_skip and self.num_in_a_row <= self.max_skipped:
            logger.warning(f"{what} at {where}: left out, {self.num_in_a_row} in a row")
            return False
        self._report(update=update, epoch=epoch, loss=loss, norms=norms, batches=batches)
        limit = f", number {self.num_in_a_row} in a row (max_skipped {self.max_skipped})" if may_skip else ""
        paths = ", ".join(printable(path) for batch in batches for path in batch["paths"])
        raise NonFiniteLossError(
            f"{what} at {where}, which was not made{limit}; videos: {paths}; "
            f"{self.folder / REPORT_FILE} has more; {HINT}"
        )

    def check_validation(self, loss: float, *, update: int) -> None:
        """Raise NonFiniteLossError for a validation loss that says that the weights are broken."""
        if not math.isfinite(loss):
            raise NonFiniteLossError(
                f"the validation loss is {loss} after update {update}; "
                f"the weights are broken and not kept; {HINT}"
            )

    def counters(self) -> dict[str, float]:
        return {"num_skipped": self.num_skipped, "num_in_a_row": self.num_in_a_row}

    def load_counters(self, counters: Mapping[str, float]) -> None:
        self.num_skipped = int(counters["num_skipped"])
        self.num_in_a_row = int(counters["num_in_a_row"])

    def _described(self, seen: Sequence[tuple[int, list[int]]]) -> list[Seen]:
        return [
            Seen(
                rank=ranks.rank(),
                batch=batch + 1,
                indices=indices,
                paths=[self.samples[index].path for index in indices],
            )
            for batch, indices in seen
        ]

    def _report(
        self, *, update: int, epoch: int, loss: float, norms: Mapping[str, float], batches: Sequence[Seen]
    ) -> None:
        """What it takes to make the update again, as JSON. Numbers that JSON does not know are text."""
        if ranks.rank() != 0:
            return
        report = {
            "update": update,
            "epoch": epoch + 1,
            "seed": self.seed,
            "loss": str(loss),
            "gradient_norms": {name: str(norm) for name, norm in norms.items()},
            "batches": batches,
            "versions": {
                "videoswin": version("videoswin"),
                "torch": torch.__version__,
                "python": platform.python_version(),
            },
        }
        write_atomically(self.folder / REPORT_FILE, (json.dumps(report, indent=2) + "\n").encode())


def _numbers(batches: Sequence[Seen]) -> str:
    numbers = sorted({batch["batch"] for batch in batches})
    return ", ".join(map(str, numbers)) if len(numbers) < 4 else f"{numbers[0]} to {numbers[-1]}"


def _broken(norms: Mapping[str, float]) -> str:
    names = ", ".join(name for name, norm in norms.items() if not math.isfinite(norm))
    return f"the gradient of {names} is not finite"
