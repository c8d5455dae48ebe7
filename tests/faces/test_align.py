"""Crops of pictures whose every pixel is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fer_video.faces.align import crop_face, crop_square
from fer_video.media.resize import resized
from fer_video.models import CropSpec
from fer_video.types import Face


def gradient(height: int, width: int) -> np.ndarray:
    """Blue is the column, green the row."""
    rows, columns = np.mgrid[:height, :width]
    return np.dstack((columns, rows, np.zeros_like(rows))).astype(np.uint8)


def test_square_by_hand() -> None:
    face = Face((10, 20, 30, 60), 0.9)  # 20 wide, 40 high, centre (20, 40)
    assert crop_square(face, CropSpec()) == (0, 20, 40)
    assert crop_square(face, CropSpec(factor=1.5)) == (-10, 10, 60)


def test_crop_of_its_own_size_is_the_pixels() -> None:
    image = gradient(100, 120)
    crop = crop_face(image, Face((30, 40, 50, 60), 1), 20, CropSpec())
    assert np.array_equal(crop, image[40:60, 30:50])


def test_halved_crop_is_the_mean_of_four_pixels() -> None:
    image = gradient(100, 120)
    crop = crop_face(image, Face((30, 40, 50, 60), 1), 10, CropSpec()).astype(int)
    means = image[40:60, 30:50].reshape(10, 2, 10, 2, 3).mean(axis=(1, 3))
    assert np.abs(crop - means).max() <= 0.5


def test_shrinking_averages_as_area_does_and_never_drops_a_line() -> None:
    """A line of one pixel in 30 is lost to interpolation alone; against OpenCV's own average."""
    image = np.zeros((300, 300, 3), np.uint8)
    image[7::30] = 255
    for size in (96, 50, 30, 10):
        small = resized(image, size, size)
        assert small.shape == (size, size, 3)
        assert small.mean() == pytest.approx(image.mean(), rel=0.5)
        area = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
        assert np.abs(small.astype(int) - area).mean() < 6
    assert cv2.resize(image, (10, 10), interpolation=cv2.INTER_LINEAR).mean() == 0  # what it would be


def test_shrinking_keeps_places() -> None:
    """A face must not move: the gradient stays a gradient, to half a pixel of the source for each halving."""
    image = gradient(240, 240)
    small = resized(image, 50, 50).astype(float)  # two halvings, then 60 to 50
    centers = (np.arange(50) + 0.5) * 240 / 50 - 0.5
    assert np.abs(small[25, :, 0] - centers).max() < 1.5
    assert np.abs(small[:, 25, 1] - centers).max() < 1.5


def test_enlarging_is_bilinear() -> None:
    image = gradient(20, 30)
    assert np.array_equal(resized(image, 61, 47), cv2.resize(image, (61, 47), interpolation=cv2.INTER_LINEAR))


@pytest.mark.parametrize(
    ("box", "inside"),
    [((-10, 5, 10, 25), (slice(None), slice(10, None))), ((110, 85, 130, 105), (slice(0, 15), slice(0, 10)))],
)
def test_beyond_the_edge_the_nearest_pixels_go_on(box: tuple[float, ...], inside: tuple[slice, slice]) -> None:
    image = gradient(100, 120)
    crop = crop_face(image, Face(box, 1), 20, CropSpec())  # type: ignore[arg-type]
    x, y = int(box[0]), int(box[1])
    rows, columns = np.clip(np.arange(y, y + 20), 0, 99), np.clip(np.arange(x, x + 20), 0, 119)
    assert np.array_equal(crop, image[np.ix_(rows, columns)])
    assert np.array_equal(crop[inside], image[max(y, 0) : y + 20, max(x, 0) : x + 20])


@pytest.mark.parametrize("box", [(500, 500, 520, 520), (10, 10, 10, 10)])
def test_a_senseless_box_gives_a_crop_all_the_same(box: tuple[float, float, float, float]) -> None:
    assert crop_face(gradient(100, 120), Face(box, 1), 16, CropSpec()).shape == (16, 16, 3)
