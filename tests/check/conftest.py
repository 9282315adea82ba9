"""An honest export, its key, and a forger's key; made once per module."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.records import RECORD_ID, write_small

from sovereign.seal import Key


@pytest.fixture(scope="module")
def owner() -> Key:
    return Key.generate()


@pytest.fixture(scope="module")
def forger() -> Key:
    return Key.generate()


@pytest.fixture(scope="module")
def export(owner: Key, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("honest")
    archive, _ = write_small(folder / "records", owner)
    path: Path = archive.export(RECORD_ID, folder / "record.zip", key=owner)
    return path.read_bytes()
