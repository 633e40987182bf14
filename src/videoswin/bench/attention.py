"""The attention operator alone: every backend beside FlexAttention and the fused kernel without windows.

At every shape of the network the results of one clip are compared with the float64 reference before anything
is timed; then arms run in turn inside every round, and so does a large matrix product. Useful operations are
those of pairs of tokens that see each other: 4 d a pair forward (two products), 10 d backward (five).
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from videoswin.bench.attention_arms import AttentionArm, Operator, Shape, attention_arms
from videoswin.bench.device import calls_a_round, find_device, peak_bytes, seconds_of, taken_bytes
from videoswin.bench.limit import TimeLimit
from videoswin.bench.machine import Machine, machine, use_threads
from videoswin.bench.roofline import matmul_peak, needed_scores
from videoswin.bench.steps import num_sets
from videoswin.errors import ConfigError
from videoswin.model import VARIANTS
from videoswin.model.cost import cost
from videoswin.model.designs import Attention, block_attention
from videoswin.ops import window_attention
from videoswin.values import Size3

Pass = Literal["forward", "backward"]
"""backward: forward and backward."""
Number = Literal["fp32", "bf16", "fp16"]
DTYPES: dict[Number, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
PRODUCTS: dict[Pass, int] = {"forward": 2, "backward": 7}
"""Products of all pairs: the backward pass has five, however a backend computes it."""


@dataclass(frozen=True, kw_only=True)
class AttentionBenchConfig:
    """What is measured."""

    variant: str = "swin_t"
    """A published size; every stage of it, regular and shifted, is one shape."""
    size: tuple[int, int, int] = (32, 224, 224)
    """Frames, height and width of a clip."""
    batch_size: int = 1
    """Clips at once."""
    precision: Number = "fp32"
    """Of the tokens; the bias table is float32, as in training."""
    passes: tuple[Pass, ...] = ("forward", "backward")
    """forward, or backward: forward and backward."""
    arms: tuple[str, ...] | None = None
    """Backends, flex or plain; None: all that run on the device."""
    device: str = "cpu"
    """auto, cpu or cuda."""
    rounds: int = 5
    """Timed rounds."""
    threads: int = 0
    """CPU threads; 0 is torch's own choice."""
    time_limit: float = 0.0
    """Seconds after which nothing new is begun; 0: none."""

    def __post_init__(self) -> None:
        if self.variant not in VARIANTS:
            raise ConfigError(f"variant is {self.variant!r}; allowed: {', '.join(VARIANTS)}")
        for name, value in (("rounds", self.rounds), ("batch_size", self.batch_size)):
            if value < 1:
                raise ConfigError(f"{name} is {value}; allowed: 1 or more")
        if not self.passes or self.arms == ():
            raise ConfigError("passes and arms must each name at least one")


@dataclass(kw_only=True, slots=True)
class AttentionResult:
    """Of one arm at one shape and pass. error: to the float64 reference, relative, in the Euclidean norm (the
    largest of all gradients); None of an arm that computes something else. operations: the useful ones.
    peak_bytes: on a GPU what a call takes beside its inputs."""

    shape: str
    passes: Pass
    arm: str
    operations: int
    error: float | None
    peak_bytes: int | None
    calls: int
    seconds: list[float] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def operations_per_second(self) -> float:
        return self.operations / self.median


@dataclass(frozen=True, kw_only=True, slots=True)
class AttentionBench:
    """Everything measured. peak: operations a second of a matrix product, the median over all rounds."""

    machine: Machine
    device: str
    peak: float
    results: list[AttentionResult]
    left_out: list[str]


def run(config: AttentionBenchConfig) -> Iterator[tuple[str, AttentionBench | None]]:
    """Measure; yields (what is done now, None), at last with the results. Raises ConfigError."""
    use_threads(config.threads)
    limit, device = TimeLimit(config.time_limit), find_device(config.device)
    arms = attention_arms(config.arms, device)
    before = machine(device)
    peaks: list[float] = []
    results: list[AttentionResult] = []
    for shape, passes in itertools.product(shapes(config.variant, Size3(*config.size)), config.passes):
        what = f"{shape}, {passes}"
        if limit.allows(what):
            yield what, None
            found = _Case(config, shape, passes, device).measure(arms, limit, peaks)
            results += found
    peak = statistics.median(peaks) if peaks else 0.0
    yield (
        "done",
        AttentionBench(
            machine=before, device=device.type, peak=peak, results=results, left_out=limit.left_out
        ),
    )


def shapes(variant: str, clip: Size3) -> list[Shape]:
    """The regular and the shifted attention of every stage."""
    config = VARIANTS[variant]
    grids = [part.grid for part in cost(config, clip) if part.name.startswith("stage")]
    return [
        Shape(
            stage=stage + 1,
            grid=grid,
            heads=config.num_heads[stage],
            head_width=config.width(stage) // config.num_heads[stage],
            window=Size3(*attention.window),
            shift=Size3(*attention.shift),
        )
        for stage, grid in enumerate(grids)
        for attention in (block_attention(config, block) for block in range(min(config.depths[stage], 2)))
    ]


