from __future__ import annotations

import numpy as np
import pytest

from videoswin.verify.mutate import MUTATIONS, mutate

CONTENT = bytes(range(256)) * 40
OTHER = b"other" * 100


def test_the_same_seed_does_the_same_damage() -> None:
    first = [mutate(CONTENT, OTHER, np.random.default_rng((3, number))) for number in range(50)]
    again = [mutate(CONTENT, OTHER, np.random.default_rng((3, number))) for number in range(50)]
    assert first == again
    assert len({content for content, _ in first}) == 50
    assert {name for _, names in first for name in names.split("+")} == set(MUTATIONS)


@pytest.mark.parametrize("name", MUTATIONS)
def test_every_mutation_changes_something(name: str) -> None:
    num_changed = 0
    for seed in range(20):
        content = bytearray(CONTENT)
        MUTATIONS[name](content, np.random.default_rng(seed), OTHER)
        num_changed += content != CONTENT
    assert num_changed >= 18  # a new byte may be the old one


@pytest.mark.parametrize("name", MUTATIONS)
@pytest.mark.parametrize("size", [1, 3, 9])
def test_tiny_files_can_be_damaged_too(name: str, size: int) -> None:
    for seed in range(20):
        content = bytearray(size)
        MUTATIONS[name](content, np.random.default_rng(seed), b"x")
        assert len(content) <= 4 * size + 1  # damaged in place, cut, repeated or joined to the other


def test_false_lengths_are_put_where_lengths_are() -> None:
    content = bytearray(b"\0\0\0\x18ftypisom" + bytes(12) + b"\0\0\1\0moov" + bytes(248))
    changed = set()
    for seed in range(40):
        damaged = bytearray(content)
        MUTATIONS["edit_length"](damaged, np.random.default_rng(seed), b"")
        changed |= {i for i in range(len(content)) if damaged[i] != content[i]}
    assert changed <= {0, 1, 2, 3, 24, 25, 26, 27}
