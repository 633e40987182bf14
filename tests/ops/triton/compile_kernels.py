"""Compiles the attention kernels with their default sizes for a GPU that need not be there, and prints what
the compiled code needs, one JSON object a kernel:

    python -m tests.ops.triton.compile_kernels --capability 90 --dtypes bf16 fp32 --widths 32
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import subprocess
import tempfile
from pathlib import Path

import torch
import triton
import triton.backends.nvidia
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from videoswin.ops.triton import backward, forward
from videoswin.ops.triton.configs import KERNELS, Kernel, default_config

TOOLS = Path(triton.backends.nvidia.__file__).parent / "bin"
TORCH = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
FUNCTIONS = {
    "forward": forward.forward_kernel,
    "query_gradient": backward.query_gradient_kernel,
    "key_gradient": backward.key_gradient_kernel,
    "bias_gradient": backward.bias_gradient_kernel,
}
ARGUMENTS = {
    **dict.fromkeys(("rows_ptr", "tiles_ptr", "pairs_ptr"), "*i32"),
    **dict.fromkeys(
        ("lse_ptr", "delta_ptr", "grad_pad_ptr", "grad_bias_ptr", "scale", "softmax_scale"), "fp32"
    ),
}


def argument_type(name: str, dtype: str) -> str:
    if name == "bias_ptr":
        return "*fp32" if dtype == "fp32" else "*fp16"
    kind = ARGUMENTS.get(name, dtype if name.endswith("_ptr") else "i32")
    return f"*{kind}" if name.endswith("_ptr") and not kind.startswith("*") else kind


def compiled(kernel: Kernel, dtype: str, width: int, has_padding: bool, capability: int) -> dict:
    """Registers a thread, bytes of stack (spills) and of shared memory, and instructions of interest."""
    config, function = default_config(kernel, width, TORCH[dtype]), FUNCTIONS[kernel]
    constants = {"WIDTH": width, "BLOCK_D": triton.next_power_of_2(width), "BLOCK_M": config.rows}
    constants |= {"BLOCK_N": config.columns, "TAIL": 16, "HAS_PADDING": has_padding, "PRECISION": "ieee"}
    constants = {name: value for name, value in constants.items() if name in function.arg_names}
    names = enumerate(function.arg_names)
    signature = {n: "constexpr" if n in constants else argument_type(n, dtype) for n in function.arg_names}
    # As at a launch: memory is aligned, and the bias of a head is a multiple of 16 numbers.
    aligned = {(i,): [["tt.divisibility", 16]] for i, n in names if n.endswith("_ptr") or n == "bias_size"}
    source = ASTSource(fn=function, signature=signature, constexprs=constants, attrs=aligned)
    options = {"num_warps": config.num_warps, "num_stages": config.num_stages}
    binary = triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options)
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(binary.asm["cubin"])
        file.flush()
        command = [TOOLS / "cuobjdump", "-res-usage", file.name]
        usage = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"REG:(\d+) STACK:(\d+)", usage)
    assert found, usage
    ptx = binary.asm["ptx"]
    return {
        "kernel": kernel, "dtype": dtype, "width": width, "padding": has_padding,
        "tile": [config.rows, config.columns], "warps": config.num_warps, "stages": config.num_stages,
        "registers": int(found[1]), "stack": int(found[2]), "shared": binary.metadata.shared,
        "wgmma": ptx.count("wgmma.mma_async"), "async_copies": ptx.count("cp.async.cg"),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--capability", type=int, default=90)
    parser.add_argument("--kernels", nargs="+", default=KERNELS)
    parser.add_argument("--dtypes", nargs="+", default=["bf16", "fp32"])
    parser.add_argument("--widths", nargs="+", type=int, default=[32])
    parser.add_argument("--padding", nargs="+", type=int, default=[0], help="1: of padded grids")
    given = parser.parse_args()
    for dtype, width, kernel, padding in itertools.product(
        given.dtypes, given.widths, given.kernels, given.padding
    ):
        print(json.dumps(compiled(kernel, dtype, width, bool(padding), given.capability)), flush=True)


if __name__ == "__main__":
    main()
