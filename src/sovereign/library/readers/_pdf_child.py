"""Run as a program, in a process of its own: a PDF on standard input into JSON lines on standard output.

The first line is `{"pages": n, "title": t}`, then one line per page:
`[[text, x0, y0, x1, y1, size, bold, angle, ends], ...]` with places in points from the lower left corner; a row of text
is its pieces up to the one that has `ends` (1 at a line's end, 2 where a hyphen broke a word). The last line is
`{"end": why}`. A parser that crashes, loops or eats memory does so here. Imports nothing of ours.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import resource
import sys
import time
from collections.abc import Iterator
from io import BytesIO
from typing import Any

_MAX_PAGE_CHARS = 200_000
_MAX_CHARS = 15_000_000
NO_PASSWORD, BROKEN, TOO_BIG = 11, 12, 13


def limit(seconds: int, megabytes: int) -> None:
    """Let this process end, not the machine, when a file asks for too much."""
    for what, most in (
        (resource.RLIMIT_CPU, seconds), (resource.RLIMIT_AS, megabytes * 1_000_000),
        (resource.RLIMIT_FSIZE, 400_000_000),
        (resource.RLIMIT_CORE, 0), (resource.RLIMIT_NOFILE, 64),
    ):  # fmt: skip
        _, hard = resource.getrlimit(what)
        resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


class Letters:
    """One page's letters with their places, gathered into pieces: new ones at a line's end and at a wide gap."""

    def __init__(self, raw: Any, textpage: Any) -> None:
        self._raw, self._page = raw, textpage
        self._box = [ctypes.c_double() for _ in range(4)]  # left, right, bottom, top
        self._places = [ctypes.byref(value) for value in self._box]
        self._name, self._flags = ctypes.create_string_buffer(200), ctypes.c_int()
        self.pieces: list[list[Any]] = []
        self._letters: list[str] = []
        self._first = self._last = -1
        self._edges = [0.0, 0.0, 0.0, 0.0]

    def read(self, text: str) -> list[list[Any]]:
        """The pieces of a text whose signs are those of the page, index by index."""
        for at, sign in enumerate(text):
            if sign in "\r\n":
                self._close(1)
            elif sign in "\ufffe\x02":
                self._close(2)
            elif sign.isspace() or not self._raw.FPDFText_GetCharBox(self._page, at, *self._places):
                self._letters.append(" " if sign.isspace() else sign)
            else:
                self._place(at)
                self._letters.append(sign)
        self._close(1)
        return self.pieces

    def _place(self, at: int) -> None:
        left, right, bottom, top = (value.value for value in self._box)
        if self._first >= 0 and left - self._edges[1] > max(self._size(self._last), 4.0) * 0.95:
            self._close(0)
        if self._first < 0:
            self._first, self._edges = at, [left, right, bottom, top]
        else:
            edges = self._edges
            self._edges = [min(edges[0], left), max(edges[1], right), min(edges[2], bottom), max(edges[3], top)]
        self._last = at

    def _size(self, at: int) -> float:
        size = float(self._raw.FPDFText_GetFontSize(self._page, at)) or 1.0
        tall = self._edges[3] - self._edges[2]
        return tall * 1.4 if size < 2.0 < tall else size  # a font of size 1, scaled by its matrix

    def _close(self, ends: int) -> None:
        words = "".join(self._letters).encode("utf-16", "surrogatepass").decode("utf-16", "replace").strip()
        if words and self._first >= 0:
            # Marks of notes and small capitals are smaller than the row that they stand in; a heading that runs into
            # its paragraph is none.
            sampled = (self._first, (self._first + self._last) // 2, self._last)
            left, right, bottom, top = (round(edge, 1) for edge in self._edges)
            angle = round(self._raw.FPDFText_GetCharAngle(self._page, self._first), 2)
            size = round(max(map(self._size, sampled)), 1)
            self.pieces.append([words, left, bottom, right, top, size, int(all(map(self._bold, sampled))), angle, ends])
        elif ends and self.pieces:
            self.pieces[-1][8] = self.pieces[-1][8] or ends
        self._letters, self._first, self._last = [], -1, -1

    def _bold(self, at: int) -> bool:
        self._raw.FPDFText_GetFontInfo(self._page, at, self._name, 200, ctypes.byref(self._flags))
        face = self._name.value.decode("latin-1").lower()
        return any(mark in face for mark in ("bold", "medi", "black", "cmbx", "semib", "heavy", "-bd"))


def with_pdfium(data: bytes) -> Iterator[Any]:
    """The lines for a PDF, by PDFium."""
    import pypdfium2
    import pypdfium2.raw as raw

    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        said = str(error).lower()
        sys.exit(NO_PASSWORD if "password" in said or "security" in said else BROKEN)
    yield {"pages": len(document), "title": (document.get_metadata_dict() or {}).get("Title", "")[:1000]}
    for number in range(len(document)):
        try:
            page = document[number]
            textpage = page.get_textpage()
            count = min(textpage.count_chars(), _MAX_PAGE_CHARS)
            text = textpage.get_text_range(0, count) if count > 0 else ""
            if len(text) != count:  # signs outside the basic plane, or none at all: one by one
                text = "".join(chr(raw.FPDFText_GetUnicode(textpage, at) or 0xFFFD) for at in range(count))
        except pypdfium2.PdfiumError:
            yield []
            continue
        yield Letters(raw, textpage).read(text)
        textpage.close()
        page.close()


def with_pypdf(data: bytes) -> Iterator[Any]:
    """The lines for a PDF, by pypdf: rows in the order of the file, without places."""
    import logging

    import pypdf
    from pypdf.errors import PyPdfError

    logging.disable(logging.CRITICAL)
    try:
        reader = pypdf.PdfReader(BytesIO(data), strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            sys.exit(NO_PASSWORD)
        pages = len(reader.pages)
        metadata = reader.metadata
        title = str(metadata.title or "")[:1000] if metadata else ""
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError, OSError, RecursionError):
        sys.exit(BROKEN)
    yield {"pages": pages, "title": title}
    for number in range(pages):
        lines: list[str] = []
        with contextlib.suppress(Exception):  # a broken page costs itself
            lines = (reader.pages[number].extract_text() or "")[:_MAX_PAGE_CHARS].split("\n")
        row = 800.0
        pieces: list[Any] = []
        for line in lines:
            row -= 12.0
            pieces.append([line.strip(), 72.0, row, 72.0 + 5.0 * len(line.rstrip()), row + 10.0, 10.0, 0, 0.0, 1])
        yield [piece for piece in pieces if piece[0]]


def main() -> None:
    """`_pdf_child.py ENGINE PAGES SECONDS MEGABYTES`."""
    engine, pages, seconds, megabytes = sys.argv[1], *map(int, sys.argv[2:5])
    limit(seconds + 5, megabytes)
    started, chars = time.monotonic(), 0
    data = sys.stdin.buffer.read()
    why = "whole"
    try:
        for number, line in enumerate(with_pdfium(data) if engine == "pdfium" else with_pypdf(data)):
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()
            if number == 0:
                continue
            chars += sum(len(piece[0]) for piece in line)
            if number >= pages:
                why = "pages"
            elif time.monotonic() - started > seconds:
                why = "time"
            elif chars > _MAX_CHARS:
                why = "size"
            if why != "whole":
                break
    except MemoryError:
        sys.exit(TOO_BIG)
    sys.stdout.write(json.dumps({"end": why}) + "\n")


if __name__ == "__main__":
    main()
