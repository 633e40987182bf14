"""Fixtures of all tests: where the shared material lies, and small real videos made on the spot."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from videoswin.evaluate.job import fix_arithmetic

# Without a GPU Triton's kernels run in its interpreter, which has to be chosen before Triton is imported by
# anything. Nothing else in the tests runs such kernels.
if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"


@pytest.fixture(scope="session", autouse=True)
def one_arithmetic() -> None:
    """Before its first product, as `videoswin evaluate` does: what this process computes and what the
    processes it starts compute must be the same to the last bit."""
    fix_arithmetic()


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or writes the cache of whoever runs it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIDEOSWIN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of golden files and real videos beside the checkout; tests that need it skip where it is
    absent."""
    folder = Path(os.environ.get("VIDEOSWIN_SHARED", Path(__file__).parents[2] / "shared"))
    if not folder.is_dir():
        pytest.skip("the shared folder with golden files and real videos is not beside this checkout")
    return folder
