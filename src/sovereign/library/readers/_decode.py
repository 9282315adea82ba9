"""Bytes into characters, where what is declared may be wrong: a byte order mark, then UTF-8 that is valid, then the
declared charset, then what the bytes look like."""

from __future__ import annotations

import codecs
import re

from ._paper import Unreadable

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # fmt: skip
_META = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{2,40})", re.I)
_XML = re.compile(rb"<\?xml[^>]*encoding\s*=\s*[\"']([A-Za-z0-9_.:-]{2,40})", re.I)
_PARAMETER = re.compile(r"charset\s*=\s*[\"']?([A-Za-z0-9_.:-]{2,40})", re.I)
# What the web calls these is wider than what Python does.
_WIDER = {"iso8859-1": "cp1252", "ascii": "cp1252", "iso8859-9": "cp1254", "gb2312": "gb18030", "gbk": "gb18030"}
_GUESS_FROM = 200_000


def decode(data: bytes, media_type: str = "", markup: bool = False) -> str:
    """The characters of a text.

    Raises:
        Unreadable: it is binary, or no charset that we know gives readable text.
    """
    for mark, charset in _MARKS:
        if data.startswith(mark):
            return _without_nul(data[len(mark) :].decode(charset, "replace"))
    if wide := _wide(data):
        return _without_nul(data.decode(wide, "replace"))
    try:
        return _without_nul(data.decode())
    except UnicodeDecodeError as error:
        # A file that was cut off inside its last character is still UTF-8.
        if error.start >= len(data) - 3 and len(data) > 3:
            return _without_nul(data[: error.start].decode())
    for declared in _declared(data, media_type) if markup else _declared(b"", media_type):
        text = _strictly(data, declared)
        if text is not None and not _garbled(text):
            return _without_nul(text)
    return _without_nul(_guess(data))


def _wide(data: bytes) -> str | None:
    """UTF-16 without a mark: every other byte of the beginning is mostly NUL."""
    head = data[:2000]
    if len(head) < 16:
        return None
    even, odd = head[::2].count(0) / len(head[::2]), head[1::2].count(0) / len(head[1::2])
    if odd > 0.4 and even < 0.05:
        return "utf-16-le"
    return "utf-16-be" if even > 0.4 and odd < 0.05 else None


def _declared(data: bytes, media_type: str) -> list[str]:
    found = _PARAMETER.findall(media_type)
    found += [m.decode("ascii") for m in (*_XML.findall(data[:1024]), *_META.findall(data[:8192]))]
    names = []
    for name in found:
        try:
            known = codecs.lookup(name).name
        except LookupError:
            continue
        if not known.startswith(("utf", "hex", "base64", "rot13", "uu", "zip", "bz2", "quopri", "punycode", "idna")):
            names.append(_WIDER.get(known, known))
    return names


def _strictly(data: bytes, charset: str) -> str | None:
    try:
        text = data.decode(charset)
    except (UnicodeError, LookupError, ValueError):
        return None
    return text if isinstance(text, str) else None


def _garbled(text: str) -> bool:
    """Whether letters are of a wrong charset: Cyrillic read as Latin-1 is runs of accented letters."""
    accented = len(re.findall(r"[\u0080-\u009f\u00c0-\u00ff]", text))
    in_runs = sum(map(len, re.findall(r"[\u00c0-\u00ff]{4,}", text)))
    mixed = len(re.findall(r"[\u0400-\u04ff]{1,3}[\u2500-\u259f]|[а-я][А-Я]{2,}[а-я]", text))
    letters = sum(c.isalpha() for c in text[:_GUESS_FROM]) or 1
    return (accented > 8 and in_runs > accented * 0.5) or mixed * 10 > letters


def _guess(data: bytes) -> str:
    from charset_normalizer import from_bytes

    found = from_bytes(data[:_GUESS_FROM]).best()
    if found is not None:
        text = _strictly(data, found.encoding)
        if text is not None:
            return text
    if text := _strictly(data, "cp1252"):
        return text
    raise Unreadable("is text of no charset that we can tell, or binary", "convert it to UTF-8")


def _without_nul(text: str) -> str:
    if "\0" in text or sum(c < " " and c not in "\t\n\r\f\x1b" for c in text[:20_000]) > len(text[:20_000]) * 0.02:
        raise Unreadable("is binary, not text", "convert it to plain text or PDF")
    return text
