"""CIFAR-10, binary version: records of one label byte and 3,072 bytes, red, green and blue plane of 32 x 32.

Files data_batch_1.bin to data_batch_5.bin and test_batch.bin of 10,000 records each (cs.toronto.edu/~kriz/cifar.html).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from routelab._errors import BadData
from routelab.data.files import write_bytes

RECORD: Final = 1 + 3 * 32 * 32
CLASSES: Final = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
TRAIN_FILES: Final = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
TEST_FILE: Final = "test_batch.bin"

Labelled = tuple[NDArray[np.uint8], NDArray[np.int64]]


def load_file(path: str | Path) -> Labelled:
    """Images uint8 [n, 32, 32, 3] and labels int64 [n] of one file.

    Raises:
        BadData: it is missing, not a whole number of records, or a label is over 9 (as in CIFAR-100's files).
    """
    try:
        data = np.fromfile(path, np.uint8)
    except FileNotFoundError:
        raise BadData(f"{path}: there is no such file", "unpack cifar-10-binary.tar.gz there") from None
    except OSError as error:
        raise BadData(f"{path}: cannot be read: {error.strerror}") from None
    if data.size == 0 or data.size % RECORD:
        raise BadData(f"{path}: {data.size} bytes are no whole number of records of {RECORD}", "is it cut short?")
    records = data.reshape(-1, RECORD)
    labels = records[:, 0].astype(np.int64)
    if labels.max() >= len(CLASSES):
        bad = int(np.argmax(labels >= len(CLASSES)))
        said = f"record {bad}: label {labels[bad]} is not in 0 .. 9"
        raise BadData(f"{path}: {said}", "is this CIFAR-10's binary version?")
    return records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1).copy(), labels


def load_folder(folder: str | Path, *, train: bool) -> Labelled:
    """The five training files together, or the test file."""
    parts = [load_file(Path(folder) / name) for name in (TRAIN_FILES if train else (TEST_FILE,))]
    return np.concatenate([images for images, _ in parts]), np.concatenate([labels for _, labels in parts])


def write_file(path: str | Path, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> Path:
    """One file in the binary format."""
    if images.shape[1:] != (32, 32, 3) or images.dtype != np.uint8 or images.shape[0] != labels.shape[0]:
        raise BadData(f"images of shape {images.shape} and {labels.shape[0]} labels", "give uint8 [n, 32, 32, 3]")
    if labels.size and not 0 <= int(labels.min()) <= int(labels.max()) < len(CLASSES):
        raise BadData("a label is not in 0 .. 9")
    planes = images.transpose(0, 3, 1, 2).reshape(images.shape[0], -1)
    return write_bytes(path, np.concatenate([labels[:, None].astype(np.uint8), planes], 1).tobytes())
