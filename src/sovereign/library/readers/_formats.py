"""The formats of papers, and which of them some bytes are: by their first bytes, then by name and media type."""

from __future__ import annotations

import re

from ._paper import Format, Paper, Unreadable

MAX_FILE = 150_000_000
BUNDLE_SUFFIXES = (".tar.gz", ".tgz", ".tar", ".gz", ".zip")
_HEAD = 4096
_HTML = re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*(?:<!doctype\s+html|<html|<head|<body)", re.I | re.S)
_JATS = re.compile(rb"<!DOCTYPE\s+(?:pmc-)?article\b|<(?:\w+:)?(?:article|pmc-articleset)[\s>]")
_XML = re.compile(rb"\s*<(?:\?xml\b|!DOCTYPE\s+(?!html)|[A-Za-z])", re.I)
_TEX = re.compile(rb"^[^%\n]*\\(?:documentclass|documentstyle|begin\s*\{document\}|bye\b)", re.M)


def _pdf(data: bytes, _: str) -> Paper:
    from .pdf import read_pdf

    return read_pdf(data)


def _tex(data: bytes, _: str) -> Paper:
    from .tex import read_tex

    return read_tex(data)


def _html(data: bytes, media_type: str) -> Paper:
    from .html import read_html

    return read_html(data, media_type)


def _jats(data: bytes, _: str) -> Paper:
    from .jats import read_jats

    return read_jats(data)


def _text(data: bytes, media_type: str) -> Paper:
    from .plain import read_text

    return read_text(data, media_type)


_MEDIA_TEX = ("application/x-tex", "text/x-tex", "application/x-latex")
_MEDIA_XML = ("application/jats+xml", "application/xml", "text/xml")
PDF = Format("pdf", "1", 1, (".pdf",), ("application/pdf", "application/x-pdf"), MAX_FILE, _pdf)
TEX = Format("tex", "1", 3, (".tex", ".ltx"), _MEDIA_TEX, 32_000_000, _tex)
HTML = Format("html", "1", 3, (".html", ".htm", ".xhtml"), ("text/html", "application/xhtml+xml"), 32_000_000, _html)
JATS = Format("jats", "1", 3, (".nxml", ".xml"), _MEDIA_XML, 64_000_000, _jats)
TEXT = Format("text", "1", 2, (".txt", ".text"), ("text/plain",), 32_000_000, _text)
FORMATS = (TEX, HTML, JATS, TEXT, PDF)


def sniff(data: bytes, name: str, media_type: str) -> Format | None:
    """The format of some bytes; None for an archive (tar, gzip, zip).

    Raises:
        Unreadable: they are of no format that we read, or of another than their name says.
    """
    head = data[:_HEAD]
    lower, media = name.lower(), media_type.split(";")[0].strip().lower()
    named = next((one for one in FORMATS if lower.endswith(one.suffixes)), None)
    claimed = named or next((one for one in FORMATS if media in one.media_types), None)
    if b"%PDF-" in head[:1024]:
        return PDF
    if head.startswith((b"\x1f\x8b", b"PK\x03\x04", b"PK\x05\x06")) or data[257:262] == b"ustar":
        return None
    if claimed is PDF:
        what = "an HTML page" if _HTML.match(head) else "no PDF"
        raise Unreadable(f"is named a PDF and is {what}", "fetch it again: some services send a page")
    if claimed in (HTML, TEX):
        return claimed
    if _HTML.match(head):
        return HTML
    if claimed is JATS or (claimed is None and _XML.match(head)):
        if not _JATS.search(data[:65536]) and b"\0" not in head:
            raise Unreadable("is XML and not JATS (its root is no <article>)", "add the paper as HTML, PDF or text")
        return JATS
    if _TEX.search(data[:200_000]):
        return TEX
    if claimed is TEXT:
        return TEXT
    if lower.endswith(BUNDLE_SUFFIXES):
        raise Unreadable("is named an archive and is none", "fetch it again")
    if b"\0" in head:
        raise Unreadable("is binary and of no format that we read", "convert it to PDF, HTML or text")
    return TEXT
