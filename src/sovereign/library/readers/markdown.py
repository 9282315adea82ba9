"""Markdown with an optional YAML front matter: notes, and works that someone has as Markdown.

The stored text is the decoded file, front matter and all, so its SHA-256 is that of the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .._types import Failure, Stored, sha256_of
from ._port import SOURCE_ID, Document, one_line, slug, unusable

_MAX_BYTES = 5_000_000
_MAX_FRONT = 64_000
_FRONT = re.compile(r"\ufeff?---[ \t]*\r?\n(.*?)(?:^---[ \t]*(?:\r?\n|\Z))", re.DOTALL | re.MULTILINE)
# A lone rule at the top is Markdown: a front matter is one only if a key stands under the hyphens.
_OPENS_FRONT = re.compile(r"\ufeff?---[ \t]*\r?\n[A-Za-z_][\w-]*[ \t]*:")
_HEADING = re.compile(r"^#{1,6}[ \t]+(.+?)[ \t#]*$", re.MULTILINE)
_LEVELS = ("metadata", "abstract", "full_text")


class MarkdownReader:
    """One source per file: a `note` unless the front matter says `work`."""

    name = "markdown"
    version = "1"

    def accepts(self, path: Path) -> bool:
        """Markdown by its suffix."""
        return path.suffix.lower() in (".md", ".markdown")

    def read(self, document: Document) -> Iterator[Stored | Failure]:
        """The file's source, or why there is none."""
        try:
            if document.path.stat().st_size > _MAX_BYTES:
                yield document.fail("is larger than 5 MB: split it into smaller files")
                return
            raw = document.path.read_bytes()
        except OSError as error:
            yield document.fail(f"cannot be read: {error.strerror}; check its permissions")
            return
        if not raw.strip():
            yield document.fail("is empty: write a text into it, or delete it")
            return
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            yield document.fail(
                f"is not UTF-8 (byte {error.start}): convert it, for example with `iconv -f LATIN1 -t UTF-8`"
            )
            return
        reason = unusable(text)
        yield document.fail(reason) if reason else self._source(document, text)

    def _source(self, document: Document, text: str) -> Stored | Failure:
        front, start, fault = _front_matter(text)
        if fault:
            return document.fail(fault)
        body = text[start:]
        if not body.strip("\ufeff \t\r\n"):
            return document.fail("has a front matter and no text: write the note below it")
        kind = str(front.get("kind", "note"))
        if kind not in ("note", "work"):
            return document.fail(f"kind is {kind!r}: a file can be a note or a work; measurements come from packs")
        source_id = str(front.get("id") or f"note:{slug(document.relative.with_suffix('').as_posix())}")
        about = front.get("about")
        for name, value in (("id", source_id), ("about", about)):
            if value is not None and not SOURCE_ID.fullmatch(str(value)):
                return document.fail(f"{name} is {str(value)[:80]!r}: write scheme:local, such as note:2511.18314")
        if source_id.startswith("measurement:"):
            return document.fail("id begins with measurement: that scheme is for the results of packs; choose another")
        level = None
        if kind == "work":
            # Unstated, we claim the least that a text of one's own can be.
            level = str(front.get("text_level", "abstract"))
            if level not in _LEVELS:
                return document.fail(f"text_level is {level!r}: write one of {', '.join(_LEVELS)}")
        year = front.get("year")
        if year is not None and (isinstance(year, bool) or not isinstance(year, int) or not 0 < year < 10_000):
            return document.fail(f"year is {str(year)[:80]!r}: write four digits")
        lists = {}
        for name in ("systems", "authors"):
            value = front.get(name) or []
            value = [value] if isinstance(value, str) else value
            if not isinstance(value, list) or not all(isinstance(v, str | int | float) for v in value):
                return document.fail(f"{name} must be a list of names, such as [AnyExperts]")
            lists[name] = tuple(one_line(str(v)) for v in value)
        heading = _HEADING.search(body)
        title = front.get("title") or (heading[1] if heading else document.path.stem)
        address = front.get("address")
        return Stored(
            id=source_id, title=one_line(str(title))[:1000] or document.path.stem, kind=kind, text_level=level,
            sha256=sha256_of(text), text=text, about=None if about is None else str(about), systems=lists["systems"],
            address=None if address is None else str(address)[:2000], authors=lists["authors"], year=year,
            body_start=start, reader=f"{self.name} {self.version}",
        )  # fmt: skip


def _front_matter(text: str) -> tuple[dict[str, Any], int, str | None]:
    """(fields, where the text proper begins, fault)."""
    bom = 1 if text.startswith("\ufeff") else 0
    if not _OPENS_FRONT.match(text):
        return {}, bom, None
    match = _FRONT.match(text)
    if not match:
        return {}, 0, "its front matter is not closed: end it with a line of three hyphens"
    if len(match[1]) > _MAX_FRONT:
        return {}, 0, "its front matter is over 64 kB: move the text below it"
    import yaml

    try:
        front = yaml.safe_load(match[1])
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        at = f" at line {mark.line + 2}" if mark else ""
        return {}, 0, f"its front matter is not valid YAML{at}: correct it (quote a title that holds a colon)"
    if not isinstance(front, dict):
        return {}, 0, "its front matter is not a list of `key: value` lines: correct it"
    return front, match.end(), None
