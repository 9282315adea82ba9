"""Canonical JSON (RFC 8785) and the digests that are taken of it.

Every JSON document of a record is stored in exactly this form, so that one value has one sequence of bytes and any
changed byte shows: as another digest, or as bytes that are not canonical.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NoReturn

import rfc8785

from sovereign.records import OUTSIDE_BODY, Document, Record

from .errors import NotCanonical, SealError

_SAFE_INTEGER = 2**53 - 1


def canonical(value: Document | Any) -> bytes:
    """The RFC 8785 bytes of a document or of a plain JSON value; no trailing newline.

    Raises:
        SealError: a NaN, an infinity, an integer beyond 2^53 - 1, a lone surrogate, a key that is no string, or a
            value that JSON does not have.
    """
    plain = value.to_json() if isinstance(value, Document) else value
    try:
        return _write(plain)
    except RecursionError as error:
        raise SealError("the value is nested too deeply to be written", "flatten it") from error
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise SealError(
            f"the value has no canonical JSON form: {error}",
            "write finite numbers, integers below 2^53, and text that is valid Unicode",
        ) from error


def digest(data: bytes | str) -> str:
    """SHA-256 of bytes, or of the UTF-8 bytes of a text; lower-case hexadecimal."""
    return hashlib.sha256(data.encode("utf-8") if isinstance(data, str) else data).hexdigest()


def parse(data: bytes) -> Any:
    """The JSON value of canonical bytes.

    An integer literal beyond 2^53 - 1 is read as a float: that is what RFC 8785 makes of a large float.

    Raises:
        NotCanonical: the bytes are not UTF-8, not JSON, or not the canonical form of the value that they spell
            (another order of keys, white space, a key given twice, another spelling of a number or a letter).
    """
    try:
        value = json.loads(data.decode("utf-8"), parse_int=_integer, parse_constant=_constant)
        again = _write(value)
    except RecursionError as error:
        raise NotCanonical("the JSON is nested too deeply to be read") from error
    except ValueError as error:  # also UnicodeDecodeError, JSONDecodeError and rfc8785's own
        raise NotCanonical(f"not JSON: {error}") from error
    if again != data:
        where = _differs_at(data, again)
        raise NotCanonical(f"not in canonical form (RFC 8785): the first difference is at byte {where}")
    return value


def body_digest(record: Record | Mapping[str, Any]) -> str:
    """SHA-256 of the canonical body of a record: all of its fields but id, version, body digest and times."""
    fields = record.to_json() if isinstance(record, Record) else record
    return digest(canonical({name: value for name, value in fields.items() if name not in OUTSIDE_BODY}))


class _Rare(Exception):
    """A value for which the standard encoder and RFC 8785 may differ."""


def _write(value: Any) -> bytes:
    """RFC 8785 by the standard library's encoder where both agree, by `rfc8785` where they may not.

    The encoder is in C; the whole is about four times as fast. A test compares both on arbitrary values.
    """
    try:
        text = json.dumps(_common(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return text.encode("utf-8")
    except (_Rare, ValueError):
        return rfc8785.dumps(value)


def _common(value: Any) -> Any:
    """The value with whole floats as integers; _Rare where the encoder would not write what RFC 8785 does.

    Keys are sorted by code point there and by UTF-16 unit here: the same for ASCII. Floats between 1e-4 and 1e15 are
    written alike, in the fewest digits and without an exponent.
    """
    if value is None or value is True or value is False or type(value) is str:
        return value
    if type(value) is int:
        if abs(value) > _SAFE_INTEGER:
            raise _Rare
        return value
    if type(value) is float:
        if not 1e-4 <= abs(value) < 1e15:
            raise _Rare
        return int(value) if value.is_integer() else value
    if type(value) is dict:
        if not all(type(name) is str and name.isascii() for name in value):
            raise _Rare
        return {name: _common(item) for name, item in value.items()}
    if type(value) is list or type(value) is tuple:
        return [_common(item) for item in value]
    raise _Rare


def _integer(literal: str) -> int | float:
    value = int(literal)
    return value if abs(value) <= _SAFE_INTEGER else float(literal)


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _differs_at(left: bytes, right: bytes) -> int:
    for index, (one, other) in enumerate(zip(left, right, strict=False)):
        if one != other:
            return index
    return min(len(left), len(right))
