"""The published checkpoints: the table against the published numbers, and from a name to a file."""

from __future__ import annotations

import hashlib

import pytest
import torch

from tests.weights.site import open_site
from videoswin import weights
from videoswin.errors import WeightsError
from videoswin.model import SWIN_B, SWIN_L, SWIN_S, SWIN_T, SwinConfig, VideoSwin
from videoswin.model.cost import cost
from videoswin.values import Size3
from videoswin.weights import zoo
from videoswin.weights.download import cache_folder
from videoswin.weights.zoo import ZOO

# (name, size, classes, window, top-1, top-5) as the publishers state them
PUBLISHED = [
    ("k400-swin-t", SWIN_T, 400, (8, 7, 7), 78.8, 93.6),
    ("k400-swin-s", SWIN_S, 400, (8, 7, 7), 80.6, 94.5),
    ("k400-swin-b", SWIN_B, 400, (8, 7, 7), 80.6, 94.6),
    ("k400-swin-b-22k", SWIN_B, 400, (8, 7, 7), 82.7, 95.5),
    ("k600-swin-b-22k", SWIN_B, 600, (8, 7, 7), 84.0, 96.5),
    ("ssv2-swin-b", SWIN_B, 174, (16, 7, 7), 69.6, 92.7),
    ("k400-swin-b-w16-22k", SWIN_B, 400, (16, 7, 7), None, None),
    ("k400-swin-t-mmaction2", SWIN_T, 400, (8, 7, 7), 78.90, 93.77),
    ("k400-swin-s-mmaction2", SWIN_S, 400, (8, 7, 7), 80.54, 94.46),
    ("k400-swin-b-mmaction2", SWIN_B, 400, (8, 7, 7), 80.57, 94.49),
    ("k400-swin-l-22k-mmaction2", SWIN_L, 400, (8, 7, 7), 83.46, 95.91),
    ("k700-swin-l-22k-mmaction2", SWIN_L, 700, (8, 7, 7), 75.92, 92.72),
    ("k710-swin-s-mmaction2", SWIN_S, 710, (8, 7, 7), 76.90, 92.96),
    ("k400-swin-t-torchvision", SWIN_T, 400, (8, 7, 7), 77.715, 93.519),
    ("k400-swin-s-torchvision", SWIN_S, 400, (8, 7, 7), 79.521, 94.158),
    ("k400-swin-b-torchvision", SWIN_B, 400, (8, 7, 7), 79.427, 94.386),
    ("k400-swin-b-22k-torchvision", SWIN_B, 400, (8, 7, 7), 81.643, 95.574),
]


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.setenv("VIDEOSWIN_CACHE", str(tmp_path))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with open_site() as site:
        yield site


def test_the_table_says_what_was_published():
    rows = [
        (p.name, p.config.depths, p.config.embed_dim, p.config.num_classes, p.config.window, p.top1, p.top5)
        for p in ZOO.values()
    ]
    assert rows == [
        (name, size.depths, size.embed_dim, classes, window, top1, top5)
        for name, size, classes, window, top1, top5 in PUBLISHED
    ]


def test_names_and_files_are_unique_and_addresses_secure():
    assert len({published.file_name for published in ZOO.values()}) == len(ZOO) == 17
    assert all(name == published.name for name, published in ZOO.items())
    assert all(published.url.startswith("https://") for published in ZOO.values())
    assert all(published.url.endswith(".pth") for published in ZOO.values())


def test_hashes_are_those_of_the_file_names():
    assert {p.sha256_prefix for p in ZOO.values() if p.source == "official"} == {""}
    for published in (p for p in ZOO.values() if p.source != "official"):
        assert published.file_name.endswith(f"-{published.sha256_prefix}.pth")
        assert len(bytes.fromhex(published.sha256_prefix)) == 4


def test_some_addresses_in_full():
    assert ZOO["ssv2-swin-b"].url == (
        "https://github.com/SwinTransformer/storage/releases/download/v1.0.4/"
        "swin_base_patch244_window1677_sthv2.pth"
    )
    assert ZOO["k400-swin-t-mmaction2"].url == (
        "https://download.openmmlab.com/mmaction/v1.0/recognition/swin/"
        "swin-tiny-p244-w877_in1k-pre_8xb8-amp-32x2x1-30e_kinetics400-rgb/"
        "swin-tiny-p244-w877_in1k-pre_8xb8-amp-32x2x1-30e_kinetics400-rgb_20220930-241016b2.pth"
    )
    url = "https://download.pytorch.org/models/swin3d_b_22k-7c6ae6fa.pth"
    assert ZOO["k400-swin-b-22k-torchvision"].url == url


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("k400-swin-t-torchvision", 28_158_070),
        ("k400-swin-s-torchvision", 49_816_678),
        ("k400-swin-b-torchvision", 88_048_984),
    ],
)
def test_parameters_are_those_torchvision_states(name, parameters):
    assert sum(part.parameters for part in cost(ZOO[name].config, Size3(32, 224, 224))) == parameters


