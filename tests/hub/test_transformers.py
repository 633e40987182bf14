"""The model inside transformers: the same numbers as videoswin's own model and predictor."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.hub.server import Hub
from tests.predict.material import CLIP, LABELS, write_page
from videoswin import weights
from videoswin.errors import ConfigError, DecodeError
from videoswin.model import VideoSwin
from videoswin.predict import Predictor
from videoswin.values import ClipSpec, Views

CLIPS = torch.randint(
    0, 256, (2, 3, 4, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
)


@pytest.fixture(scope="module")
def auto_model(hub: Any, folder: Path) -> Any:
    from transformers import AutoModelForVideoClassification

    return AutoModelForVideoClassification.from_pretrained(folder)


@pytest.fixture(scope="module")
def classify(hub: Any, folder: Path) -> Any:
    from transformers import pipeline

    return pipeline("video-classification", model=str(folder), device="cpu")


@pytest.mark.parametrize("views", ["4x3", "2x1"])
def test_pipeline_gives_the_predictors_probabilities(hub: Any, folder: Path, video: Path, views: str) -> None:
    from transformers import pipeline

    processor = hub.VideoSwinVideoProcessor.from_pretrained(folder, views=views)
    classify = pipeline("video-classification", str(folder), video_processor=processor, device="cpu")
    expected = Predictor(folder / "model.safetensors", views=Views.parse(views))(video)
    found = classify(str(video))
    assert [row["label"] for row in found] == list(expected.labels)
    assert [row["score"] for row in found] == pytest.approx(expected.probabilities, abs=1e-6)
    assert found[0]["score"] - found[1]["score"] > 0.01, "the material does not tell classes apart"


def test_pipeline_of_a_folder_needs_no_more_than_the_folder(
    hub: Any, classify: Any, folder: Path, video: Path
) -> None:
    assert isinstance(classify.video_processor, hub.VideoSwinVideoProcessor)
    expected = Predictor(folder / "model.safetensors")(video)
    one, two = classify([str(video), str(video)], top_k=1)
    assert one == two == [{"label": expected.labels[0], "score": pytest.approx(expected.probabilities[0])}]


def test_pipeline_names_an_unreadable_video(classify: Any, tmp_path: Path) -> None:
    with pytest.raises(DecodeError, match=r"page\.mp4"):
        classify(str(write_page(tmp_path / "page.mp4")))


def test_auto_model_gives_our_logits_exactly(auto_model: Any, model: VideoSwin) -> None:
    with torch.no_grad():
        assert torch.equal(auto_model(CLIPS).logits, model(CLIPS))
        views = CLIPS[:, None].expand(-1, 5, -1, -1, -1, -1)
        shares = auto_model(views).logits.softmax(-1)
        torch.testing.assert_close(shares, model(CLIPS).softmax(-1), atol=1e-6, rtol=0)


@pytest.mark.parametrize("temporal_bias", [False, True])
@pytest.mark.parametrize("design", ["split", "factorized"])
def test_designs_make_the_round_trip(
    hub: Any, model: VideoSwin, tmp_path: Path, design: Any, temporal_bias: bool
) -> None:
    """Folder, transformers, its folder, ours again. Gates are not 0, so that their attention counts."""
    from transformers import AutoModelForVideoClassification

    torch.manual_seed(0)
    config = replace(model.config, design=design, shift="spatial", temporal_bias=temporal_bias)
    ours = VideoSwin(config).eval()
    for name, parameter in ours.named_parameters():
        if name.endswith("gate"):
            torch.nn.init.ones_(parameter)
    hub.save_pretrained(ours, tmp_path / "ours", labels=LABELS, clip=CLIP)
    theirs = AutoModelForVideoClassification.from_pretrained(tmp_path / "ours")
    theirs.save_pretrained(tmp_path / "theirs")
    again = hub.from_pretrained(tmp_path / "theirs")
    assert theirs.config.swin() == again.config == config
    with torch.no_grad():
        assert torch.equal(theirs(CLIPS).logits, ours(CLIPS))
        assert torch.equal(again(CLIPS), ours(CLIPS))


def test_auto_config_holds_everything(hub: Any, folder: Path, model: VideoSwin) -> None:
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(folder)
    assert (config.swin(), config.clip(), config.labels()) == (model.config, CLIP, LABELS)
    assert config.label2id == {"jump": 0, "run": 1, "walk": 2}


def test_what_transformers_saves_is_ours_byte_for_byte(auto_model: Any, folder: Path, tmp_path: Path) -> None:
    auto_model.save_pretrained(tmp_path)
    assert (tmp_path / "model.safetensors").read_bytes() == (folder / "model.safetensors").read_bytes()
    processor = "video_preprocessor_config.json"
    assert (tmp_path / processor).read_bytes() == (folder / processor).read_bytes()


def test_shards_are_transformers_own(auto_model: Any, tmp_path: Path) -> None:
    from transformers import AutoModelForVideoClassification

    auto_model.save_pretrained(tmp_path, max_shard_size="30KB")
    assert not (tmp_path / "model.safetensors").exists()
    again = AutoModelForVideoClassification.from_pretrained(tmp_path)
    assert torch.equal(again(CLIPS).logits, auto_model(CLIPS).logits)


def test_pushed_by_transformers_it_loads_as_ours(hub: Any, auto_model: Any, hub_server: Hub) -> None:
    auto_model.push_to_hub("me/auto")
    assert torch.equal(hub.from_pretrained("me/auto")(CLIPS), auto_model(CLIPS).logits)
    assert weights.read(hub.fetch("me/auto")).labels == LABELS


def test_state_dict_loads_with_our_names_and_its_own(auto_model: Any, folder: Path) -> None:
    """transformers' Trainer resumes from its files in this way."""
    ours = weights.read(folder / "model.safetensors").state_dict
    for state in (ours, auto_model.state_dict()):
        result = auto_model.load_state_dict(state, strict=False)
        assert not result.missing_keys
        assert not result.unexpected_keys


