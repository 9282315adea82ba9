"""Pictures in and out: arrays to PNG, and encoded bytes to arrays, refused where they are no picture."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from routelab._errors import BadData

_MOST_PIXELS = 64 * 2**20  # more is no benchmark's picture: what a small file can unpack to has a bound


def png(pixels: NDArray[np.uint8]) -> bytes:
    """PNG of uint8 [height, width, 3]; the same bytes for the same pixels."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(out, "PNG")
    return out.getvalue()


def pixels_of(data: bytes, named: str) -> NDArray[np.uint8]:
    """uint8 [height, width, 3] of an encoded picture.

    Raises:
        BadData: it is no picture, is cut short, or is unreasonably large; `named` says which.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as picture:
            _bounded(picture.size, named)
            return np.array(picture.convert("RGB"), np.uint8)
    except BadData:
        raise
    except Exception as error:  # Pillow raises many kinds, some of them struct's and zlib's
        raise BadData(f"{named} is not a picture that can be read ({type(error).__name__})") from None


def looked_at(data: bytes, named: str) -> None:
    """Raises `BadData` if it is no picture, or cut short, without keeping what it shows."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as picture:
            _bounded(picture.size, named)
            picture.load()
    except BadData:
        raise
    except Exception as error:
        raise BadData(f"{named} is not a picture that can be read ({type(error).__name__})") from None


def load_picture(path: str | Path) -> NDArray[np.uint8]:
    """uint8 [height, width, 3] of a picture file."""
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise BadData(f"{path}: there is no such file") from None
    except OSError as error:
        raise BadData(f"{path}: cannot be read: {error.strerror}") from None
    return pixels_of(data, str(path))


def _bounded(size: tuple[int, int], named: str) -> None:
    if size[0] * size[1] > _MOST_PIXELS:
        raise BadData(f"{named} has {size[0]} x {size[1]} pixels", f"at most {_MOST_PIXELS} are read")
