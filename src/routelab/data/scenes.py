"""Scenes of ShapeQA: a 4 x 4 grid of cells, objects in some, and their picture of 32 x 32 pixels.

A scene is made from a list of objects (columns, the first ones forced by the question) and a permutation of the cells;
everything is an array over n scenes, without a Python loop over them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

GRID: Final = 4
CELL: Final = 8
SIDE: Final = GRID * CELL
MAX_OBJECTS: Final = 10
#: Values of each attribute: colour, shape, size; the order of the last axis of `Objects.attributes`.
COLOUR, SHAPE, SIZE = 0, 1, 2
VALUES: Final = (6, 4, 2)
ANY: Final = -1

_RGB: Final = np.array(
    [[220, 50, 50], [50, 190, 70], [60, 90, 235], [230, 210, 60], [170, 70, 200], [60, 205, 215]], np.float32
)


def _masks(*pictures: str) -> NDArray[np.float32]:
    rows = [[[float(pixel == "#") for pixel in line] for line in picture.split("/")] for picture in pictures]
    return np.array(rows, np.float32)


#: [shape, size, 8, 8]: 1 where the shape has colour. A circle is a ring and a cross is diagonal, so that the four share
#: few pixels at either size.
_SHAPES: Final = _masks(
    "......../......../..####../..####../..####../..####../......../........",
    "......../.######./.######./.######./.######./.######./.######./........",
    "......../......../...##.../..#..#../..#..#../...##.../......../........",
    "..####../.##..##./##....##/#......#/#......#/##....##/.##..##./..####..",
    "......../......../......../...##.../...##.../..####../......../........",
    "......../...##.../...##.../..####../..####../.######./.######./########",
    "......../......../..#..#../...##.../...##.../..#..#../......../........",
    "##....##/###..###/.######./..####../..####../.######./###..###/##....##",
).reshape(4, 2, CELL, CELL)
#: [glyph, 8, 8]: grey marks that are no objects.
_GLYPHS: Final = _masks(
    "......../.#....../......#./......../...#..../......../.#....#./........",
    "......../......../......../.######./......../......../......../........",
    "......../....#.../....#.../....#.../....#.../....#.../....#.../........",
)


@dataclass(frozen=True)
class Level:
    """What a level of difficulty means.

    Attributes:
        objects: fewest and most objects. near: share of the other objects that have an attribute in common with what
            is asked for. glyphs: most grey marks in empty cells. noise: standard deviation per channel, of 255.
    """

    objects: tuple[int, int]
    near: float
    glyphs: int
    noise: float


LEVELS: Final = (Level((3, 5), 0.0, 0, 6.0), Level((5, 8), 0.4, 1, 12.0), Level((7, 10), 0.8, 3, 20.0))


@dataclass
class Objects:
    """n scenes as lists of objects.

    Attributes:
        attributes: int64 [n, 10, 3]: colour, shape, size. count: int64 [n]: how many of the ten are there.
        cells: int64 [n, 16]: a permutation; object j stands in cell `cells[:, j]`. level: int64 [n].
    """

    attributes: Ints
    count: Ints
    cells: Ints
    level: Ints

    @classmethod
    def drawn(cls, rng: np.random.Generator, level: Ints) -> Objects:
        n = level.shape[0]
        attributes = np.stack([rng.integers(0, values, (n, MAX_OBJECTS)) for values in VALUES], -1)
        low, high = np.array([known.objects for known in LEVELS]).T
        count = rng.integers(low[level], high[level] + 1)
        return cls(attributes, count, np.argsort(rng.random((n, GRID * GRID)), 1), level)

    def at_least(self, count: Ints) -> None:
        """So many objects or more."""
        self.count = np.maximum(self.count, count)

    def slots(self, start: Ints | int, stop: Ints | int) -> Bools:
        """[n, 10]: the objects from `start` to before `stop`, by scene."""
        column = np.arange(MAX_OBJECTS)
        after = column >= (start[:, None] if isinstance(start, np.ndarray) else start)
        inside: Bools = after & (column < (stop[:, None] if isinstance(stop, np.ndarray) else stop))
        return np.broadcast_to(inside, (self.count.shape[0], MAX_OBJECTS))

    def force(self, where: Bools, wanted: Ints) -> None:
        """The objects at `where` [n, 10] get the attributes of `wanted` [n, 3]; `ANY` leaves one as it is."""
        set_here = where[:, :, None] & (wanted != ANY)[:, None, :]
        self.attributes = np.where(set_here, wanted[:, None, :], self.attributes)

    def avoid(self, rng: np.random.Generator, where: Bools, unwanted: Ints, keep: int | None = None) -> None:
        """No object at `where` has all attributes of `unwanted` [n, 3]; a share of them, by level, has one of them.

        Where an object had all, one that was asked for (never `keep`) changes to another value.
        """
        asked = unwanted != ANY
        shape = self.attributes.shape[:2]
        near = where & (rng.random(shape) < np.array([level.near for level in LEVELS])[self.level][:, None])
        pull = near[:, :, None] & asked[:, None, :] & (rng.random((*shape, 3)) < 0.5)
        if keep is not None:
            pull[:, :, keep] = False
        self.attributes = np.where(pull, unwanted[:, None, :], self.attributes)
        may_change = asked.copy()
        if keep is not None:
            may_change[:, keep] = False
        same = where & (~asked[:, None, :] | (self.attributes == unwanted[:, None, :])).all(-1)
        change = np.argmax(np.where(may_change[:, None, :], rng.random((*shape, 3)), -1.0), -1)
        step = rng.integers(1, np.array(VALUES)[change])
        turned = (np.take_along_axis(self.attributes, change[:, :, None], 2)[:, :, 0] + step) % np.array(VALUES)[change]
        rows, columns = np.nonzero(same)
        self.attributes[rows, columns, change[rows, columns]] = turned[rows, columns]

    def place(self, slot: int, cell: Ints) -> None:
        """Object `slot` stands in `cell` [n]; whatever was there takes its place."""
        rows = np.arange(self.cells.shape[0])
        there = np.argmax(self.cells == cell[:, None], 1)
        self.cells[rows, there] = self.cells[:, slot]
        self.cells[rows, slot] = cell

    def grid(self) -> Ints:
        """int64 [n, 16, 3]: attributes by cell, `ANY` where the cell is empty."""
        grid = np.full((self.cells.shape[0], GRID * GRID, 3), ANY)
        rows, columns = np.nonzero(np.arange(MAX_OBJECTS) < self.count[:, None])
        grid[rows, self.cells[rows, columns]] = self.attributes[rows, columns]
        return grid


def render(rng: np.random.Generator, grid: Ints, level: Ints) -> NDArray[np.uint8]:
    """Pictures uint8 [n, 32, 32, 3] of grids [n, 16, 3]: tinted background, jittered colours, grey marks, noise."""
    n = grid.shape[0]
    out = np.empty((n, SIDE, SIDE, 3), np.uint8)
    for start in range(0, n, 2048):  # bounds the memory of the noise
        part = slice(start, min(start + 2048, n))
        out[part] = _rendered(rng, grid[part], level[part])
    return out


def _rendered(rng: np.random.Generator, grid: Ints, level: Ints) -> NDArray[np.uint8]:
    n, cells = grid.shape[:2]
    there = grid[:, :, SHAPE] != ANY
    mask = np.where(there[:, :, None, None], _SHAPES[grid[:, :, SHAPE], grid[:, :, SIZE]], 0)
    glyphs = np.array([known.glyphs for known in LEVELS])[level]
    order = np.argsort(np.argsort(np.where(there, 2.0, rng.random((n, cells))), 1), 1)
    marked = ~there & (order < rng.integers(0, glyphs + 1)[:, None])
    glyph = np.where(marked[:, :, None, None], _GLYPHS[rng.integers(0, len(_GLYPHS), (n, cells))], 0)
    tint = (rng.uniform(25, 70, (n, 1)) + rng.uniform(-18, 18, (n, 3))).astype(np.float32)[:, None, None, None, :]
    colour = _RGB[grid[:, :, COLOUR]] * rng.uniform(0.82, 1.1, (n, cells, 1)).astype(np.float32)
    picture = tint + mask[..., None] * (colour[:, :, None, None, :] - tint)
    picture += glyph[..., None] * (np.float32(135) - tint)
    noise = rng.standard_normal(picture.shape, np.float32)
    picture += noise * np.array([known.noise for known in LEVELS], np.float32)[level][:, None, None, None, None]
    whole = picture.reshape(n, GRID, GRID, CELL, CELL, 3).transpose(0, 1, 3, 2, 4, 5).reshape(n, SIDE, SIDE, 3)
    pixels: NDArray[np.uint8] = np.clip(np.rint(whole), 0, 255).astype(np.uint8)
    return pixels
