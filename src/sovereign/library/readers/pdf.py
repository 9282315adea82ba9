"""PDF into a paper: rows into headings, paragraphs, captions and notes, with words mended that a line's end broke."""

from __future__ import annotations

import re
from collections import Counter

from ._clean import clean, line_of
from ._formats import PDF
from ._identity import arxiv_id
from ._paper import Paper, Unreadable
from ._pdf_layout import Row, body_size, pitch, rows_of
from ._pdf_run import MAX_MEGABYTES, MAX_PAGES, MAX_SECONDS, Parsed, parse
from ._writer import Writer

_STAMP = re.compile(r"arXiv:\s*(\S+)\s+\[[\w.-]+\]\s+\d{1,2}\s+\w{3}\s+((?:19|20)\d\d)")
_NUMBERED = re.compile(
    r"(?:\d{1,2}(?:\.\d{1,2}){0,3}\.?|[A-Z](?:\.\d{1,2}){0,2}\.?|[IVX]{1,5}\.)[\s\t]+(?=[A-Z“\"(])\S"
)
_NAMED = re.compile(
    r"(?:abstract|summary|introduction|background|related works?|preliminaries|methods?|methodology|"
    r"materials and methods|"
    r"experiments?|experimental setup|results?|results and discussion|evaluation|discussion|analysis|conclusions?|"
    r"limitations|ethics statement|acknowledge?ments?|references|bibliography|appendix(?: [A-Z])?|keywords|"
    r"supplementary materials?|data availability|author contributions|funding|conflicts? of interests?)[.:]?",
    re.I,
)
_CAPTION = re.compile(
    r"(?:Figure|Fig\.|Table|Tab\.|Algorithm|Listing|Scheme|Box)\s*[A-Z]?\d{1,3}(?:\.\d+)?\s*[:.|—–-]|TABLE\s+[IVX\d]+"
)
_NOTE = re.compile(r"(?:\d{1,2}|[∗*†‡§¶])\s*[A-Zh(“]")
_ITEM = re.compile(r"(?:[•◦▪‣●○■–—∙·]|\(\w{1,3}\)|\d{1,2}[.)])\s+\S")
_ABSTRACT = re.compile(r"(?:abstract|summary)\s*[-—–:.]+\s*(?=\S)", re.I)
_ENDS = re.compile(r"[.!?:;][\"”’)\]]?\d{0,3}$")
_WORD = re.compile(r"[^\W\d_]+(?:[-’'][^\W\d_]+)*")
_LEAST = 20  # letters under which a PDF, or a page, has no text


def read_pdf(data: bytes, pages: int = MAX_PAGES, seconds: int = MAX_SECONDS, megabytes: int = MAX_MEGABYTES) -> Paper:
    """The paper in a PDF. What lies beyond `pages` or `seconds` is left out, and said to be.

    Raises:
        Unreadable: it has no text layer, is encrypted, or breaks the parsers.
    """
    parsed = parse(data, pages, seconds, megabytes)
    _must_have_text(parsed)
    rows, stamp = rows_of(parsed.pages)
    reader = _Reader(rows)
    writer = reader.read(parsed.title)
    match = _STAMP.search(" ".join(stamp) + " " + " ".join(row.text for row in rows[:8]))
    if match and (found := arxiv_id(match[1])):
        writer.ids["arxiv"] = found
        writer.year = int(match[2])
    _say_what_is_missing(parsed, writer)
    if writer.empty:
        raise _no_text()
    return writer.paper(PDF.reader)


def _no_text() -> Unreadable:
    return Unreadable("has no text layer (a scan?)", "run OCR over it, for example with `ocrmypdf`, and add the result")


def _must_have_text(parsed: Parsed) -> None:
    text = "".join(piece.text for page in parsed.pages for piece in page)
    letters = sum(map(str.isalnum, text))
    if letters < _LEAST or letters < 3 * len(parsed.pages):
        raise _no_text()
    strange = sum("\ue000" <= sign <= "\uf8ff" or sign == "\ufffd" or sign < " " for sign in text)
    if strange > 0.3 * len(text):
        raise Unreadable(
            "has fonts that do not say which letters they show",
            "run OCR over it, for example with `ocrmypdf --force-ocr`",
        )


