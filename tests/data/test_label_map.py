from __future__ import annotations

from pathlib import Path

import pytest

from videoswin.data.label_map import read_label_map
from videoswin.errors import AnnotationError


def written(folder: Path, content: str) -> Path:
    (folder / "labels").write_text(content)
    return folder / "labels"


@pytest.mark.parametrize(
    "content", ['{"jump": "1", "walk": 0, "run": 2}', '["walk", "jump", "run"]', "walk\njump\r\n run\n\n"]
)
def test_names_by_number(tmp_path: Path, content: str) -> None:
    assert read_label_map(written(tmp_path, content)) == ("walk", "jump", "run")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"a": "x", "b": 1}', "1 values are no class numbers: 'a': 'x'"),
        ('{"a": 0, "b": 2}', "2 names have the numbers 0, 2; expected 0 to 1, each once"),
        ('{"a": 0, "b": 0}', "2 names have the numbers 0; expected 0 to 1, each once"),
        ('["a", 3]', "expected names of classes, none of them empty"),
        ("a\n\nb\n", "expected names of classes, none of them empty"),
        ("a\nb\na\n", "names that occur twice: a"),
        ("", "no names"),
        ('{"a": 0,\n', "line 2: not JSON: "),
        ("[" * 100_000, "not JSON of classes: nested too deeply"),
    ],
)
def test_what_is_no_label_map(tmp_path: Path, content: str, message: str) -> None:
    path = written(tmp_path, content)
    with pytest.raises(AnnotationError) as caught:
        read_label_map(path)
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)
