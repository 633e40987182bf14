"""What a measured number depends on beside the code: the processor, its threads, who else is using it."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

import torch

from videoswin.bench.device import CPU, describe


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """Stands beside every table. load: processes that wanted a core during the last minute."""

    processor: str
    cores: int
    threads: int
    bf16_products: bool
    torch: str
    load: float
    accelerator: str = ""
    """The GPU that computes, if one does."""

    def __str__(self) -> str:
        products = "fp32 and bf16" if self.bf16_products else "fp32"
        accelerator = f"{self.accelerator}; " if self.accelerator else ""
        return (
            f"{accelerator}{self.processor}, {self.cores} cores ({products} products), "
            f"{self.threads} threads, torch {self.torch}, load {self.load:.1f}"
        )


def use_threads(threads: int) -> None:
    """So many threads for the operators of this process; 0 keeps torch's own choice."""
    if threads:
        torch.set_num_threads(threads)


def machine(device: torch.device = CPU) -> Machine:
    """This machine, now, with the device that computes."""
    return Machine(
        processor=_processor(),
        cores=os.cpu_count() or 1,
        threads=torch.get_num_threads(),
        bf16_products=has_bf16_products(),
        torch=torch.__version__,
        load=os.getloadavg()[0],
        accelerator=describe(device),
    )


def has_bf16_products() -> bool:
    """Whether oneDNN multiplies bfloat16 matrices on this processor without widening them first."""
    return torch.backends.mkldnn.is_available() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _processor() -> str:
    """Linux names it; elsewhere the architecture must do."""
    listing = Path("/proc/cpuinfo")
    names = [
        line.partition(":")[2].strip()
        for line in (listing.read_text().splitlines() if listing.exists() else ())
        if line.startswith("model name")
    ]
    return names[0] if names else platform.machine()
