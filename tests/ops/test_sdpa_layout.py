"""Both layouts hold every token once, in as few groups as there are masks or shapes."""

from __future__ import annotations

import pytest
import torch

from videoswin.ops.sdpa_layout import Form, Group, layout
from videoswin.ops.windows import padded_grid
from videoswin.values import Size3

CPU = torch.device("cpu")
WINDOW, SHIFT, NONE = Size3(8, 7, 7), Size3(4, 3, 3), Size3(0, 0, 0)


def groups_of(grid: Size3, window: Size3, shift: Size3, form: Form) -> list[Group]:
    return [group for part in layout(grid, window, shift, False, form, CPU) for group in part.groups]


@pytest.mark.parametrize("form", ["classes", "boxes"])
@pytest.mark.parametrize("shift", [NONE, Size3(2, 1, 1), Size3(0, 1, 0)])
@pytest.mark.parametrize("grid", [Size3(8, 6, 6), Size3(5, 7, 4), Size3(3, 2, 9)])
def test_every_token_has_one_place(grid, shift, form):
    window = Size3(4, 3, 3)
    groups = groups_of(grid, window, shift, form)
    rows = [group.rows if group.kept is None else group.rows[group.kept] for group in groups]
    assert torch.cat(rows).sort().values.tolist() == list(range(grid.volume))
    padded = padded_grid(grid, Size3(*map(min, grid, window)))
    assert sum(len(group.rows) for group in groups) == padded.volume
    for group in groups:
        padding = 0 if group.padding is None else len(group.padding)
        assert len(group.rows) == padding + (len(group.rows) if group.kept is None else len(group.kept))


@pytest.mark.parametrize(
    ("stage", "classes", "boxes"),
    [
        (Size3(16, 56, 56), 8, 18),
        (Size3(16, 28, 28), 8, 18),
        (Size3(16, 14, 14), 8, 18),  # lengths 4 and 8; 3, 7 and 4; 3, 7 and 4
        (Size3(16, 7, 7), 2, 2),  # clamped in space
        (Size3(24, 56, 56), 8, 18),
    ],
)
def test_number_of_groups(stage, classes, boxes):
    """Of a shifted block; a regular one has one."""
    for form, number in (("classes", classes), ("boxes", boxes)):
        assert len(groups_of(stage, WINDOW, NONE, form)) == 1
        groups = groups_of(stage, WINDOW, SHIFT, form)
        assert len(groups) == number
        assert len(layout(stage, WINDOW, SHIFT, False, form, CPU)) == (1 if form == "classes" else number)
        assert (groups[-1].mask is not None) == (form == "classes")


def test_scores_that_boxes_leave_out():
    """Of a shifted block of 32x224x224, by stage; the shares of the arithmetic in docs and design."""
    shares = []
    for stage in (Size3(16, 56, 56), Size3(16, 28, 28), Size3(16, 14, 14), Size3(16, 7, 7)):
        groups = groups_of(stage, WINDOW, SHIFT, "boxes")
        shares.append(sum(len(g.rows) * g.tokens for g in groups) / (stage.volume * WINDOW.volume))
    assert shares == pytest.approx([0.66, 0.58, 0.43, 0.75], abs=0.006)


def test_fold_sums_pairs_to_rows_of_the_table():
    (part,) = layout(Size3(2, 3, 3), Size3(2, 3, 3), NONE, False, "boxes", CPU)
    grad_bias = torch.randn(2, 18, 18, dtype=torch.float64)
    expected = torch.zeros(75, 2, dtype=torch.float64)
    expected.index_add_(0, part.bias_index.flatten(), grad_bias.flatten(1).t())
    torch.testing.assert_close(part.fold(grad_bias), expected)


def test_a_layout_is_made_once_and_serves_training_after_inference():
    grid, window = Size3(6, 5, 5), Size3(3, 2, 2)
    with torch.inference_mode():
        first = layout(grid, window, NONE, False, "classes", CPU)
    assert layout(grid, window, NONE, False, "classes", CPU) is first
    assert not first[0].groups[0].rows.is_inference()
