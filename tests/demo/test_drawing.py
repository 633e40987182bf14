from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from videoswin.demo.drawing import Look, Texture, draw, draw_look
from videoswin.demo.motion import Path

SIDE = 64
FLAT = np.zeros((1, 3), dtype=np.float32)


def texture(*colors: tuple[float, float, float], waves: npt.NDArray[np.float32] = FLAT) -> Texture:
    return Texture(waves=waves, is_product=False, sharpness=1.0, colors=np.array(colors, dtype=np.float32))


def look(*, object_waves: npt.NDArray[np.float32] = FLAT) -> Look:
    """A plain triangle with one lobe on black, without noise."""
    return Look(
        object_texture=texture((0.9, 0.5, 0.1), (0.2, 0.8, 0.9), waves=object_waves),
        background_texture=texture((0, 0, 0), (0, 0, 0)),
        num_corners=3,
        num_lobes=1,
        lobe_depth=0.3,
        brightness=1.0,
        noise=0.0,
    )


def picture(
    drawn: Look, *, x: float = 0.0, y: float = 0.0, angle: float = 0.3, radius: float = 0.2
) -> npt.NDArray[np.int64]:
    path = Path(x=np.array([x]), y=np.array([y]), angle=np.array([angle]), radius=np.array([radius]))
    frames = draw(path, drawn, height=SIDE, width=SIDE, random=np.random.default_rng(0))
    return frames[0].astype(np.int64)


STRIPED = look(object_waves=np.array([[0.7, 0.3, 0.1]], dtype=np.float32))


def test_moves_to_the_right_and_down_by_whole_pixels() -> None:
    moved = picture(STRIPED, x=5 / SIDE, y=3 / SIDE)
    np.testing.assert_allclose(moved, np.roll(picture(STRIPED), (3, 5), axis=(0, 1)), atol=1)


def test_turns_clockwise() -> None:
    turned = picture(STRIPED, angle=0.3 + np.pi / 2)
    np.testing.assert_allclose(turned, np.rot90(picture(STRIPED), k=-1), atol=1)
    assert np.abs(turned - picture(STRIPED)).max() > 50


def test_area_grows_with_the_square_of_the_radius() -> None:
    small, large = (
        np.count_nonzero(picture(look(), radius=radius).max(axis=2) > 60) for radius in (0.2, 0.4)
    )
    assert large / small == pytest.approx(4, rel=0.15)


def test_nothing_is_painted_beyond_the_radius() -> None:
    rows, columns = np.nonzero(picture(look(), x=0.1, y=-0.1).max(axis=2))
    distance = np.hypot((columns + 0.5) / SIDE - 0.5 - 0.1, (rows + 0.5) / SIDE - 0.5 + 0.1)
    assert distance.max() < 0.2 + 1 / SIDE


def test_brightness_scales_colors() -> None:
    dimmed = picture(replace(STRIPED, brightness=0.5))
    np.testing.assert_allclose(dimmed, picture(STRIPED) / 2, atol=1)


def test_noise_has_the_deviation_asked_for() -> None:
    gray = replace(look(), background_texture=texture((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)), noise=4.0)
    corner = picture(gray)[:10]
    assert np.std(corner) == pytest.approx(4, rel=0.1)


@pytest.mark.parametrize(
    ("waves", "is_product", "expected"),
    [
        ([[1, 0, 0]], False, [0.5, 1, 0.5, 0]),  # stripes: one wave along x, at x = 0, 1/4, 1/2, 3/4
        ([[1, 0, 0.25]], False, [1, 0.5, 0, 0.5]),  # a quarter cycle ahead
        ([[1, 0, 0], [1, 0, 0]], True, [0.5, 1, 0.5, 1]),  # the product of a wave with itself
        ([[0, 1, 0.25]], False, [1, 1, 1, 1]),  # along y, here 0
    ],
)
def test_texture_at(waves: list[list[float]], is_product: bool, expected: list[float]) -> None:
    drawn = Texture(
        waves=np.array(waves, dtype=np.float32),
        is_product=is_product,
        sharpness=20.0,
        colors=np.array([[0, 0, 0], [1, 1, 1]], dtype=np.float32),
    )
    x = np.array([0, 0.25, 0.5, 0.75], dtype=np.float32)
    np.testing.assert_allclose(drawn.at(x, np.zeros_like(x))[:, 0], expected, atol=1e-4)


def test_looks_vary_and_the_object_is_lighter_than_the_background() -> None:
    looks = [draw_look(np.random.default_rng(seed)) for seed in range(50)]
    assert len({drawn.object_texture.colors.tobytes() for drawn in looks}) == 50
    assert len({(drawn.num_corners, drawn.num_lobes) for drawn in looks}) > 5
    for drawn in looks:
        assert drawn.object_texture.colors.mean() > drawn.background_texture.colors.mean() + 0.1