def test_protocols():
    assert {(p.source, p.label_set, str(p.views), p.clip.sampling) for p in ZOO.values()} == {
        ("official", "kinetics400", "4x3", "dense"),
        ("official", "kinetics600", "4x3", "dense"),
        ("official", "ssv2", "1x3", "uniform"),
        ("mmaction2", "kinetics400", "4x3", "dense"),
        ("mmaction2", "kinetics700", "4x3", "dense"),
        ("mmaction2", "kinetics710", "4x3", "dense"),
        ("torchvision", "kinetics400", "12x1", "dense"),
    }
    assert ZOO["ssv2-swin-b"].lineage == "k400-swin-b-w16-22k"


@pytest.mark.parametrize("published", ZOO.values(), ids=list(ZOO))
def test_every_head_has_a_name_for_each_class(published):
    names = zoo.labels(published.label_set)
    assert len(names) == len(set(names)) == published.config.num_classes
    assert all(name == name.strip() and name for name in names)


@pytest.mark.parametrize("label_set", ["kinetics400", "kinetics600", "kinetics700", "ssv2"])
def test_class_names_are_in_alphabetical_order(label_set):
    names = list(zoo.labels(label_set))
    assert names == sorted(names)


@pytest.mark.parametrize(
    ("label_set", "number", "name"),
    [
        ("kinetics400", 0, "abseiling"),
        ("kinetics400", 6, "arm wrestling"),
        ("kinetics400", 399, "zumba"),
        ("kinetics600", 1, "acting in play"),
        ("ssv2", 0, "Approaching something with your camera"),
        ("ssv2", 67, "Pretending to open something without actually opening it"),
        ("ssv2", 140, "Spinning something that quickly stops spinning"),
        ("ssv2", 173, "Wiping something off of something"),
    ],
)
def test_class_numbers_known_from_elsewhere(label_set, number, name):
    assert zoo.labels(label_set)[number] == name


def test_kinetics_710_begins_with_kinetics_400_under_newer_names():
    pairs = zip(zoo.labels("kinetics400"), zoo.labels("kinetics710"), strict=False)
    renamed = {old: new for old, new in pairs if old != new}
    assert renamed == {
        "balloon blowing": "inflating balloons",
        "changing wheel": "changing wheel (not on bike)",
        "cooking sausages": "cooking sausages (not on barbeque)",
        "drinking": "sipping cup",
        "dying hair": "dyeing hair",
        "garbage collecting": "person collecting garbage",
        "hugging": "hugging (not baby)",
        "making bed": "making the bed",
        "opening bottle": "opening bottle (not wine)",
        "picking fruit": "picking apples",
        "skiing (not slalom or crosscountry)": "skiing mono",
        "sniffing": "smelling feet",
        "tying tie": "tying necktie",
    }


def test_a_name_becomes_a_file_that_reads(site, tmp_path):
    micro = SwinConfig(embed_dim=8, depths=(1, 2), num_heads=(1, 2), window=(2, 3, 3), num_classes=3)
    torch.manual_seed(0)
    weights.save_foreign(tmp_path / "micro.pth", VideoSwin(micro), to="official")
    published = ZOO["k400-swin-t"]
    site.files[f"/files/{published.file_name}"] = (tmp_path / "micro.pth").read_bytes()
    found = zoo.find("k400-swin-t", mirror=f"{site.url}/files/")
    assert found == zoo.cached_path(published) == tmp_path / "weights" / published.file_name
    assert weights.read(found).config == micro
    assert zoo.resolve("k400-swin-t") == found
    assert zoo.by_file(found) is published


def test_a_file_with_another_hash_than_its_name_says_is_refused(site):
    published = ZOO["k400-swin-t-torchvision"]
    content = b"not the published file"
    site.files[f"/{published.file_name}"] = content
    found = hashlib.sha256(content).hexdigest()[:8]
    with pytest.raises(WeightsError, match=f"its SHA-256 starts with {found}, not 7615ae03"):
        zoo.find(published.name, mirror=site.url)
    assert not zoo.cached_path(published).exists()


@pytest.mark.parametrize("name", ["k400-swin-tiny", "swin", "K400-SWIN-T"])
def test_an_unknown_name_is_refused(name):
    with pytest.raises(WeightsError, match=rf"no published weights are named '{name}'.*weights list\)"):
        zoo.find(name)


def test_a_near_name_is_suggested():
    with pytest.raises(WeightsError, match="near: k400-swin-t, "):
        zoo.lookup("k400-swin-tt")


def test_the_cache_folder_follows_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("VIDEOSWIN_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own" / "weights"
    monkeypatch.delenv("VIDEOSWIN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "videoswin" / "weights"


def test_paths_stay_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "k400-swin-t").touch()
    for path in ("k400-swin-t", "best.safetensors", "runs/best", "missing.pth", tmp_path):
        assert str(zoo.resolve(path)) == str(path)


def test_files_of_others_have_no_entry(tmp_path):
    assert zoo.by_file(tmp_path / "best.pth") is None
