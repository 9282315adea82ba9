"""Canonical JSON: one value, one sequence of bytes; everything else is refused."""

from __future__ import annotations

import math

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from sovereign.records import KeyEntry
from sovereign.seal import NotCanonical, SealError, canonical, digest, parse

_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(_JSON)
def test_what_is_written_is_read_back_and_is_canonical(value: object) -> None:
    data = canonical(value)
    assert parse(data) == value
    assert canonical(parse(data)) == data


@given(_JSON)
def test_the_fast_way_writes_what_rfc8785_does(value: object) -> None:
    assert canonical(value) == rfc8785.dumps(value)  # type: ignore[arg-type]


@given(st.floats(allow_nan=False, allow_infinity=False) | st.floats(-1e-3, 1e-3) | st.floats(1e14, 1e22))
def test_every_float_is_written_as_rfc8785_does(value: float) -> None:
    assert canonical([value, -value]) == rfc8785.dumps([value, -value])


def test_keys_are_sorted_by_utf16_and_numbers_are_written_as_ecmascript_does() -> None:
    value = {"b": 1, "a": 2.0, "é": [1e21, 1e-7, 0.1, -0.0]}
    assert canonical(value) == '{"a":2,"b":1,"é":[1e+21,1e-7,0.1,0]}'.encode()
    assert canonical({"\U0001f600": 1, "ﬀ": 2}) == '{"\U0001f600":1,"ﬀ":2}'.encode()  # RFC 8785, section 3.2.3


def test_documents_are_written_by_their_field_names() -> None:
    entry = KeyEntry(fingerprint="SHA256:" + "0" * 64, public_key="AA==")
    assert canonical(entry).startswith(b'{"algorithm":"ed25519","fingerprint":')


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 2**53, -(2**53), "\ud800", {1: 2}, b"x", object()])
def test_what_json_cannot_say_is_an_error(value: object) -> None:
    with pytest.raises(SealError, match=r"canonical|Unicode"):
        canonical({"x": value})


def test_nesting_without_end_is_an_error_not_a_crash() -> None:
    value: list[object] = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(SealError, match="nested"):
        canonical(value)
    with pytest.raises(NotCanonical):
        parse(b"[" * 100_000 + b"]" * 100_000)


@pytest.mark.parametrize(
    "data",
    [
        b'{"b":1,"a":2}',
        b'{"a": 1}',
        b'{"a":1}\n',
        b'{"a":1,"a":1}',
        b'{"a":1.0}',
        b'{"a":1e2}',
        b'{"a":-0}',
        b'{"a":"\\u0041"}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":9007199254740993}',
        b'{"a":"\\ud800"}',
        b"\xef\xbb\xbf{}",
        b'{"a":"\xff"}',
        b'{"a":' + b"1" * 5000 + b"}",
        b"",
        b"{",
    ],
)
def test_bytes_that_are_not_the_one_form_are_refused(data: bytes) -> None:
    with pytest.raises(NotCanonical):
        parse(data)


def test_a_large_float_survives_although_its_form_looks_like_an_integer() -> None:
    assert canonical(1e17) == b"100000000000000000"
    assert parse(b"100000000000000000") == 1e17


def test_digest_of_a_text_is_that_of_its_utf8_bytes() -> None:
    assert digest("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digest("é") == digest("é".encode())
