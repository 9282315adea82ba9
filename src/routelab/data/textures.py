"""Ten classes of 32x32 pictures, five textures times two shapes: E7's data where nobody has CIFAR-10 at hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from routelab._errors import BadShape

Floats = NDArray[np.float32]

TEXTURES: Final = ("bars", "pillars", "checks", "dots", "rings")
SHAPES: Final = ("disc", "cross")
#: Class of texture t and shape s: 2 t + s. A mirrored picture keeps its class.
CLASSES: Final = tuple(f"{texture} {shape}" for texture in TEXTURES for shape in SHAPES)
SIDE: Final = 32
_CHUNK: Final = 2_000


@dataclass(frozen=True)
class Difficulty:
    """How hard the pictures are.

    Attributes:
        contrast: lowest and highest difference between the two tones of an object's texture, of 1.
        radius: smallest and largest half width of the object, pixels. turn: most rotation of it, radians.
        rim: width of the object's outline in a tone of its own, pixels.
        clutter: contrast of the background, which has a texture of its own. noise: standard deviation per channel.
    """

    contrast: tuple[float, float] = (0.3, 1.0)
    radius: tuple[float, float] = (6.5, 12.0)
    turn: float = 0.35
    rim: float = 1.5
    clutter: float = 0.1
    noise: float = 0.06


def generate(
    n: int, seed: int, difficulty: Difficulty | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images uint8 [n, 32, 32, 3] and labels int64 [n], every class as often as the others (to one).

    The object lies anywhere, in any two tones, of any size and slightly turned; the background has another random
    texture; so neither colour, mean, nor one pixel tells the class.

    Raises:
        BadShape: n is negative.
    """
    if n < 0:
        raise BadShape(f"{n} pictures", "ask for 0 or more")
    difficulty = difficulty or Difficulty()
    rng = np.random.default_rng(seed)
    label = rng.permutation(np.arange(n, dtype=np.int64) % len(CLASSES))
    parts = [_drawn(rng, label[i : i + _CHUNK], difficulty) for i in range(0, n, _CHUNK)]
    return np.concatenate(parts) if parts else np.zeros((0, SIDE, SIDE, 3), np.uint8), label


def _drawn(rng: np.random.Generator, label: NDArray[np.int64], how: Difficulty) -> NDArray[np.uint8]:
    n = len(label)

    def uniform(low: float, high: float) -> Floats:
        return rng.uniform(low, high, (n, 1, 1)).astype(np.float32)

    rows, columns = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    radius = uniform(*how.radius)
    y, x = rows - uniform(8, SIDE - 9), columns - uniform(8, SIDE - 9)
    angle = uniform(-how.turn, how.turn)
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    disc = np.hypot(u, v) - radius
    arm = radius * np.float32(1.166)  # a cross of the disc's area: size does not tell the shape
    thick, long = np.minimum(np.abs(u), np.abs(v)), np.maximum(np.abs(u), np.abs(v))
    cross = np.maximum(long - arm, thick - np.float32(0.35) * arm)
    edge = np.where((label % 2 == 0)[:, None, None], disc, cross)  # distance to the rim, negative inside
    object_tone = _tones(rng, _texture(rng, label // 2, u, v), uniform(*how.contrast))
    other = rng.integers(0, len(TEXTURES), n)
    back_tone = _tones(rng, _texture(rng, other, x, y), np.full((n, 1, 1), how.clutter, np.float32))
    picture = np.where(edge[..., None] < 0, object_tone, back_tone)
    picture = np.where((np.abs(edge) < how.rim / 2)[..., None], rng.uniform(0, 1, (n, 1, 1, 3)), picture)
    picture = picture.astype(np.float32)
    picture += rng.normal(0, how.noise, picture.shape).astype(np.float32)
    pixels: NDArray[np.uint8] = np.clip(picture * 255, 0, 255).round().astype(np.uint8)
    return pixels


def _texture(rng: np.random.Generator, which: NDArray[np.int64], u: Floats, v: Floats) -> Floats:
    """Values in [-1, 1], [n, 32, 32]: a period of 4 to 8 pixels, any phase."""
    n = len(which)
    step = (2 * np.pi / rng.uniform(4, 8, (n, 1, 1))).astype(np.float32)
    phase = rng.uniform(0, 2 * np.pi, (2, n, 1, 1)).astype(np.float32)
    a, b = np.sin(step * v + phase[0]), np.sin(step * u + phase[1])
    rings = np.sin(step * np.sqrt(u * u + v * v) + phase[0])
    options = np.stack([a, b, np.sign(a * b), 2 * (a * b > 0.5).astype(np.float32) - 1, rings])
    chosen: Floats = options[which, np.arange(n)]
    return chosen


def _tones(rng: np.random.Generator, texture: Floats, contrast: Floats) -> Floats:
    """Coloured pictures [n, 32, 32, 3] of a texture: a mean colour plus the texture along another."""
    n = len(texture)
    mean = rng.uniform(0.25, 0.75, (n, 1, 1, 3)).astype(np.float32)
    along = rng.normal(0, 1, (n, 1, 1, 3)).astype(np.float32)
    along /= np.abs(along).max(-1, keepdims=True)
    return mean + 0.5 * contrast[..., None] * texture[..., None] * along
