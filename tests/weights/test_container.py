"""What a .pth may hold, and what its copy in the cache is good for. Hostile files are in test_hostile.py."""

from __future__ import annotations

import os
import shutil

import pytest
import torch
from torch import Tensor

from tests.weights import hostile
from videoswin import weights
from videoswin.errors import WeightsError
from videoswin.model import VideoSwin
from videoswin.weights import cache as copies
from videoswin.weights import container
from videoswin.weights.pickle_look import MAX_TUPLE, require_harmless


@pytest.fixture
def state() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return VideoSwin(hostile.MICRO).state_dict()


def equal(found: dict[str, Tensor], expected: dict[str, Tensor]) -> bool:
    return found.keys() == expected.keys() and all(torch.equal(found[k], t) for k, t in expected.items())


def test_a_checkpoint_with_optimizer_and_parameters_is_read(state, tmp_path):
    model = VideoSwin(hostile.MICRO)
    optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.99))
    model(torch.randn(1, 3, 4, 24, 24)).sum().backward()
    optimizer.step()
    parameters = dict(model.named_parameters())
    torch.save(
        {
            "state_dict": parameters,
            "optimizer": optimizer.state_dict(),
            "meta": {"epoch": 3, "names": ("a",) * 400},
        },
        tmp_path / "run.pth",
    )
    found, header = container.read_tensors(str(tmp_path / "run.pth"))
    assert equal(found, {name: p.detach() for name, p in parameters.items()})
    assert not any(tensor.requires_grad for tensor in found.values())
    assert header == {}


def test_shared_views_and_other_devices_are_read(state, tmp_path, cache):
    block = torch.randn(4, 6)
    views = {"a": block[1:3], "b": block.T, "c": block}
    torch.save(views, tmp_path / "views.pth")
    # A file from another machine: every tensor says cuda:3.
    cpu, cuda = b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:3"
    content = (tmp_path / "views.pth").read_bytes()
    moved = hostile.rezipped(content, lambda _, data: data.replace(cpu, cuda))
    assert cuda in moved
    (tmp_path / "moved.pth").write_bytes(moved)
    for name in ("views.pth", "moved.pth"):
        for _ in range(2):  # the second time from the copy
            assert equal(container.read_tensors(str(tmp_path / name))[0], views)
    assert len(list(cache.rglob("*.safetensors"))) == 2


def test_the_second_read_runs_no_pickle(state, tmp_path, monkeypatch):
    path = str(tmp_path / "a.pth")
    torch.save(state, path)
    first, _ = container.read_tensors(path)
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("unpickled again"))
    second, _ = container.read_tensors(path)
    assert equal(second, first)
    assert equal(second, state)


def test_a_changed_file_is_read_anew(state, tmp_path, cache):
    path = tmp_path / "a.pth"
    torch.save(state, path)
    container.read_tensors(str(path))
    torch.save({name: tensor + 1 for name, tensor in state.items()}, path)
    found, _ = container.read_tensors(str(path))
    assert equal(found, {name: tensor + 1 for name, tensor in state.items()})
    assert len(list(cache.rglob("*.safetensors"))) == 1  # it replaced the copy
    path.write_bytes(b"")
    with pytest.raises(WeightsError, match="empty file"):
        container.read_tensors(str(path))


def test_a_damaged_copy_is_written_anew(state, tmp_path, cache):
    path = str(tmp_path / "a.pth")
    torch.save(state, path)
    container.read_tensors(path)
    (copy,) = cache.rglob("*.safetensors")
    whole = copy.read_bytes()
    copy.write_bytes(whole[:100])
    assert equal(container.read_tensors(path)[0], state)
    assert copy.read_bytes()[:8] == whole[:8]


def test_without_a_writable_folder_reading_works(state, tmp_path, monkeypatch):
    path = str(tmp_path / "a.pth")
    torch.save(state, path)
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("VIDEOSWIN_CACHE", str(tmp_path / "file"))
    for _ in range(2):
        assert equal(container.read_tensors(path)[0], state)
    assert copies.find(path) is None
    assert sorted(os.listdir(tmp_path)) == ["a.pth", "file"]


def test_nothing_is_written_beside_the_file(state, tmp_path):
    folder = tmp_path / "shared"
    folder.mkdir()
    torch.save(state, folder / "a.pth")
    weights.read(folder / "a.pth")
    assert os.listdir(folder) == ["a.pth"]


def test_a_tensor_larger_than_its_data_is_refused_before_it_is_made(tmp_path):
    torch.save({"norm.weight": torch.zeros(1).expand(1 << 40)}, tmp_path / "a.pth")
    with pytest.raises(
        WeightsError, match=r"norm\.weight is \(1099511627776,\), 4,398,046,511,104 bytes, of 4"
    ):
        container.read_tensors(str(tmp_path / "a.pth"))


def test_a_pipe_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "pipe.pth")
    with pytest.raises(WeightsError, match="empty file"):
        container.read_tensors(str(tmp_path / "pipe.pth"))


def test_a_file_that_moved_has_a_copy_of_its_own(state, tmp_path, cache):
    torch.save(state, tmp_path / "a.pth")
    container.read_tensors(str(tmp_path / "a.pth"))
    shutil.move(tmp_path / "a.pth", tmp_path / "b.pth")
    assert equal(container.read_tensors(str(tmp_path / "b.pth"))[0], state)


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (b"\x80\x02cposix\nsystem\n.", r"could run code: posix\.system"),
        (b"\x80\x02ctorch._utils\n_rebuild_sparse_tensor\n.", r"torch\._utils\._rebuild_sparse_tensor"),
        (b"\x80\x02ctorch\nload\n.", r"torch\.load"),
        (b"\x80\x02ctorch.storage\n_load_from_bytes\n.", r"torch\.storage\._load_from_bytes"),
        (b"\x80\x04\x8c\x01a.", "pickle operation SHORT_BINUNICODE"),
        (b"\x80\x02(" + b"K\x01" * (MAX_TUPLE + 1) + b"t.", "a tuple of more than 10,000 parts"),
    ],
)
def test_pickles_that_are_refused(program, message):
    with pytest.raises(WeightsError, match=message):
        require_harmless(program)


@pytest.mark.parametrize("program", [b"\x80\x02)q\x00h\x00h\x00\x87.", b"\x80\x02(K\x01K\x02t."])
def test_harmless_pickles_pass(program):
    assert require_harmless(program) is None


@pytest.mark.parametrize("program", [b"", b"\x80\x02t.", b"\x80\x02h\x00.", b"\x80\x02X\x09\x00\x00\x00a"])
def test_damaged_pickles_raise_what_the_reader_maps(program):
    with pytest.raises((LookupError, ValueError)):
        require_harmless(program)
