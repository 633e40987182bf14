"""Reading and writing weights files, and every way they can be wrong."""

from __future__ import annotations

import json
import os
import pickle
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors
import safetensors.torch
import torch

import videoswin
from videoswin import weights
from videoswin.errors import StorageError, WeightsError
from videoswin.model import SwinConfig, VideoSwin
from videoswin.values import ClipSpec

MICRO = SwinConfig(embed_dim=8, depths=(1, 2), num_heads=(1, 2), window=(2, 3, 3), num_classes=3)
CLIP = ClipSpec(num_frames=4, stride=1, size=24)
LABELS = ("jump", "läuft", "stand still")
CLIPS = torch.randint(
    0, 256, (2, 3, 4, 24, 24), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
)


@pytest.fixture
def model() -> VideoSwin:
    torch.manual_seed(0)
    return VideoSwin(MICRO).eval()


@pytest.fixture
def ours(model: VideoSwin, tmp_path: Path) -> Path:
    weights.save(tmp_path / "micro.safetensors", model, labels=LABELS, clip=CLIP, notes={"data": "none"})
    return tmp_path / "micro.safetensors"


@pytest.fixture
def official(model: VideoSwin, tmp_path: Path) -> Path:
    weights.save_foreign(tmp_path / "micro.pth", model, to="official")
    return tmp_path / "micro.pth"


def test_ours_keeps_everything(model, ours):
    found = weights.read(ours)
    assert (found.config, found.labels, found.clip, found.notes) == (MICRO, LABELS, CLIP, {"data": "none"})
    loaded = videoswin.load(ours)
    assert not loaded.training
    assert torch.equal(loaded(CLIPS), model(CLIPS))


@pytest.mark.parametrize("to", ["official", "mmaction2", "torchvision"])
def test_foreign_file_gives_the_same_logits_and_its_configuration(model, tmp_path, to):
    weights.save_foreign(tmp_path / "micro.pth", model, to=to)
    found = weights.read(tmp_path / "micro.pth")
    assert found.source_format == to
    assert found.config == MICRO
    assert torch.equal(videoswin.load(tmp_path / "micro.pth")(CLIPS), model(CLIPS))


@pytest.mark.parametrize("to", ["official", "mmaction2", "torchvision"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"design": "factorized"}, "a factorized model has no names in"),
        ({"design": "split"}, "a split model has no names in"),
        ({"shift": "spatial"}, "a model whose windows shift 'spatial' can't be written for"),
        ({"shift": "none", "window": (1, 3, 3)}, "a model whose windows shift 'none' can't be written for"),
    ],
)
def test_what_another_library_computes_differently_is_not_written(tmp_path, to, change, message):
    with pytest.raises(WeightsError, match=f"{message} {to}"):
        weights.save_foreign(tmp_path / "a.pth", VideoSwin(replace(MICRO, **change)), to=to)
    assert not list(tmp_path.iterdir())


def test_a_window_of_one_frame_has_no_shift_in_time_anywhere(tmp_path):
    model = VideoSwin(replace(MICRO, window=(1, 3, 3), shift="spatial")).eval()
    weights.save_foreign(tmp_path / "a.pth", model, to="official")
    assert torch.equal(videoswin.load(tmp_path / "a.pth")(CLIPS), model(CLIPS))


def test_equal_weights_give_equal_bytes(model, ours, tmp_path):
    for number in range(5):
        path = tmp_path / f"{number}.safetensors"
        weights.save(path, model, labels=LABELS, clip=CLIP, notes={"data": "none"})
        assert path.read_bytes() == ours.read_bytes()


def test_file_rights_are_those_of_any_new_file(ours):
    plain = ours.with_name("plain")
    plain.touch()
    assert ours.stat().st_mode == plain.stat().st_mode


def test_half_precision_file_loads_as_float32(model, tmp_path):
    safetensors.torch.save_file(
        {k: v.half() for k, v in model.state_dict().items()}, tmp_path / "half.safetensors"
    )
    loaded = videoswin.load(tmp_path / "half.safetensors")
    assert all(parameter.dtype == torch.float32 for parameter in loaded.parameters())
    assert torch.equal(loaded.head.weight, model.head.weight.half().float())


def test_another_number_of_classes_starts_a_new_head_and_says_so(model, ours, caplog):
    caplog.set_level("INFO")
    loaded = videoswin.load(ours, num_classes=7)
    assert loaded(CLIPS).shape == (2, 7)
    assert torch.equal(loaded.layers[0].blocks[0].attn.qkv.weight, model.layers[0].blocks[0].attn.qkv.weight)
    assert loaded.config.num_classes == 7
    assert "3 classes, 7 wanted" in caplog.text
    caplog.clear()
    assert videoswin.load(ours, num_classes=3)(CLIPS).shape == (2, 3)
    assert not caplog.records


def test_loaded_model_trains_without_touching_the_weights_it_came_from(ours):
    found = weights.read(ours)
    before = found.state_dict["head.weight"].clone()
    loaded = weights.build(found)
    loaded(CLIPS).sum().backward()
    torch.optim.SGD(loaded.parameters(), lr=1.0).step()
    assert all(parameter.grad is not None for parameter in loaded.parameters())
    assert not torch.equal(loaded.head.weight, before)
    assert torch.equal(found.state_dict["head.weight"], before)


def _saved(path: Path, state: dict[str, torch.Tensor]) -> Path:
    safetensors.torch.save_file(state, path)
    return path


