"""Every recipe, parsed as the command line does, against the numbers of the paper: a typo can't survive."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.recipes.expected import DESIGN_AND_SHIFT, PAPER, Paper
from tests.train.material import write_videos
from tests.weights import plain2d
from videoswin import weights
from videoswin.cli.main import main
from videoswin.model import SwinConfig, VideoSwin
from videoswin.model.cost import cost
from videoswin.train import run
from videoswin.train.config import TrainConfig
from videoswin.train.data_config import DataConfig
from videoswin.train.groups import parameter_groups
from videoswin.train.schedule import SCHEDULES
from videoswin.values import ClipSpec, Size3
from videoswin.weights.zoo import ZOO

RECIPES = Path(__file__).parents[2] / "recipes"
OWN_VIDEOS = ("finetune", "order_of_time", "small_cpu")
"""For data that the paper does not know; tests/cli/test_train.py holds them complete."""

each_paper_recipe = pytest.mark.parametrize("name", sorted(PAPER))


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> TrainConfig:
    """The configuration of the recipe `name`."""
    return parse(str(request.getfixturevalue("name")), monkeypatch)


def parse(name: str, monkeypatch: pytest.MonkeyPatch) -> TrainConfig:
    seen: list[TrainConfig] = []
    monkeypatch.setattr(run, "train", seen.append)
    assert main(["train", "--config", str(RECIPES / f"{name}.yaml"), "--data.train", "videos"]) == 0
    return seen[0]


def model_of(config: TrainConfig) -> SwinConfig:
    assert config.model is not None
    return config.model


def on_meta(config: TrainConfig) -> VideoSwin:
    with torch.device("meta"):
        return VideoSwin(model_of(config), drop_path_rate=config.drop_path_rate)


def test_every_recipe_is_expected_and_every_expected_one_is_there() -> None:
    found = {str(path.relative_to(RECIPES).with_suffix("")) for path in RECIPES.rglob("*.yaml")}
    assert found == {*PAPER, *OWN_VIDEOS}


@each_paper_recipe
def test_sizes_are_the_papers(name: str, parsed: TrainConfig) -> None:
    expected = PAPER[name]
    assert parsed.clip is not None
    pixels = Size3(parsed.clip.num_frames, parsed.clip.size, parsed.clip.size)
    parts = cost(model_of(parsed), pixels)
    parameters = sum(parameter.numel() for parameter in on_meta(parsed).parameters())
    giga = sum(part.multiply_adds for part in parts) / 1e9
    assert parameters == sum(part.parameters for part in parts) == expected.parameters
    assert giga == pytest.approx(expected.giga, abs=0.05)
    # The paper rounds now to the nearest, now up.
    assert parameters / 1e6 == pytest.approx(expected.printed[0], abs=0.06)
    assert giga == pytest.approx(expected.printed[1], abs=1.0)


@each_paper_recipe
def test_the_model_and_its_start(name: str, parsed: TrainConfig) -> None:
    expected, inflation = PAPER[name], parsed.inflation
    model = model_of(parsed)
    assert parsed.weights == expected.weights
    assert (model.design, model.shift) == DESIGN_AND_SHIFT.get(name, ("joint", "3d"))
    assert model.window == expected.window
    assert not model.temporal_bias
    assert (inflation.patch, inflation.bias, inflation.temporal_patch) == expected.inflation
    assert model.patch == (inflation.temporal_patch, 4, 4)
    assert parsed.peer == ""


@each_paper_recipe
def test_what_a_clip_is_and_how_it_varies(name: str, parsed: TrainConfig) -> None:
    expected, clip, augment = PAPER[name], parsed.clip, parsed.augment
    assert clip is not None
    assert (clip.num_frames, clip.stride, clip.size, clip.sampling) == expected.clip
    assert augment.crop_area == (0.08, 1.0)
    assert augment.flip_probability == expected.flip
    assert (augment.randaugment_ops, augment.randaugment_magnitude) == expected.randaugment
    assert augment.erase_probability == expected.erase
    assert parsed.views == expected.views


@each_paper_recipe
def test_how_it_trains(name: str, parsed: TrainConfig) -> None:
    expected = PAPER[name]
    assert (parsed.global_batch, parsed.micro_batch) == (64, "auto")
    assert parsed.epochs == expected.epochs
    assert parsed.drop_path_rate == expected.drop_path
    assert parsed.head_dropout == 0.5
    assert parsed.label_smoothing == expected.smoothing
    assert parsed.precision == "bf16"
    assert parsed.recompute_stages == (4 if "l_384" in name else 0)
    assert parsed.data == DataConfig(train="videos", num_workers=8)
    assert parsed.optimizer.betas == (0.9, 0.999)
    assert parsed.optimizer.max_gradient_norm == 0.0
    assert parsed.optimizer.preset == expected.preset


@each_paper_recipe
def test_parameter_groups(name: str, parsed: TrainConfig) -> None:
    expected = PAPER[name]
    groups = parameter_groups(
        on_meta(parsed),
        preset=parsed.optimizer.preset,
        learning_rate=parsed.optimizer.learning_rate,
        backbone_multiplier=parsed.optimizer.backbone_multiplier,
        weight_decay=parsed.optimizer.weight_decay,
        layer_decay=parsed.optimizer.layer_decay,
    )
    found = [(group["name"], len(group["params"]), group["lr"], group["weight_decay"]) for group in groups]
    assert [(kind, count) for kind, count, _, _ in found] == list(
        zip(("tables", "norms", "backbone", "head"), expected.tensors, strict=True)
    )
    assert [(rate, decay) for _, _, rate, decay in found] == [
        pytest.approx(pair) for pair in rates_and_decays(expected)
    ]


def rates_and_decays(expected: Paper) -> list[tuple[float, float]]:
    """Of tables, norms, the rest of the backbone and the head."""
    slow, fast, decay = expected.head_rate * expected.ratio, expected.head_rate, expected.weight_decay
    if expected.preset == "official":
        return [(fast, 0.0), (slow, decay), (slow, decay), (fast, decay)]
    return [(slow, 0.0), (slow, 0.0), (slow, decay), (fast, decay)]


@each_paper_recipe
def test_the_schedule(name: str, parsed: TrainConfig) -> None:
    """100 updates an epoch; c(e) = (1 + cos(pi e / E)) / 2, in the first 2.5 epochs times 0.1 to 1."""
    schedule, warmup = SCHEDULES[parsed.schedule.shape], parsed.schedule.warmup_epochs
    by_epoch = {
        30: {0: 0.1, 125: 0.5485, 250: 0.98907, 299: 0.98907, 300: 0.97553, 1500: 0.5, 2999: 0.00274},
        60: {0: 0.1, 125: 0.5496, 250: 0.99726, 299: 0.99726, 300: 0.99384, 3000: 0.5, 5999: 0.000685},
    }[PAPER[name].epochs]
    for update, factor in by_epoch.items():
        found = schedule(update, updates_per_epoch=100, epochs=parsed.epochs, warmup_epochs=warmup)
        # In the warm-up an update counts with the last of its micro-batches, up to a 250th later.
        assert found == pytest.approx(factor, abs=4e-3 if update < 250 else 5e-6), update


def test_ssv2_starts_from_published_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    config = parse("ssv2/swin_b", monkeypatch)
    start = ZOO[config.weights]
    assert (start.config.window, start.config.embed_dim) == ((16, 7, 7), 128)
    assert model_of(config).window == start.config.window


@pytest.mark.parametrize(
    ("name", "views", "clip", "flip", "epochs"),
    [
        ("finetune", "", None, 0.5, 30),
        ("order_of_time", "1x3", ClipSpec(num_frames=32, size=224, sampling="uniform"), 0.0, 60),
        ("small_cpu", "", ClipSpec(num_frames=16, size=80, sampling="uniform"), 0.5, 40),
    ],
)
def test_recipes_for_own_videos(
    name: str, views: str, clip: ClipSpec | None, flip: float, epochs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = parse(name, monkeypatch)
    assert (config.weights, config.model) == ("", None)  # named on the command line
    assert (config.views, config.clip, config.epochs) == (views, clip, epochs)
    assert config.augment.flip_probability == flip
    assert (config.optimizer.preset, config.schedule.shape) == ("clean", "smooth")


@each_paper_recipe
def test_the_command_in_a_recipe_is_its_own(name: str) -> None:
    text = (RECIPES / f"{name}.yaml").read_text()
    assert f"videoswin train --config recipes/{name}.yaml " in text
    assert f"output: runs/{name.replace('/', '_')}\n" in text


def test_a_recipe_does_not_train_from_scratch_by_accident(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    videos = write_videos(tmp_path / "videos", per_class=2)
    recipe = RECIPES / "k400" / "swin_t.yaml"
    arguments = ["--data.train", str(videos), "--precision", "fp32"]
    assert main(["train", "--config", str(recipe), *arguments]) == 4
    assert "swin_tiny_patch4_window7_224.pth" in capsys.readouterr().err


@pytest.fixture(scope="module")
def flat_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A 2D Swin of 16 channels."""
    path = tmp_path_factory.mktemp("flat") / "swin_2d.pth"
    torch.save({"model": plain2d.random_state(width=16, depths=(1, 1), heads=(1, 2), window=4, seed=0)}, path)
    return path


