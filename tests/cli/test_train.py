from __future__ import annotations

import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch

from tests.train.material import CLIP, MICRO, micro_config, write_videos
from tests.weights import plain2d
from videoswin import weights
from videoswin.cli.main import main
from videoswin.cli.parse import build_parser
from videoswin.cli.train import train as options
from videoswin.model import SWIN_T
from videoswin.train import run
from videoswin.train.config import TrainConfig
from videoswin.train.data_config import DataConfig
from videoswin.train.output import write_config

RECIPE = str(Path(__file__).parents[2] / "recipes" / "finetune.yaml")


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_videos(tmp_path_factory.mktemp("videos"), per_class=2)


def parsed(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> TrainConfig:
    """The configuration that a command line asks for."""
    seen: list[TrainConfig] = []
    monkeypatch.setattr(run, "train", seen.append)
    assert main(["train", *arguments]) == 0
    return seen[0]


def tiny_run(videos: Path, output: Path) -> list[str]:
    """The recipe, at a size of seconds."""
    return [
        *("train", "--config", RECIPE, "--data.train", str(videos), "--output", str(output)),
        *("--model.embed_dim", "16", "--model.depths", "[1,1]", "--model.num_heads", "[1,2]"),
        *("--model.window", "[2,4,4]", "--clip.num_frames", "4", "--clip.size", "32"),
        *(
            "--epochs",
            "1",
            "--schedule.warmup_epochs",
            "0.5",
            "--global_batch",
            "2",
            "--data.num_workers",
            "0",
        ),
    ]


def test_every_field_of_the_configuration_is_an_option_with_help() -> None:
    parser = build_parser(options, prog="videoswin train")
    help_of = {action.dest: action.help for action in parser._actions}
    names = [field.name for field in fields(TrainConfig)]
    explained = [name for name in names if help_of.get(name) or f"{name}." in " ".join(help_of)]
    assert explained == names


def test_the_recipe_is_complete_and_holds_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    config = parsed(monkeypatch, "--config", RECIPE, "--data.train", "videos")
    assert config == TrainConfig(data=DataConfig(train="videos"))


@pytest.mark.parametrize("recipe", sorted(Path(RECIPE).parent.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_recipe_is_complete_and_parses(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = recipe.read_text().splitlines()
    assert {line.split(":")[0] for line in lines if line[:1].isalpha()} == {
        f.name for f in fields(TrainConfig)
    }
    config = parsed(monkeypatch, "--config", str(recipe), "--data.train", "videos")
    assert config.data.train == "videos"
    assert f"videoswin train --config recipes/{recipe.name} " in recipe.read_text()


def test_one_value_of_a_nested_part_can_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    config = parsed(
        monkeypatch,
        *("--config", RECIPE, "--data.train", "videos", "--model.embed_dim", "48", "--clip.size", "112"),
        *("--optimizer.preset", "official", "--compile_blocks"),
    )
    assert config.model == replace(SWIN_T, embed_dim=48)
    assert config.clip is not None
    assert config.clip.size == 112
    assert config.optimizer.preset == "official"
    assert config.optimizer.backbone_multiplier == 0.1
    assert config.compile_blocks


def test_the_configuration_a_run_wrote_repeats_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = replace(micro_config(Path("videos"), tmp_path / "out"), recompute_stages=2)
    write_config(config, tmp_path / "config.yaml")
    assert parsed(monkeypatch, "--config", str(tmp_path / "config.yaml")) == config


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "error: data.train is '', allowed: a folder, list or CSV file of videos"),
        (["--data.train", "videos", "--epochs", "0"], "error: epochs is 0, allowed: 1 or more"),
        (["--data.trian", "videos"], "did you mean --data.train?"),
        (["--data.train", "videos", "--optimizer.preset", "best"], "optimizer.preset"),
        (["--data.train", "videos", "--clip.size", "0"], "clip.size is 0; allowed: a whole number"),
        (["--data.train", "videos", "--model.embed_dim", "17"], "17 channels for 3 heads"),
        (["--data.train", "/nowhere", "--output", "{new}"], "/nowhere"),
        (["--data.train", "videos", "--output", "{used}"], "holds files already (mine.txt)"),
    ],
)
def test_wrong_options_end_with_one_line_and_code_2(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    used = tmp_path / "used"
    used.mkdir()
    (used / "mine.txt").write_text("")
    filled = [argument.format(new=tmp_path / "new", used=used) for argument in arguments]
    assert main(["train", *filled]) == 2
    error = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert len(error) == 1
    assert message in error[0]


def test_an_unknown_key_in_a_recipe_ends_with_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("optimizer:\n  lerning_rate: 0.1\n")
    assert main(["train", "--config", str(recipe), "--data.train", "videos"]) == 2
    assert "lerning_rate" in capsys.readouterr().err


def test_a_run_from_the_recipe(videos: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    command = [sys.executable, "-m", "videoswin.cli.main", *tiny_run(videos, output)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert lines[0] == "training from scratch: no pretrained weights named (--weights PATH to fine-tune)"
    assert any(line.startswith("epoch 1/1: loss ") for line in lines)
    assert lines[-1].startswith("best top-1 ")
    assert not [line for line in lines if "Warning" in line or "💡" in line]
    assert "\r" not in done.stdout + done.stderr  # no bar without a terminal
    found = weights.read(output / "best.safetensors")
    assert found.labels == ("bright", "dark")
    assert found.clip == replace(CLIP, stride=2)
    assert found.config == replace(MICRO, num_classes=2)


def test_a_run_from_a_2d_swin_named_in_a_recipe(
    videos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDEOSWIN_CACHE", str(tmp_path / "cache"))
    state = plain2d.random_state(width=16, depths=(1, 1), heads=(1, 2), window=4, seed=0)
    torch.save({"model": state}, tmp_path / "swin_2d.pth")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(f"weights: {tmp_path}/swin_2d.pth\ninflation:\n  temporal_window: 2\n")
    output = tmp_path / "out"
    arguments = [argument for argument in tiny_run(videos, output) if argument not in ("--config", RECIPE)]
    assert main([*arguments, "--config", str(recipe)]) == 0
    assert any("a 2D Swin with microsoft names; 32 tensors copied" in line for line in caplog.messages)
    assert any("swin_2d.pth has none for videos, 2 wanted" in line for line in caplog.messages)
    assert weights.read(output / "best.safetensors").config == replace(MICRO, num_classes=2)


def test_a_diverging_run_ends_with_code_6(
    videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = tiny_run(videos, tmp_path / "out")
    assert main([*arguments, "--optimizer.learning_rate", "1e30", "--epochs", "3"]) == 6
    assert "loss is nan" in capsys.readouterr().err


def test_help_needs_neither_torch_nor_lightning() -> None:
    program = (
        "import sys\n"
        "from videoswin.cli.main import main\n"
        "try:\n"
        "    main(['train', '--help'])\n"
        "except SystemExit:\n"
        "    pass\n"
        "print({'torch', 'lightning', 'av', 'matplotlib'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "--data.train" in done.stdout
    assert "The layers below the head learn at this times" in done.stdout
    assert done.stdout.splitlines()[-1] == "set()"