def _say_what_is_missing(parsed: Parsed, writer: Writer) -> None:
    read = len(parsed.pages)
    if parsed.end != "whole" and read < parsed.total:
        why = {"pages": f"we read {read:,} at most", "time": "time ran out", "size": "the text grew too long"}
        writer.left_out.append(
            f"pages {read + 1:,} to {parsed.total:,} were left out ({why[parsed.end]}): split the file, add its parts"
        )
    bare = [n for n, page in enumerate(parsed.pages, 1) if sum(len(piece.text) for piece in page) == 0]
    if len(bare) > max(1, read // 10):
        named = ", ".join(map(str, bare[:10])) + (" and more" if len(bare) > 10 else "")
        writer.left_out.append(
            f"{len(bare)} of {read} pages have no text ({named}): run OCR over the file if they should"
        )


class _Reader:
    def __init__(self, rows: list[Row]) -> None:
        self._rows = rows
        self._size = body_size(rows)
        self._pitch = pitch(rows)
        self._words = _vocabulary(rows)
        # Where running text begins for the last time, by page and column: what stands lower is a note.
        self._lowest: dict[tuple[int, int], float] = {}
        for row in rows:
            if row.size >= self._size - 0.3 and len(row.text) > 25:
                place = (row.page, row.column)
                self._lowest[place] = max(self._lowest.get(place, row.top), row.top)
        self._counted = sum(
            bool(_NUMBERED.match(row.text)) and (row.bold or row.size > self._size + 0.6) and len(row.text) < 80
            for row in rows
        )
        self.writer = Writer()
        self._text: list[Row] = []  # the paragraph under way, over columns and pages
        self._float: list[Row] = []
        self._floats: list[tuple[str, list[Row]]] = []
        self._kind = ""

    def read(self, title: str) -> Writer:
        rows = self._without_title(title)
        before: Row | None = None
        for row in rows:
            self._one(row, before)
            before = row
        self._end_float()
        self._end_text()
        return self.writer

    # -- the title

    def _without_title(self, title: str) -> list[Row]:
        """The rows without the title's: the one of the file's card if the page shows it, else the largest."""
        first = [row for row in self._rows if row.page == 0]
        top, bottom = min((r.top for r in first), default=0.0), max((r.bottom for r in first), default=0.0)
        upper = [r for r in first if r.top < top + (bottom - top) * 0.25 and len(r.text) > 3]
        largest = max((row.size for row in upper), default=0.0)
        title = line_of(title)
        page = _bare(" ".join(row.text for row in first))
        if 8 < len(title) < 300 and _bare(title) in page:
            own = [row for row in first if len(_bare(row.text)) > 3 and _bare(row.text) in _bare(title)]
            self.writer.title = title
            return [row for row in self._rows if not any(row is one for one in own[:6])]
        if largest < self._size * 1.15:
            return self._rows
        start = next(n for n, row in enumerate(first) if any(row is r for r in upper) and row.size == largest)
        end = start
        while end < len(first) and abs(first[end].size - largest) < 0.6 and end - start < 6:
            end += 1
        self.writer.title = self._joined(first[start:end])
        taken = {id(row) for row in first[start:end]}
        return [row for row in self._rows if id(row) not in taken]

    # -- one row after the other

    def _one(self, row: Row, before: Row | None) -> None:
        text = row.text.strip()
        if not text:
            return
        gap = self._gap(row, before)
        if self._is_heading(row, gap):
            self._end_float()
            self._end_text()
            self._heading(text)
        elif _CAPTION.match(text) and (gap > 1.15 or not self._text or row.size < self._size - 0.4):
            self._end_float()
            self._kind, self._float = "caption", [row]
        elif row.pieces >= 3 or (self._kind == "rows" and row.pieces >= 2 and gap < 2.2):
            if self._kind != "rows":
                self._end_float()
            self._kind = "rows"
            self._float.append(row)
        elif row.size < self._size - 0.7 and _NOTE.match(text) and self._low(row):
            self._end_float()
            self._kind, self._float = "note", [row]
        elif self._kind in ("caption", "note") and self._goes_on(row, gap):
            self._float.append(row)
        elif row.size < self._size - 1.6 and len(text) < 60:
            if self._kind != "small":
                self._end_float()
            self._kind = "small"
            self._float.append(row)
        else:
            self._end_float()
            match = _ABSTRACT.match(text)
            if match and not self.writer.abstract and row.page == 0:
                self._end_text()
                self.writer.heading("Abstract")
                row.text = text[match.end() :]
            elif self._text and self._begins(row, gap):
                self._end_text()
            self._text.append(row)

    def _gap(self, row: Row, before: Row | None) -> float:
        """The distance from the row before, in usual ones; large after a change of column or page."""
        if before is None or before.page != row.page or before.column != row.column or row.top < before.top:
            return 9.0
        return (row.top - before.top) / self._pitch

    def _goes_on(self, row: Row, gap: float) -> bool:
        last = self._float[-1]
        return gap < 1.4 and abs(row.size - last.size) < 0.6 and row.page == last.page

    def _low(self, row: Row) -> bool:
        """Whether nothing of the body's size stands under a row in its column."""
        return row.bottom > self._lowest.get((row.page, row.column), 0.0)

    def _is_heading(self, row: Row, gap: float) -> bool:
        text = row.text.replace("\t", " ").strip()
        if len(text) > 110 or row.pieces > 2 or re.search(r"(?:\. ?){5}", text) or not re.search(r"[^\W\d_]{2}", text):
            return False
        larger, named = row.size > self._size + 0.6, _NAMED.fullmatch(re.sub(r"^(?:\d{1,2}|[IVX]+)\.?\s+", "", text))
        if named:
            return gap > 1.1 or larger or row.bold or text.isupper()
        if text.endswith((".", ",", ";", "-")) and not re.fullmatch(r"[\d.]+", text.split()[0]):
            return False
        if row.size < self._size - 0.6:
            return False
        if _NUMBERED.match(text) and not (row.page == 0 and text[0].isalpha()):
            return (row.bold or larger or text.isupper()) and gap > 1.05
        if self._counted > 2:
            return False  # where headings have numbers, what has none is a figure's
        return (
            (row.bold or larger)
            and gap > 1.25
            and len(text.split()) <= 12
            and row.page + row.top != 0
            and self._apart(row)
        )

    def _apart(self, row: Row) -> bool:
        """A heading without a number begins with a capital and has no figure of a table in it."""
        return row.text.lstrip()[0].isupper() and len(re.findall(r"\d", row.text)) <= 2 and self._below_abstract()

    def _below_abstract(self) -> bool:
        return bool(self.writer.abstract) or any(row.page > 0 for row in self._text)

    def _heading(self, text: str) -> None:
        text = text.replace("\t", " ")
        number = re.match(r"(?:\d{1,2}|[A-Z])(?:\.\d{1,2})*(?=\.?\s)", text)
        self.writer.heading(text, number[0].count(".") + 1 if number else 1)

    def _begins(self, row: Row, gap: float) -> bool:
        """Whether a row begins a paragraph, and does not go on with the one under way."""
        last = self._text[-1]
        text = row.text.strip()
        if last.hyphen:
            return False
        ended = bool(_ENDS.search(last.text.strip()))
        if (match := _ITEM.match(text)) and gap < 9 and (ended or not (match[0][0].isalnum() or match[0][0] == "(")):
            return True
        indented = row.x0 - row.left > self._size * 0.7
        if gap >= 9:  # another column or page
            return ended and (indented or (text[:1].isupper() and last.x1 < last.right - self._size * 2))
        if gap > 1.55:
            return ended or not text[:1].islower()
        was_indented = last.x0 - last.left > self._size * 0.7
        if indented and not was_indented and row.x0 - row.left < self._size * 4:
            return ended or len(self._text) > 1
        return ended and last.x1 < last.right - self._size * 3

    # -- blocks

    def _end_text(self) -> None:
        if self._text:
            self.writer.paragraph(self._joined(self._text))
            self._text = []
        floats, self._floats = self._floats, []
        for kind, rows in floats:
            if kind == "rows" or (kind == "small" and len(rows) > 1):
                self.writer.lines([row.text for row in rows])
            else:
                words = self._joined(rows)
                self.writer.paragraph(f"Footnote: {words}" if kind == "note" else words)

    def _end_float(self) -> None:
        if self._float:
            self._floats.append((self._kind, self._float))
        self._float, self._kind = [], ""

    def _joined(self, rows: list[Row]) -> str:
        """Rows as one line; a word that a hyphen breaks is one again, unless the hyphen is its own."""
        parts: list[str] = []
        for at, row in enumerate(rows):
            text = clean(row.text).replace("\t", " ").strip()
            broken = row.hyphen or re.search(r"[^\W\d_]-$", text) is not None
            if broken and at + 1 < len(rows):
                text = text.removesuffix("-")
                following = clean(rows[at + 1].text).lstrip()
                parts.append(text + ("-" if self._keeps_hyphen(text, following) else ""))
            else:
                parts.append(text + ("-" if row.hyphen else "") + " ")
        return "".join(parts)

    def _keeps_hyphen(self, before: str, after: str) -> bool:
        head, tail = re.search(r"[^\W_]*$", before), re.match(r"[^\W_]*", after)
        first, second = (head[0] if head else "").casefold(), (tail[0] if tail else "").casefold()
        whole = re.search(r"[\w-]*$", before)
        if first and second and self._words[first + second]:
            return False
        capital = after[:1].isupper() and not (head and head[0].isupper() and len(head[0]) > 1)
        if not first or not second or not second[0].isalpha() or first.isdigit() or capital:
            return True
        token = re.match(r"[\w-]*", after)
        rest = token[0].rstrip("-").casefold() if token else ""
        if self._words[f"{first}-{second}"] or self._words[f"{first}-{rest}"]:
            return True
        if "-" in rest or (whole and "-" in whole[0].rstrip("-")):
            return self._words[first] > 1 and self._words[second] > 1
        return self._words[first] > 1 and self._words[second] > 1 and len(first) > 2 and len(second) > 2


def _bare(text: str) -> str:
    return re.sub(r"[\W_]+", "", clean(text)).casefold()


def _vocabulary(rows: list[Row]) -> Counter[str]:
    """How often each word stands whole; a hyphenated one counts as itself and by its parts."""
    words: Counter[str] = Counter()
    for row in rows:
        found = [word.casefold() for word in _WORD.findall(clean(row.text))]
        for word in found[1 : -1 if row.hyphen else None]:
            words[word] += 1
            if "-" in word:
                words.update(word.split("-"))
    return words
