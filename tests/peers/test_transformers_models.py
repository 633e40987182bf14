from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.peers.material import CLIP, KINDS, SETTINGS, library_model, write_folder
from videoswin.errors import ConfigError, WeightsError
from videoswin.peers.build import PeerWeights, build
from videoswin.peers.config import PEERS, PeerConfig, PeerName
from videoswin.peers.transformers_models import backbone, read_folder, require_clip
from videoswin.values import ClipSpec

LABELS = ("jump", "run", "walk")


@pytest.mark.parametrize(
    ("name", "num_parameters"),
    [
        ("timesformer", 121_566_352),
        ("vivit", 88_954_000),
        ("videomae", 86_534_800),
        ("vjepa2", 353_631_632),  # without the predictor, which only pretraining asks
    ],
)
def test_published_sizes_with_400_classes(name: PeerName, num_parameters: int) -> None:
    clip = PEERS[name].clip
    with torch.device("meta"):
        network, num_features = backbone(
            PeerConfig(name=name, num_classes=400, clip=clip), drop_path_rate=0.0, checkpoint_blocks=False
        )
        features = network(torch.empty(1, 3, clip.num_frames, clip.size, clip.size))
    assert features.shape == (1, num_features)
    head = 400 * (num_features + 1)
    assert sum(parameter.numel() for parameter in network.parameters()) + head == num_parameters


@pytest.mark.parametrize("name", list(SETTINGS))
def test_a_saved_folder_gives_the_logits_of_transformers(name: PeerName, tmp_path: Path) -> None:
    found = read_folder(str(write_folder(tmp_path / "folder", name, labels=LABELS)), name=name, clip=None)
    assert (found.labels, found.new) == (LABELS, ())
    assert (found.clip.num_frames, found.clip.size, found.clip.stride) == (4, 32, PEERS[name].clip.stride)
    json.dumps(found.settings)  # goes into a header
    model = build(
        PeerConfig(name=name, num_classes=3, clip=found.clip, settings=found.settings),
        weights=PeerWeights(path="folder", backbone=found.backbone, head=found.head, clip=found.clip),
    ).eval()
    clips = torch.randn(2, 3, 4, 32, 32)
    with torch.inference_mode():
        expected = library_model(name, labels=LABELS)(clips.transpose(1, 2)).logits
        assert expected.std() > 0.1
        torch.testing.assert_close(model(clips), expected)


def test_weights_of_pretraining_lack_a_head(tmp_path: Path) -> None:
    library_model("vjepa2", labels=LABELS).get_submodule("vjepa2").save_pretrained(tmp_path / "folder")
    found = read_folder(str(tmp_path / "folder"), name="vjepa2", clip=None)
    assert found.head == {}
    assert found.labels == ()
    assert {name.partition(".")[0] for name in found.new} == {"pooler"}


def test_labels_that_transformers_made_up_are_none(tmp_path: Path) -> None:
    config, kind, clip = KINDS["vivit"]
    kind(config(**SETTINGS["vivit"], **clip, num_labels=3)).save_pretrained(tmp_path / "folder")
    found = read_folder(str(tmp_path / "folder"), name="vivit", clip=None)
    assert found.labels == ()
    assert found.head["weight"].shape == (3, 16)


@pytest.mark.parametrize("name", ["videomae", "vjepa2"])
def test_positions_that_are_computed_take_another_clip(name: PeerName, tmp_path: Path) -> None:
    folder = str(write_folder(tmp_path / "folder", name, labels=LABELS))
    found = read_folder(folder, name=name, clip=ClipSpec(num_frames=8, size=48))
    assert found.clip == ClipSpec(num_frames=8, size=48)
    model = build(
        PeerConfig(name=name, num_classes=3, clip=found.clip, settings=found.settings),
        weights=PeerWeights(path=folder, backbone=found.backbone, head=found.head, clip=found.clip),
    )
    assert model(torch.randn(1, 3, 8, 48, 48)).shape == (1, 3)


@pytest.mark.parametrize("name", ["timesformer", "vivit"])
def test_positions_that_are_learnt_fix_the_clip(name: PeerName, tmp_path: Path) -> None:
    folder = str(write_folder(tmp_path / "folder", name, labels=LABELS))
    assert read_folder(folder, name=name, clip=CLIP).clip == CLIP
    with pytest.raises(
        ConfigError,
        match=rf"^clip has 8 frames of 32 px; .* these {name} weights are for 4 frames of 32 px$",
    ):
        read_folder(folder, name=name, clip=ClipSpec(num_frames=8, size=32))


@pytest.mark.parametrize(
    ("name", "frames", "size", "allowed"),
    [
        ("timesformer", 3, 40, "timesformer takes multiples of 1 frames and of 16 px"),
        ("vivit", 5, 32, "vivit takes multiples of 2 frames and of 16 px"),
        ("videomae", 4, 33, "videomae takes multiples of 2 frames and of 16 px"),
        ("vjepa2", 3, 32, "vjepa2 takes multiples of 2 frames and of 16 px"),
    ],
)
def test_clips_are_whole_patches(name: PeerName, frames: int, size: int, allowed: str) -> None:
    require_clip(name, CLIP, SETTINGS[name])
    with pytest.raises(ConfigError, match=f"^clip has {frames} frames of {size} px; {allowed}$"):
        require_clip(name, ClipSpec(num_frames=frames, size=size), SETTINGS[name])


def test_a_folder_of_another_network_is_refused(tmp_path: Path) -> None:
    folder = str(write_folder(tmp_path / "folder", "vivit", labels=LABELS))
    with pytest.raises(WeightsError, match=r"names model type 'vivit', videomae has 'videomae'$"):
        read_folder(folder, name="videomae", clip=None)


def test_tensors_that_are_missing_are_named(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    file = write_folder(tmp_path / "folder", "vivit", labels=LABELS) / "model.safetensors"
    tensors = {name: tensor for name, tensor in load_file(file).items() if "patch_embeddings" not in name}
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(WeightsError, match=r"folder: 2 tensors of vivit are missing: vivit\.embeddings"):
        read_folder(str(file.parent), name="vivit", clip=None)


def test_pickles_are_not_read(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "folder", "vivit", labels=LABELS)
    (folder / "model.safetensors").unlink()
    torch.save(library_model("vivit", labels=LABELS).state_dict(), folder / "pytorch_model.bin")
    with pytest.raises(WeightsError, match="folder: no weights of vivit can be read from it: "):
        read_folder(str(folder), name="vivit", clip=None)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "folder", "vivit", labels=LABELS)
    (folder / "model.safetensors").write_bytes(b"\xff" * 64)
    with pytest.raises(WeightsError, match="folder: no weights of vivit can be read from it: "):
        read_folder(str(folder), name="vivit", clip=None)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"config\.json names model type None, vivit has 'vivit'$"):
        read_folder(str(tmp_path), name="vivit", clip=None)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"hidden_size": "wide"}, "Validation error for field 'hidden_size'"),
        ({"num_attention_heads": 5}, r"The hidden size .* is not a multiple"),
        ({"patch_size": 0}, "patches of 2 frames and 0 px"),
    ],
)
def test_settings_that_make_no_network_are_refused(settings: dict[str, object], reason: str) -> None:
    config = PeerConfig(name="vjepa2", num_classes=3, clip=CLIP, settings={**SETTINGS["vjepa2"], **settings})
    with pytest.raises(
        WeightsError, match=f"^transformers refuses the configuration of this vjepa2: {reason}"
    ):
        build(config)