def test_missing_left_over_and_misshapen_tensors_are_listed(model, tmp_path):
    state = dict(model.state_dict())
    del state["layers.0.blocks.0.norm1.bias"]
    state["layers.0.blocks.0.norm1.gamma"] = torch.zeros(8)
    state["layers.1.blocks.1.mlp.fc1.weight"] = torch.zeros(64, 17)
    with pytest.raises(WeightsError) as caught:
        videoswin.load(_saved(tmp_path / "odd.safetensors", state))
    message = str(caught.value)
    assert "odd.safetensors: tensors do not fit the model" in message
    assert "1 missing: layers.0.blocks.0.norm1.bias" in message
    assert "1 left over: layers.0.blocks.0.norm1.gamma" in message
    assert "layers.1.blocks.1.mlp.fc1.weight is (64, 17) instead of (64, 16)" in message
    assert "\n" not in message


def test_non_finite_tensors_are_named(model, tmp_path):
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    state["norm.weight"][3] = float("nan")
    with pytest.raises(WeightsError, match=r"1 not finite: norm\.weight"):
        videoswin.load(_saved(tmp_path / "nan.safetensors", state))


def test_incomplete_model_is_named(model, tmp_path):
    state = {name: tensor for name, tensor in model.state_dict().items() if not name.startswith("head")}
    with pytest.raises(WeightsError, match=r"not a complete Video Swin: tensor 'head\.weight' is missing"):
        videoswin.load(_saved(tmp_path / "headless.safetensors", state))


class _Code:
    def __reduce__(self):
        return os.mkdir, ("canary",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty file"),
        (b"<!DOCTYPE html><html>404", "an HTML page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "a Git LFS pointer"),
        (b"just some text", "neither safetensors nor a torch zip file"),
        (pickle.dumps({"weight": 1}), "a bare pickle, refused"),
        (b"PK\x03\x04 and then nothing of a zip", "damaged or truncated torch file"),
        (b"\xff\x00\x00\x00\x00\x00\x00\x00{}", "damaged safetensors file"),
    ],
)
def test_files_of_another_kind_are_named(tmp_path, content, message):
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=message) as caught:
        weights.read(path)
    assert str(path) in str(caught.value)


def test_missing_file_and_folder_are_named(tmp_path):
    with pytest.raises(WeightsError, match="cannot be read: No such file or directory"):
        weights.read(tmp_path / "absent.pth")
    with pytest.raises(WeightsError, match="cannot be read: Is a directory"):
        weights.read(tmp_path)


def test_pickled_code_is_refused_and_does_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": _Code()}, "evil.pth")
    with pytest.raises(WeightsError, match=r"evil\.pth: holds more than tensors, refused"):
        weights.read("evil.pth")
    assert not Path("canary").exists()


def test_zip_bomb_is_refused_from_its_directory(tmp_path, official):
    with (
        zipfile.ZipFile(official) as source,
        zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as bomb,
    ):
        for entry in source.infolist():
            bomb.writestr(entry.filename, b"\0" * 10 * entry.file_size)
    with pytest.raises(WeightsError, match="refused as a bomb"):
        weights.read(tmp_path / "bomb.pth")


@pytest.mark.parametrize("share", [0.02, 0.3, 0.9, 0.999])
@pytest.mark.parametrize("kind", ["ours", "official"])
def test_truncated_files_are_refused(request, kind, share):
    path: Path = request.getfixturevalue(kind)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(WeightsError, match=path.name):
        weights.read(path)


def test_the_resize_is_kept_and_older_files_are_bilinear(ours, tmp_path):
    smooth = tmp_path / "smooth.safetensors"
    weights.save(smooth, weights.load(ours), labels=LABELS, clip=replace(CLIP, resize="antialias"))
    assert weights.read(smooth).clip == replace(CLIP, resize="antialias")
    state = safetensors.torch.load_file(ours)
    with safetensors.safe_open(ours, framework="pt") as file:
        header = json.loads(file.metadata()["videoswin"])
    assert header["clip"].pop("resize") == "bilinear"
    safetensors.torch.save_file(state, smooth, metadata={"videoswin": json.dumps(header)})
    assert weights.read(smooth).clip == CLIP


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "header version 2; this videoswin reads 1"),
        ({"labels": ["a"]}, "damaged videoswin header: 1 labels for 3 classes"),
        ({"config": {"embed_dim": 0}}, "damaged videoswin header: .*embed_dim is 0"),
        ({"config": {"width": 1}}, "damaged videoswin header: .*width"),
    ],
)
def test_damaged_header_is_named(ours, change, message):
    with safetensors.safe_open(ours, "pt") as file:
        header = json.loads(file.metadata()["videoswin"])
        state = {key: file.get_tensor(key) for key in file.keys()}
    safetensors.torch.save_file(state, ours, metadata={"videoswin": json.dumps(header | change)})
    with pytest.raises(WeightsError, match=message):
        weights.read(ours)


def test_labels_must_fit_the_head(model, tmp_path):
    with pytest.raises(ValueError, match="2 labels for 3 classes"):
        weights.save(tmp_path / "x.safetensors", model, labels=("a", "b"), clip=CLIP)


def test_unwritable_target_leaves_nothing_behind(model, tmp_path):
    with pytest.raises(StorageError, match=r"cannot write .*absent.*No such file or directory"):
        weights.save(tmp_path / "absent" / "x.safetensors", model, labels=(), clip=CLIP)
    (tmp_path / "folder.safetensors").mkdir()
    with pytest.raises(StorageError, match="cannot write"):
        weights.save(tmp_path / "folder.safetensors", model, labels=(), clip=CLIP)
    assert [p.name for p in tmp_path.iterdir()] == ["folder.safetensors"]
