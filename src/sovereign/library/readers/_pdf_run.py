"""The PDF parser, run in a process of its own under limits: a crash or an endless loop costs one file."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ._paper import Unreadable
from ._pdf_child import BROKEN, NO_PASSWORD, TOO_BIG

_CHILD = Path(__file__).with_name("_pdf_child.py")
MAX_PAGES, MAX_SECONDS, MAX_MEGABYTES = 1000, 60, 4000


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of text on a page, in points from the upper left corner."""

    text: str
    x0: float
    top: float
    x1: float
    bottom: float
    size: float
    bold: bool
    angle: float
    ends: int  # 0 within a row, 1 at its end, 2 where a hyphen breaks a word


@dataclass(frozen=True, slots=True)
class Parsed:
    """What the parser gave: `end` is "whole", "pages", "time" or "size"; `total` counts the pages of the file."""

    engine: str
    total: int
    title: str
    pages: list[list[Piece]]
    end: str


class _Failed(Exception):
    """The parser did not come to an end; the message says how."""


def parse(data: bytes, pages: int = MAX_PAGES, seconds: int = MAX_SECONDS, megabytes: int = MAX_MEGABYTES) -> Parsed:
    """The pages of a PDF, by PDFium, and by pypdf where that fails.

    Raises:
        Unreadable: it is encrypted, or neither parser comes to an end with it.
    """
    said = []
    for engine in ("pdfium", "pypdf"):
        try:
            return _run(engine, data, pages, seconds, megabytes)
        except _Failed as failed:
            said.append(f"{engine}: {failed}")
    raise Unreadable(f"is a damaged or truncated PDF ({'; '.join(said)})", "fetch it again, or print it to a new PDF")


def _run(engine: str, data: bytes, pages: int, seconds: int, megabytes: int) -> Parsed:
    command = [sys.executable, "-I", str(_CHILD), engine, str(pages), str(seconds), str(megabytes)]
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as out:
        source.write(data)
        source.seek(0)
        child = subprocess.Popen(
            command,
            stdin=source,
            stdout=out,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={"LC_ALL": "C.UTF-8"},
        )
        late = False
        try:
            code = child.wait(seconds + 30)
        except subprocess.TimeoutExpired:
            late, code = True, -signal.SIGKILL
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
        out.seek(0)
        lines = out.read().split(b"\n")
    if code == NO_PASSWORD:
        raise Unreadable(
            "is encrypted and asks for a password", "save a copy without one, for example with `qpdf --decrypt`"
        )
    if late or code in (-signal.SIGXCPU, -signal.SIGKILL):
        raise _Failed(f"no end after {seconds} s")
    if code in (TOO_BIG, -signal.SIGABRT):
        raise _Failed(f"out of memory at {megabytes} MB")
    if code != 0:
        raise _Failed("cannot open it" if code == BROKEN else f"crashed ({code})")
    try:
        head, *rest = [json.loads(line) for line in lines if line]
        end = rest.pop()["end"]
        return Parsed(engine, int(head["pages"]), str(head["title"]), [_page(page) for page in rest], end)
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise _Failed("its output is not whole") from error


def _page(rows: list[list[Any]]) -> list[Piece]:
    return [
        Piece(str(t), x0, -y1, x1, -y0, size, bool(bold), angle, ends)
        for t, x0, y0, x1, y1, size, bold, angle, ends in rows
    ]
