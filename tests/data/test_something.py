"""Lists of Something-Something, written out, through `read_annotations`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.data.listing import make, written
from videoswin.data.annotations import read_annotations
from videoswin.errors import AnnotationError

SSV2 = [
    {
        "id": "78687",
        "label": "holding potato next to box",
        "template": "Holding [something] next to [something]",
    },
    {
        "id": "42326",
        "label": "pushing a pen from left to right",
        "template": "Pushing [something] from left to right",
    },
]
SSV2_LABELS = {
    "Holding something next to something": "1",
    "Dropping something": "0",
    "Pushing something from left to right": "2",
}


@pytest.mark.parametrize("folder", ["", "20bn-something-something-v2/"])
def test_something_something(tmp_path: Path, folder: str) -> None:
    make(tmp_path / "videos", f"{folder}78687.webm", f"{folder}42326.mp4")
    source = written(tmp_path, "train.json", json.dumps(SSV2, indent=1))
    written(tmp_path, "labels.json", json.dumps(SSV2_LABELS))
    annotations = read_annotations(source, root=tmp_path / "videos")
    assert annotations.labels == (
        "Dropping something",
        "Holding something next to something",
        "Pushing something from left to right",
    )
    assert [(sample.path, sample.label) for sample in annotations.samples] == [
        (f"{folder}78687.webm", 1),
        (f"{folder}42326.mp4", 2),
    ]


def test_something_something_with_labels_elsewhere_or_nowhere(tmp_path: Path) -> None:
    make(tmp_path, "78687.webm", "42326.webm")
    source = written(tmp_path, "validation.json", json.dumps(SSV2))
    assert [sample.label for sample in read_annotations(source).samples] == [0, 1]
    names = written(tmp_path / "other", "names.json", json.dumps(SSV2_LABELS))
    assert [sample.label for sample in read_annotations(source, label_map=names).samples] == [1, 2]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            '[{"id": "1"}, {"id": "2"}]',
            "none of 2 entries has a template or label, as in the test list; without",
        ),
        ('[{"id": "1", "template": "A"}, {"id": "2"}]', "entry 2: id '2', template None; expected both"),
        ('[{"template": "A"}]', "entry 1: id '', template 'A'; expected both"),
        ('[{"id": "../../1", "template": "A"}]', r"1 paths leave the root: entry 1 '../../1.webm'"),
        ('[{"id": "1", "template": "A"},\n{"id": 2', "ssv2.json, line 2: not JSON: "),
        ('[{"id": "1"}, 3]', 'expected a JSON list of {"id": ..., "template": ...}'),
        ("[]", "no labelled videos"),
        ('{"a": "1"}\n3\n', "columns a; expected a video"),
    ],
)
def test_what_is_no_something_something_list(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(AnnotationError) as caught:
        read_annotations(written(tmp_path, "ssv2.json", content))
    assert message.replace("\\", "") in str(caught.value)
