"""Draw a textured object that follows a path over a textured background. Knows no classes and no files.

Everything is a formula of the position, so edges are smooth at any place, angle and size.
T H W are frames and pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from videoswin.demo.motion import Path

Floats = npt.NDArray[np.float32]
NUM_CHANNELS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Texture:
    """A mixture of two colours by waves: one wave gives stripes, two across plaid or checks, four marble.

    waves: (n, 3), a row is cycles per unit of length along x and along y, and the phase in cycles.
    is_product: checks instead of plaid. sharpness: 1 is soft, 8 nearly hard-edged. colors: (2, 3) in [0, 1].
    """

    waves: Floats
    is_product: bool
    sharpness: float
    colors: Floats

    def at(self, x: Floats, y: Floats) -> Floats:
        """Colours at positions of any shape: (..., 3)."""
        phases = [2 * np.pi * (along_x * x + along_y * y + phase) for along_x, along_y, phase in self.waves]
        swings = [np.sin(phase) for phase in phases]
        height = np.prod(swings, axis=0) if self.is_product else np.sum(swings, axis=0)
        share = 0.5 + 0.5 * np.tanh(self.sharpness * height)
        mixed: Floats = self.colors[0] + share[..., None] * (self.colors[1] - self.colors[0])
        return mixed


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What one clip looks like, drawn alike for all classes.

    num_corners: of the polygon the object starts from. num_lobes, lobe_depth: waves along its outline.
    brightness: factor on all colours. noise: standard deviation of the camera noise, in 8-bit steps.
    """

    object_texture: Texture
    background_texture: Texture
    num_corners: int
    num_lobes: int
    lobe_depth: float
    brightness: float
    noise: float


def draw_look(random: np.random.Generator) -> Look:
    """A random look. Object and background differ in lightness, so that the object can be seen."""
    return Look(
        object_texture=_draw_texture(
            random, level=random.uniform(0.65, 0.9), contrast=0.3, cycles=(0.4, 1.0)
        ),
        background_texture=_draw_texture(
            random, level=random.uniform(0.1, 0.35), contrast=0.3, cycles=(1.0, 5.0)
        ),
        num_corners=int(random.choice([3, 4, 5, 32])),
        num_lobes=int(random.choice([3, 4, 5])),
        lobe_depth=random.uniform(0.15, 0.35),
        brightness=random.uniform(0.75, 1.1),
        noise=random.uniform(0, 4),
    )


def _draw_texture(
    random: np.random.Generator, *, level: float, contrast: float, cycles: tuple[float, float]
) -> Texture:
    """level: mean lightness in [0, 1]; contrast: how far the two colours are from it, as a share; cycles:
    lowest and highest number of waves per unit of length."""
    num_waves = int(random.choice([1, 2, 4]))
    if num_waves == 4:
        directions = random.uniform(0, 2 * np.pi, size=4)
    else:
        directions = random.uniform(0, 2 * np.pi) + np.arange(num_waves) * np.pi / 2
    lengths = random.uniform(*cycles, size=num_waves)
    waves = np.stack(
        [lengths * np.cos(directions), lengths * np.sin(directions), random.uniform(size=num_waves)], axis=1
    )
    levels = level * (1 + contrast * np.array([-1.0, 1.0]))
    return Texture(
        waves=waves.astype(np.float32),
        is_product=num_waves == 2 and random.uniform() < 0.5,
        sharpness=random.uniform(1, 6),
        colors=np.stack([_draw_color(random, level) for level in levels]),
    )


def _draw_color(random: np.random.Generator, level: float) -> Floats:
    """(3,) a random hue of the given mean lightness."""
    hue = random.uniform(0, 2 * np.pi) + np.arange(NUM_CHANNELS) * 2 * np.pi / NUM_CHANNELS
    return (level * (1 + random.uniform(0.1, 0.5) * np.cos(hue))).astype(np.float32)


def draw(
    path: Path, look: Look, *, height: int, width: int, random: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """The frames of one clip: (T, height, width, 3) uint8 RGB. `random` draws the camera noise."""
    y = _pixel_centers(height, picture_height=height)[:, None]  # (H, 1)
    x = _pixel_centers(width, picture_height=height)[None, :]  # (1, W)
    background = look.background_texture.at(x, y)  # (H, W, 3)
    frames = np.repeat(background[None], len(path.x), axis=0)  # (T, H, W, 3)
    for frame, place in zip(frames, np.stack([path.x, path.y, path.angle, path.radius], axis=1), strict=True):
        center_x, center_y, angle, radius = place.astype(np.float32)
        near_y = slice(*np.searchsorted(y[:, 0], (center_y - radius, center_y + radius)))
        near_x = slice(*np.searchsorted(x[0], (center_x - radius, center_x + radius)))
        u, v = _own_axes(x[:, near_x] - center_x, y[near_y] - center_y, angle=angle, radius=radius)
        _paint(frame[near_y, near_x], look, u=u, v=v, radius_px=radius * height)
    frames *= 255 * look.brightness
    frames += look.noise * random.standard_normal(frames.shape, dtype=np.float32)
    pixels: npt.NDArray[np.uint8] = np.clip(frames + 0.5, 0, 255).astype(np.uint8)
    return pixels


def _pixel_centers(num_pixels: int, *, picture_height: int) -> Floats:
    """(num_pixels,) places along one side, from the middle of the picture, in picture heights."""
    centers: Floats = ((np.arange(num_pixels) + 0.5 - num_pixels / 2) / picture_height).astype(np.float32)
    return centers


def _own_axes(right: Floats, down: Floats, *, angle: np.float32, radius: np.float32) -> tuple[Floats, Floats]:
    """Positions (1, W) and (H, 1) from the centre of the object to (H, W) along its turned axes, in radii."""
    cosine, sine = np.cos(angle) / radius, np.sin(angle) / radius
    return right * cosine + down * sine, down * cosine - right * sine


def _paint(picture: Floats, look: Look, *, u: Floats, v: Floats, radius_px: float) -> None:
    """Paint the object over `picture` (H, W, 3), in place, with a dark rim."""
    inside_px = (_outline(np.arctan2(v, u), look) - np.hypot(u, v)) * radius_px
    cover = np.clip(inside_px + 0.5, 0, 1)[..., None]
    rim = np.clip(2.5 - inside_px, 0, 1)[..., None]
    painted = look.object_texture.at(u, v) * (1 - 0.6 * rim)
    picture += cover * (painted - picture)


def _outline(direction: Floats, look: Look) -> Floats:
    """How far the object reaches in a direction (radians, its own axes), in units of its radius."""
    sector = 2 * np.pi / look.num_corners
    polygon = np.cos(sector / 2) / np.cos(direction % sector - sector / 2)
    waves = 1 + look.lobe_depth * np.cos(look.num_lobes * direction)
    outline: Floats = polygon * waves / (1 + look.lobe_depth)
    return outline
