"""Where the time of a step goes: by part of the network, forward and backward, and by operator.

The profiler sees operators; hooks name the part that is running. An operator of the backward pass belongs to
the part whose forward operator has its sequence number. Inside attention and MLP, where models join layers,
the kind of operator tells parts apart; torchvision, whose attention is one function with both its linear
layers in it, so has its output projection under qkv. On a GPU the time of an operator is that of the kernels
it starts. A compiled model is not asked for its parts: hooks would make it compile another one.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.autograd.profiler import record_function
from torch.profiler import DeviceType, profile

from videoswin.bench.device import activities, seconds_of
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
_NO_KERNEL = ("Memcpy", "Memset")
NUM_OPERATORS = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class PartTimes:
    """Seconds of one step. parts: name to (forward, backward); operators and kernels: the ones that take
    longest; num_kernels: how often one was started. On a CPU there are no kernels."""

    parts: dict[str, tuple[float, float]]
    operators: dict[str, float]
    kernels: dict[str, float]
    num_kernels: int


def profile_step(model: nn.Module, step: Step, clips: Tensor, *, has_parts: bool = True) -> PartTimes:
    """One step under the profiler, which adds a few percent, on the device of the clips. The model is
    unchanged afterwards."""
    marked = _marked(model) if has_parts else contextlib.nullcontext()
    with marked, profile(activities=activities(clips.device)) as profiled:
        seconds_of(lambda: step(clips), clips.device)  # waits for the device
    events = profiled.events()
    assert events is not None
    return times_of(events, on_device=clips.device.type != "cpu", has_parts=has_parts)


def times_of(events: Any, *, on_device: bool, has_parts: bool) -> PartTimes:
    """What the profiler's events say. on_device: count the time of kernels instead of the processor's."""
    kernels = [event for event in events if event.device_type != DeviceType.CPU and not _is_range(event)]
    operators = [event for event in events if event.device_type == DeviceType.CPU]
    seconds = _device_seconds if on_device else _cpu_seconds
    return PartTimes(
        parts=_by_part(operators, seconds) if has_parts else {},
        operators=_longest(operators, seconds),
        kernels=_longest(kernels, _device_seconds),
        num_kernels=sum(not event.name.startswith(_NO_KERNEL) for event in kernels),
    )


def _cpu_seconds(event: Any) -> float:
    return float(event.self_cpu_time_total) / 1e6


def _device_seconds(event: Any) -> float:
    return float(event.self_device_time_total) / 1e6


def _is_range(event: Any) -> bool:
    """Whether an event of the device is the shadow of a range that the host opened, such as ours."""
    return bool(event.is_user_annotation) or event.name.startswith(_MARK)


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


def _by_part(events: Any, seconds_of_event: Callable[[Any], float]) -> dict[str, tuple[float, float]]:
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
        seconds[part][node is not None] += seconds_of_event(event)
    order = sorted(seconds, key=lambda part: -sum(seconds[part]))
    return {part: (seconds[part][0], seconds[part][1]) for part in order}


def _longest(events: Any, seconds_of_event: Callable[[Any], float]) -> dict[str, float]:
    """Self times summed by name, without our own ranges."""
    seconds: defaultdict[str, float] = defaultdict(float)
    for event in events:
        if not event.name.startswith(_MARK):
            seconds[event.name] += seconds_of_event(event)
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