def test_training_on_other_classes(hub: Any, folder: Path, model: VideoSwin, tmp_path: Path) -> None:
    from transformers import AutoModelForVideoClassification

    tuned = AutoModelForVideoClassification.from_pretrained(
        folder, id2label={0: "sit", 1: "stand"}, ignore_mismatched_sizes=True, head_dropout=0.5
    )
    assert tuned.swin.dropout.p == 0.5
    assert torch.equal(tuned.swin.norm.weight, model.norm.weight)
    assert tuned.swin.head.weight.std().item() == pytest.approx(0.01, rel=0.5)
    labels = torch.tensor([0, 1])
    result = tuned.eval()(CLIPS, labels=labels)
    torch.testing.assert_close(result.loss, torch.nn.functional.cross_entropy(result.logits, labels))
    tuned.train()(CLIPS, labels=labels).loss.backward()
    assert all(parameter.grad is not None for parameter in tuned.parameters())
    tuned.save_pretrained(tmp_path)
    found = weights.read(tmp_path / "model.safetensors")
    assert (found.labels, found.config.num_classes, found.clip) == (("sit", "stand"), 2, CLIP)


def test_fresh_model_starts_as_ours_does(hub: Any, model: VideoSwin) -> None:
    """Standard deviations of a model without weights are those of VideoSwin's own initial values."""
    from videoswin.hub.config import config_of

    torch.manual_seed(0)
    config = config_of(model.config, labels=(), clip=CLIP, notes={})
    assert config.labels() == ()
    fresh, own = hub.VideoSwinForVideoClassification(config).swin, VideoSwin(model.config)
    for (name, one), (_, two) in zip(fresh.named_parameters(), own.named_parameters(), strict=True):
        if one.numel() > 200 or one.std() == 0:
            assert one.std().item() == pytest.approx(two.std().item(), rel=0.2), name


def test_views_do_not_train_and_saving_does_not_push(auto_model: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"test views .* in training; expected clips"):
        auto_model.train()(CLIPS[:, None])
    auto_model.eval()
    with pytest.raises(ValueError, match=r"use model\.push_to_hub"):
        auto_model.save_pretrained(tmp_path / "x", push_to_hub=True)
    assert not (tmp_path / "x").exists()


def test_processor_gives_the_clips_of_evaluation(hub: Any, video: Path) -> None:
    from videoswin.data.clips import test_views as read_test_views

    spec = {"num_frames": 4, "stride": 1, "size": 32, "sampling": "dense"}
    processor = hub.VideoSwinVideoProcessor(clip=spec, views="2x1")
    pixels = processor([video, str(video)])["pixel_values"]
    assert torch.equal(pixels[0], read_test_views(video, CLIP, Views(clips=2, crops=1)))
    assert torch.equal(pixels[0], pixels[1])
    assert pixels.dtype == torch.uint8
    assert processor(video, num_frames=6)["pixel_values"].shape == (1, 2, 3, 6, 32, 32)


def test_processor_refuses_what_it_does_not_do(hub: Any, video: Path) -> None:
    processor = hub.VideoSwinVideoProcessor()
    with pytest.raises(ValueError, match="a video is ndarray; expected the path"):
        processor([torch.zeros(1).numpy()])
    with pytest.raises(ValueError, match="asked for do_sample_frames=False"):
        processor(video, do_sample_frames=False)
    with pytest.raises(ValueError, match="return_tensors='np'"):
        processor(video, return_tensors="np")
    with pytest.raises(ConfigError, match=r"views are '4x'; allowed"):
        hub.VideoSwinVideoProcessor(views="4x")
    with pytest.raises(ConfigError, match="4 clips, but with uniform sampling"):
        hub.VideoSwinVideoProcessor(clip={"sampling": "uniform"}, views="4x3")
    assert hub.VideoSwinVideoProcessor(clip={"sampling": "uniform"}).views == "1x3"


def test_a_new_process_needs_the_import_only(hub: Any, folder: Path, video: Path) -> None:
    """Registration is done by `import videoswin.hub`, before or after transformers."""
    code = f"""
import transformers, videoswin.hub
classify = transformers.pipeline("video-classification", {str(folder)!r}, device="cpu")
print(classify({str(video)!r})[0]["label"])
"""
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    expected = Predictor(folder / "model.safetensors")(video).labels[0]
    assert finished.stdout.split() == [expected]


def test_damaged_configuration_is_named(hub: Any) -> None:
    with pytest.raises(ConfigError, match=r"model: embed_dim is 0, allowed"):
        hub.VideoSwinForVideoClassification(hub.VideoSwinConfig(embed_dim=0))
    with pytest.raises(ConfigError, match=r"clip\.sampling is 'all'; allowed: dense, uniform"):
        hub.VideoSwinConfig(sampling="all").clip()


def test_class_numbers_where_weights_have_no_names(hub: Any, model: VideoSwin) -> None:
    from videoswin.hub.config import config_of

    config = config_of(model.config, labels=(), clip=ClipSpec(), notes={})
    assert config.id2label == {0: "0", 1: "1", 2: "2"}
