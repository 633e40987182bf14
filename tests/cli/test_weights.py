"""`videoswin weights`: the list for people and for programs, and a download."""

from __future__ import annotations

import json

import pytest

from tests.weights.site import open_site, torch_file
from videoswin.cli.weights import main
from videoswin.errors import ConfigError, WeightsError
from videoswin.weights.zoo import ZOO

FILE = ZOO["k400-swin-t"].file_name


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("VIDEOSWIN_CACHE", str(tmp_path))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "weights"


def test_the_table_fits_100_columns(cache, capsys):
    cache.mkdir()
    (cache / FILE).touch()
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["name", "classes", "window", "params", "top-1/top-5", "views", "cached"]
    assert [line.split()[0] for line in lines[1:18]] == list(ZOO)
    assert lines[1].split() == ["k400-swin-t", "400", "8x7x7", "28.2", "M", "78.8/93.6", "4x3", "yes"]
    assert lines[6].split() == ["ssv2-swin-b", "174", "16x7x7", "88.8", "M", "69.6/92.7", "1x3"]
    assert lines[7].split()[-2:] == ["not", "published"]
    assert lines[18:] == [
        "views: clips x crops; * videos at 15 frames a second, short side 256",
        f"files: {cache}",
    ]
    assert max(map(len, lines[:18])) <= 100


def test_json_has_everything(cache, capsys):
    assert main(["list", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["name"] for row in rows] == list(ZOO)
    row = next(row for row in rows if row["name"] == "k400-swin-t-torchvision")
    assert row.pop("config")["window"] == [8, 7, 7]
    assert row == {
        "name": "k400-swin-t-torchvision",
        "source": "torchvision",
        "url": "https://download.pytorch.org/models/swin3d_t-7615ae03.pth",
        "sha256_prefix": "7615ae03",
        "parameters": 28158070,
        "label_set": "kinetics400",
        "top1": 77.715,
        "top5": 93.519,
        "views": "12x1",
        "protocol": "videos at 15 frames a second, short side 256",
        "lineage": "ImageNet-1K, 2D Swin",
        "clip": {"num_frames": 32, "stride": 2, "size": 224, "sampling": "dense", "resize": "bilinear"},
        "path": str(cache / "swin3d_t-7615ae03.pth"),
        "is_cached": False,
    }


def test_get_downloads_and_prints_the_path(cache, capsys):
    with open_site() as site:
        site.files[f"/{FILE}"] = torch_file()
        assert main(["get", "k400-swin-t", "--mirror", site.url]) == 0
    assert main(["get", "k400-swin-t"]) == 0  # from the cache, without the server
    assert main(["path", "k400-swin-t"]) == 0
    assert capsys.readouterr().out == f"{cache / FILE}\n" * 3
    assert (cache / FILE).read_bytes() == torch_file()


def test_get_without_the_file_fails_in_one_line(cache):
    with open_site() as site:
        site.faults[f"/{FILE}"] = "404"
        with pytest.raises(WeightsError) as caught:
            main(["get", "k400-swin-t", "--mirror", site.url])
    expected = f"the server answered 404 Not Found; by hand, save it as {cache / FILE}"
    assert str(caught.value) == f"{site.url}/{FILE}: cannot be downloaded: {expected}"
    assert caught.value.exit_code == 4


def test_an_unknown_name_is_refused_before_anything_is_downloaded(cache):
    with pytest.raises(WeightsError, match="no published weights are named 'k400'"):
        main(["get", "k400-swin-t", "k400"])
    assert not cache.exists()


@pytest.mark.parametrize(("arguments", "given"), [([], "nothing"), (["fetch"], "fetch")])
def test_what_it_cannot_do(arguments, given):
    with pytest.raises(ConfigError, match=f"given {given}; allowed: list, get, path"):
        main(arguments)


def test_help(capsys):
    assert main(["--help"]) == 0
    assert "videoswin weights get NAME" in capsys.readouterr().out
