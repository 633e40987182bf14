"""A look at a pickle before anything runs it: which names it asks for, which operations it uses, and how
large its tuples grow when shared parts are counted every time, which is what hashing them costs.

torch's reader with `weights_only` is what keeps code out; this refuses earlier, and also what that reader
would build: sparse, quantised and other tensors that are no plain numbers.
"""

from __future__ import annotations

import pickletools
import re

from videoswin.errors import WeightsError

MAX_TUPLE = 10_000
"""Parts of a tuple. Sixty times ((t, t), (t, t)) is a pickle of 300 bytes and a hash that never ends."""

_HARMLESS = re.compile(
    r"collections OrderedDict|torch\._utils _rebuild_(tensor_v2|parameter)"
    r"|torch (Size|device|storage|Untyped\w*|\w+Storage|b?float\w+|half|double|u?int\d+|long|bool)"
    r"|torch\.storage (Untyped|Typed)Storage"
)
_OPERATIONS = frozenset(
    "PROTO STOP MARK GLOBAL REDUCE BUILD NEWOBJ BINPERSID EMPTY_DICT EMPTY_LIST EMPTY_SET EMPTY_TUPLE TUPLE "
    "TUPLE1 TUPLE2 TUPLE3 APPEND APPENDS SETITEM SETITEMS NONE NEWTRUE NEWFALSE BININT BININT1 BININT2 LONG1 "
    "BINFLOAT BINUNICODE BINSTRING SHORT_BINSTRING BINPUT LONG_BINPUT BINGET LONG_BINGET".split()
)


def require_harmless(program: bytes) -> None:
    """Raise WeightsError unless the pickle holds plain tensors, numbers, texts and containers of them.

    Raises ValueError, LookupError for a pickle that is damaged.
    """
    stack: list[int | None] = []  # parts of every value; None is a mark
    memo: dict[object, int | None] = {}
    for code, argument, _ in pickletools.genops(program):
        if code.name not in _OPERATIONS:
            raise WeightsError(f"holds more than tensors, refused: pickle operation {code.name}")
        if code.name == "GLOBAL" and not _HARMLESS.fullmatch(str(argument)):
            name = str(argument).replace(" ", ".")
            raise WeightsError(f"holds more than tensors, refused because reading it could run code: {name}")
        if "PUT" in code.name:
            memo[argument] = stack[-1]
        elif "GET" in code.name:
            stack.append(memo[argument])
        elif code.name == "MARK":
            stack.append(None)
        else:
            popped = _pop(stack, code)
            parts = 1 + sum(popped) if code.name.startswith("TUPLE") else 1
            if parts > MAX_TUPLE:
                raise WeightsError(
                    f"a tuple of more than {MAX_TUPLE:,} parts in its pickle; refused as a bomb"
                )
            stack.extend(parts for _ in code.stack_after)


def _pop(stack: list[int | None], code: pickletools.OpcodeInfo) -> list[int]:
    """Take what an operation takes: so many values, or all down to the last mark and so many below it."""
    popped: list[int] = []
    below = len(code.stack_before)
    if pickletools.stackslice in code.stack_before:
        while (value := stack.pop()) is not None:
            popped.append(value)
        below = code.stack_before.index(pickletools.markobject)
    for _ in range(below):
        popped.append(stack.pop() or 1)
    return popped