@pytest.mark.parametrize(
    ("name", "window"),
    [
        ("ablations/table4_split", "[16,4,4]"),
        ("ablations/table4_factorized", "[16,4,4]"),
        ("ablations/table5_4_window4_patch", "[4,4,4]"),
        ("ablations/table6_none", "[8,4,4]"),
        ("ablations/table8_center", "[8,4,4]"),
        ("k400/swin_s_official", "[8,4,4]"),
        ("ssv2/swin_b", "[16,4,4]"),
    ],
)
def test_a_recipe_runs_from_2d_weights_to_a_report(
    name: str, window: str, flat_weights: Path, videos: Path, tmp_path: Path
) -> None:
    """At a size of seconds."""
    arguments = [
        *("--config", str(RECIPES / f"{name}.yaml"), "--weights", str(flat_weights)),
        *("--data.train", str(videos), "--data.val", str(videos), "--data.test", str(videos)),
        *("--model.embed_dim", "16", "--model.depths", "[1,1]", "--model.num_heads", "[1,2]"),
        *("--model.window", window, "--clip.size", "32", "--data.num_workers", "0"),
        *("--epochs", "1", "--schedule.warmup_epochs", "0.5", "--global_batch", "8"),
        *("--output", str(tmp_path / "out")),
    ]
    assert main(["train", *arguments]) == 0
    found = weights.read(tmp_path / "out" / "last.safetensors").config
    assert (found.design, found.shift) == DESIGN_AND_SHIFT.get(name, ("joint", "3d"))
    assert (tmp_path / "out" / "evaluation" / "report.json").exists()
