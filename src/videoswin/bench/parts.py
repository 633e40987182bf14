"""Where the time of a step goes: by part of the network, forward and backward, and by operator.

The profiler sees operators; hooks name the part that is running. An operator of the backward pass belongs to
the part whose forward operator has its sequence number. Inside attention and MLP, where models join layers,
the kind of operator tells parts apart; torchvision, whose attention is one function with both its linear
layers in it, so has its output projection under qkv.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.autograd.profiler import record_function
from torch.profiler import ProfilerActivity, profile

from videoswin.bench.steps import Step

PARTS = {
    "patch_embed": "patch embedding",
    "attn": "attention",
    "qkv": "qkv",
    "proj": "projection",
    "mlp": "MLP",
    "downsample": "merging",
    "head": "head",
}
"""Last word of a module's name to the part it is. Names are the same in all models but for mergings."""
WHOLE = ("patch embedding", "MLP", "merging", "head")
"""Parts whose own modules are not told apart."""
JOINED = {
    "attention": {
        "aten::native_layer_norm": "norms",
        "aten::native_layer_norm_backward": "norms",
        "aten::linear": "qkv",
        "aten::addmm": "qkv",
        "aten::mm": "qkv",
        "mkldnn::_linear_pointwise": "qkv",
    },
    "MLP": {"aten::native_layer_norm": "norms", "aten::native_layer_norm_backward": "norms"},
}
"""Part to the operators in it that are of another part."""
OPTIMIZER, REST = "optimizer", "the rest"
_MARK = "part: "
_BACKWARD = "autograd::engine::evaluate_function: "
NUM_OPERATORS = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class PartTimes:
    """Seconds of one step. parts: name to (forward, backward); operators: the ones that take longest."""

    parts: dict[str, tuple[float, float]]
    operators: dict[str, float]


def profile_step(model: nn.Module, step: Step, clips: Tensor) -> PartTimes:
    """One step under the profiler, which adds a few percent. The model is unchanged afterwards."""
    with _marked(model), profile(activities=[ProfilerActivity.CPU]) as profiled:
        step(clips)
    events = profiled.events()
    assert events is not None
    return PartTimes(parts=_by_part(events), operators=_by_operator(events))


def part_of(name: str, module: nn.Module) -> str | None:
    """The part that a module is; None if it is none, such as a stage."""
    last = name.rpartition(".")[2]
    if type(module).__name__ == "PatchMerging":
        return "merging"
    return "norms" if last.startswith("norm") else PARTS.get(last)


@contextlib.contextmanager
def _marked(model: nn.Module) -> Iterator[None]:
    """While inside, every part opens a range of its name around its forward pass."""
    open_ranges: list[Any] = []
    handles = []

    def close(module: nn.Module, inputs: object, output: object) -> None:
        open_ranges.pop().__exit__(None, None, None)

    for module, part in _modules_of_parts(model):

        def enter(module: nn.Module, inputs: object, part: str = part) -> None:
            open_ranges.append(record_function(_MARK + part))
            open_ranges[-1].__enter__()

        handles += [module.register_forward_pre_hook(enter), module.register_forward_hook(close)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _modules_of_parts(model: nn.Module) -> Iterator[tuple[nn.Module, str]]:
    closed: list[str] = []
    for name, module in model.named_modules():
        part = part_of(name, module)
        if part is None or name.startswith(tuple(closed)):
            continue
        if part in WHOLE:
            closed.append(f"{name}.")
        yield module, part


def _by_part(events: Any) -> dict[str, tuple[float, float]]:
    """Self times summed by part, the longest first."""
    part_of_number: dict[int, str] = {}
    for event in sorted(events, key=lambda event: event.time_range.start):
        part = _forward_part(event)
        if part is not None and event.sequence_nr >= 0:
            part_of_number[event.sequence_nr] = part  # of several, the last makes the node of the graph
    seconds: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for event in events:
        node = _node(event)
        part = _forward_part(event) if node is None else part_of_number.get(node.sequence_nr)
        part = _told_apart(event, part or REST)
        seconds[part][node is not None] += event.self_cpu_time_total / 1e6
    order = sorted(seconds, key=lambda part: -sum(seconds[part]))
    return {part: (seconds[part][0], seconds[part][1]) for part in order}


def _by_operator(events: Any) -> dict[str, float]:
    seconds: defaultdict[str, float] = defaultdict(float)
    for event in events:
        if not event.name.startswith(_MARK):
            seconds[event.name] += event.self_cpu_time_total / 1e6
    longest = sorted(seconds, key=lambda name: -seconds[name])[:NUM_OPERATORS]
    return {name: seconds[name] for name in longest}


def _forward_part(event: Any) -> str | None:
    while event is not None:
        if event.name.startswith(_MARK):
            return str(event.name.removeprefix(_MARK))
        if event.name.startswith("Optimizer."):
            return OPTIMIZER
        event = event.cpu_parent
    return None


def _told_apart(event: Any, part: str) -> str:
    """The part of an operator that runs in `part`, or in one of its operators' own."""
    operators = JOINED.get(part, {})
    while event is not None and not event.name.startswith((_MARK, _BACKWARD)):
        if event.name in operators:
            return operators[event.name]
        event = event.cpu_parent
    return part


def _node(event: Any) -> Any:
    """The node of the backward graph that an operator runs in; None in the forward pass."""
    while event is not None and not event.name.startswith(_BACKWARD):
        event = event.cpu_parent
    return event
