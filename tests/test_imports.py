"""The import order: nothing imports upwards, data and model never meet, heavy libraries stay where they
belong."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import videoswin
from videoswin.cli.main import VERBS

SOURCE = Path(videoswin.__file__).parent
FILES = sorted(path for path in SOURCE.rglob("*.py"))

LAYER = {
    "errors": 0,
    **dict.fromkeys(("values", "storage", "packages", "ranks", "launch", "threads", "faults"), 1),
    "ops": 2,
    **dict.fromkeys(("model", "data"), 3),
    **dict.fromkeys(("weights", "peers"), 4),
    "predict": 5,
    "evaluate": 6,
    "train": 7,
    **dict.fromkeys(("demo", "bench", "hub", "ablate", "verify"), 8),
    "cli": 9,
}
NEVER = {
    "data": {"model", "ops"},
    "model": {"data"},
    "demo": {"bench", "hub", "ablate", "verify"},
    "bench": {"demo", "hub", "ablate", "verify"},
    "hub": {"demo", "bench", "ablate", "verify"},
    "ablate": {"demo", "bench", "hub", "verify"},
    "verify": {"demo", "bench", "hub", "ablate"},
}

# Third-party modules and the only places that may import them.
HOMES = {
    "av": (
        "data/container.py",
        "data/encode.py",
        "data/seeking.py",
        "data/upright.py",
        "data/still.py",
        "verify/clips.py",
        "demo/",
    ),
    "torchcodec": ("data/torchcodec_reader.py",),
    "pyarrow": ("data/parquet.py", "evaluate/predictions.py"),
    "multiprocessing": ("data/pool.py", "data/untrusted.py", "data/untrusted_child.py", "bench/data.py"),
    "lightning": ("train/",),
    "torchmetrics": ("train/",),
    "matplotlib": ("data/", "evaluate/", "train/", "demo/", "ablate/", "bench/"),
    "jsonargparse": ("cli/", "train/"),
    **dict.fromkeys(("pooch", "requests", "tqdm"), ("weights/download.py",)),
    "filelock": ("weights/download.py", "data/archive.py"),
    **dict.fromkeys(("huggingface_hub", "transformers"), ("hub/", "peers/transformers_models.py")),
    "torchvision": ("peers/",),
    "rich": ("cli/", "train/", "demo/"),
}
CORE = {"torch", "numpy", "safetensors"}


def imported(path: Path) -> set[str]:
    """Every module that a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def part(path: Path) -> str:
    relative = path.relative_to(SOURCE)
    return relative.parts[0].removesuffix(".py")


def test_every_part_has_a_layer():
    assert {part(path) for path in FILES} == {*LAYER, "__init__"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_go_down_only(path):
    own = part(path)
    if own == "__init__":
        return  # the package's front page names everything, and imports it when it is used
    used = {name.split(".")[1] for name in imported(path) if name.startswith("videoswin.")}
    for other in used & LAYER.keys() - {own}:
        assert LAYER[other] < LAYER[own], f"{own} (layer {LAYER[own]}) imports {other} (layer {LAYER[other]})"
        assert other not in NEVER.get(own, set()), f"{own} must never import {other}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_heavy_libraries_stay_in_their_places(path):
    relative = str(path.relative_to(SOURCE))
    for name in {name.split(".")[0] for name in imported(path)} & HOMES.keys():
        assert relative.startswith(HOMES[name]), f"{relative} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_files_stay_short(path):
    assert len(path.read_text().splitlines()) <= 300


def modules_after(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules)"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(finished.stdout.splitlines()[-1].split())


def test_the_package_itself_needs_torch_numpy_and_safetensors_only():
    loaded = modules_after(
        "import videoswin; videoswin.VideoSwin, videoswin.load, videoswin.ops, videoswin.weights"
    )
    assert CORE <= loaded
    assert not loaded & {
        "av",
        "lightning",
        "torchmetrics",
        "rich",
        "jsonargparse",
        "matplotlib",
        "yaml",
        "pyarrow",
        "pooch",
        "requests",
        "transformers",
        "huggingface_hub",
    }


def test_prediction_does_not_load_the_compiler():
    loaded = modules_after("import videoswin; videoswin.Predictor")
    assert "videoswin.predict.predictor" in loaded
    assert "torch._dynamo" not in loaded  # a second


@pytest.mark.parametrize("arguments", [["--help"], *([verb, "--help"] for verb in VERBS)])
def test_help_loads_neither_torch_nor_lightning(arguments):
    run = f"from videoswin.cli.main import main\ntry: main({arguments})\nexcept SystemExit: pass\nimport sys"
    loaded = modules_after(f"exec({run!r})")
    assert not loaded & {"torch", "lightning", "av", "matplotlib"}