class _Inputs(NamedTuple):
    """grad: of the output, (B, t, h, w, heads*d)."""

    qkv: Tensor
    table: Tensor
    pad: Tensor
    grad: Tensor

    def one_clip(self) -> _Inputs:
        return self._replace(qkv=self.qkv[:1], grad=self.grad[:1])


class _Case:
    """All arms at one shape and pass."""

    def __init__(
        self, config: AttentionBenchConfig, shape: Shape, passes: Pass, device: torch.device
    ) -> None:
        self._config, self._shape, self._passes, self._device = config, shape, passes, device
        width = shape.heads * shape.head_width
        # `needed_scores` are the multiply-adds of the two products of the forward pass.
        pairs = needed_scores(Attention(shape.window, shape.shift, True), shape.grid, width) // 2
        self._operations = 2 * PRODUCTS[passes] * pairs * config.batch_size
        set_bytes = 3 * shape.grid.volume * width * config.batch_size * DTYPES[config.precision].itemsize
        self._inputs = [self._random(number) for number in range(num_sets(set_bytes))]

    def measure(
        self, arms: Sequence[AttentionArm], limit: TimeLimit, peaks: list[float]
    ) -> list[AttentionResult]:
        """Adds what a matrix product reached in every round to `peaks`."""
        expected = self._reference()
        results, calls = [], []
        for arm in arms:
            if self._passes == "backward" and not arm.has_backward:
                continue
            operator = arm.make(self._shape, self._device)
            try:
                results.append(self._compared(arm, operator, expected))
            except torch.OutOfMemoryError:
                limit.leave_out(f"{self._shape}, {self._passes}, {arm.name}", "out of memory")
                continue
            calls.append(self._calls(operator))
        for number in range(self._config.rounds):
            if number and not limit.allows(f"{self._shape}, {self._passes}, from round {number + 1} on"):
                break
            for result, call in zip(results, calls, strict=True):
                result.seconds.append(seconds_of(call, self._device, result.calls))
            peaks.append(matmul_peak(DTYPES[self._config.precision], self._device))
            for result in results:
                result.shares.append(self._operations / result.seconds[-1] / peaks[-1])
        return results

    def _random(self, number: int) -> _Inputs:
        shape, generator = self._shape, torch.Generator().manual_seed(1 + number)
        per_token = (3, shape.heads, shape.head_width)
        p, m, n = shape.window
        sizes = (
            (self._config.batch_size, *shape.grid, *per_token),
            ((2 * p - 1) * (2 * m - 1) * (2 * n - 1), shape.heads),
            per_token,
            (self._config.batch_size, *shape.grid, shape.heads * shape.head_width),
        )
        qkv, table, pad, grad = (torch.randn(size, generator=generator).to(self._device) for size in sizes)
        dtype = DTYPES[self._config.precision]
        return _Inputs(qkv.to(dtype), table, pad, grad.to(dtype))

    def _reference(self) -> list[Tensor]:
        def run(qkv: Tensor, table: Tensor, pad: Tensor) -> Tensor:
            return window_attention(
                qkv,
                table,
                window=self._shape.window,
                shift=self._shape.shift,
                pad_qkv=pad,
                backend="reference",
            )

        first = _Inputs(*(each.double() for each in self._inputs[0].one_clip()))
        return self._outputs(run, first)

    def _compared(self, arm: AttentionArm, operator: Operator, expected: list[Tensor]) -> AttentionResult:
        found = self._outputs(operator, self._inputs[0].one_clip())
        call = self._calls(operator)
        taken, peak = taken_bytes(self._device), peak_bytes(call, self._device)
        return AttentionResult(
            shape=str(self._shape),
            passes=self._passes,
            arm=arm.name,
            operations=self._operations,
            error=_error(found, expected) if arm.is_attention else None,
            peak_bytes=None if peak is None else peak - taken,
            calls=calls_a_round(call, self._device),
        )

    def _calls(self, operator: Operator) -> Callable[[], object]:
        """A function that runs the operator on the next inputs at every call."""
        inputs = itertools.cycle(self._inputs)
        return lambda: self._outputs(operator, next(inputs))

    def _outputs(self, operator: Operator, inputs: _Inputs) -> list[Tensor]:
        """[out], or the gradients of all three inputs."""
        if self._passes == "forward":
            with torch.inference_mode():
                return [operator(inputs.qkv, inputs.table, inputs.pad)]
        leaves = [each.detach().requires_grad_() for each in inputs[:3]]
        out = operator(leaves[0], leaves[1], leaves[2])
        grad = inputs.grad.flatten()[: out.numel()].view_as(out)
        found = torch.autograd.grad(out, leaves, grad, allow_unused=True)
        return [
            torch.zeros_like(leaf) if own is None else own for own, leaf in zip(found, leaves, strict=True)
        ]


def _error(found: Sequence[Tensor], expected: Sequence[Tensor]) -> float:
    pairs = zip(found, expected, strict=True)
    return max(float((own.double() - oracle).norm() / oracle.norm()) for own, oracle in pairs if oracle.any())
