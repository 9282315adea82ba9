"""Procedural pictures: repeatable, balanced, and no class told by colour or size."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra [lab] is not installed")

from routelab import BadShape
from routelab.data import cifar, textures


def test_the_same_seed_gives_the_same_pictures_and_another_gives_others() -> None:
    a, la = textures.generate(50, 3)
    b, lb = textures.generate(50, 3)
    c, _ = textures.generate(50, 4)
    assert a.shape == (50, 32, 32, 3) and a.dtype == np.uint8 and la.dtype == np.int64
    assert np.array_equal(a, b) and np.array_equal(la, lb) and not np.array_equal(a, c)
    assert np.bincount(la, minlength=10).tolist() == [5] * 10


def test_every_class_has_a_name_and_shapes_have_one_area() -> None:
    assert len(textures.CLASSES) == 10 and len(set(textures.CLASSES)) == 10
    plain = textures.Difficulty(contrast=(0.0, 0.0), clutter=0.0, noise=0.0, rim=0.0, turn=0.0)
    images, labels = textures.generate(1500, 1, plain)
    corner = images[:, :1, :1].astype(int)
    inside = (np.abs(images.astype(int) - corner).max(-1) > 0).mean((1, 2))
    disc, cross = inside[labels % 2 == 0].mean(), inside[labels % 2 == 1].mean()
    assert 0.15 < disc < 0.4 and abs(disc - cross) < 0.015


def test_a_linear_look_at_mean_colours_tells_no_class() -> None:
    images, labels = textures.generate(1500, 2)
    means = images.reshape(1500, -1, 3).mean(1)
    middle = np.array([means[labels == c].mean(0) for c in range(10)])
    test, truth = textures.generate(800, 5)
    guess = ((test.reshape(800, -1, 3).mean(1)[:, None] - middle) ** 2).sum(-1).argmin(1)
    assert (guess == truth).mean() < 0.16


def test_no_picture_a_wrong_number_and_the_way_through_cifars_format(tmp_path) -> None:
    images, labels = textures.generate(0, 1)
    assert images.shape == (0, 32, 32, 3) and labels.shape == (0,)
    with pytest.raises(BadShape, match="-1 pictures"):
        textures.generate(-1, 1)
    images, labels = textures.generate(20, 1)
    again, names = cifar.load_file(cifar.write_file(tmp_path / "test_batch.bin", images, labels))
    assert np.array_equal(images, again) and np.array_equal(labels, names)
