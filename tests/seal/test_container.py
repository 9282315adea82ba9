"""The container: one content, one sequence of bytes, and any ZIP tool can read it."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sovereign.seal import SealError, pack_files

_PATH = st.text(st.sampled_from("abcXYZ019-._/"), min_size=1, max_size=20)


@given(st.dictionaries(_PATH, st.binary(max_size=200), max_size=6))
def test_zipfile_reads_back_what_was_packed(files: dict[str, bytes]) -> None:
    data = pack_files(files)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == sorted(files)
        assert {name: archive.read(name) for name in files} == files
        assert all(info.compress_type == zipfile.ZIP_STORED for info in archive.infolist())
        assert all(info.external_attr >> 16 == 0o100644 for info in archive.infolist())
        assert all(info.date_time == (1980, 1, 1, 0, 0, 0) for info in archive.infolist())


def test_the_order_of_files_does_not_matter() -> None:
    assert pack_files({"a": b"1", "b": b"2"}) == pack_files({"b": b"2", "a": b"1"})


def test_a_path_that_is_not_ascii_is_refused() -> None:
    with pytest.raises(SealError, match="ASCII"):
        pack_files({"é": b""})
