"""Tables of full texts: the lines that readers write (`row header | column header: cell | ...`) read as results.

The row says whose result it is (or the column, where systems stand in the columns), the column what was measured, the
caption what holds for all. What a value is compared with are the other rows of its group; which way it differs is said
only where it lies above or below every one of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from sovereign.judge import Quantity, bracketed_units, may_hold, quantities, term_spans
from sovereign.records import Direction, Facets

from .phrases import CONDITIONS, conditions
from .results import Reader
from .vocabulary import Vocabulary

#: Rows that are longer say too much for one quote.
LONGEST_ROW = 1500
#: How many other rows are named as baselines and quoted beside a row.
MOST_BASELINES = 4
#: Families of benchmarks whose bare score is an accuracy; the others have metrics of their own.
_NOT_BY_ACCURACY = ("WikiText", "CHAIR", "COCO", "Flickr30k")
_OURS = re.compile(r"\b(?:ours?|this\s+(?:work|paper)|proposed)\b", re.I)
_CITED = re.compile(r"\s*(?:\[[\d,;\s–-]+\]|\((?:[A-Z][^()]*?\b(?:19|20)\d\d[a-z]?)\)|BIBREF\d+)")
_NUMBERED = re.compile(r"[\d.,:%×x\s/\-–+]*[A-Za-z%]{0,3}")


@dataclass(frozen=True, slots=True)
class Entry:
    """A cell: the headers over it, its words, their span in the text, and the one number that they give, if they do."""

    column: str
    text: str
    start: int
    end: int
    value: Quantity | None


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table: its span, its words, its own header path (may be empty) and its cells."""

    start: int
    end: int
    text: str
    header: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table: the span and words of its caption, and its rows."""

    start: int
    end: int
    caption: str
    rows: tuple[Row, ...]


def parse(text: str, start: int, end: int) -> Table:
    """The table that stands at a span: its first line is the caption, each further line a row."""
    lines: list[tuple[int, str]] = []
    here = start
    for line in text[start:end].split("\n"):
        lines.append((here, line))
        here += len(line) + 1
    first, caption = lines[0]
    rows = tuple(_row(at, line) for at, line in lines[1:] if " | " in line)
    return Table(first, first + len(caption), caption, rows)


def _row(at: int, line: str) -> Row:
    parts = line.split(" | ")
    here = at + len(parts[0]) + 3
    entries = []
    for part in parts[1:]:
        column, colon, cell = part.rpartition(": ")
        words = cell if colon else part
        begin = here + len(part) - len(words)
        entries.append(Entry(column.strip(), words.strip(), begin, begin + len(words), _value(words.strip())))
        here += len(part) + 3
    header = parts[0].strip()
    return Row(at, at + len(line), line, "" if header == "-" else header, tuple(entries))


class TableReader:
    """Reads the tables of one source.

    Args:
        reader: the reader of the source's sentences, for the field's terms and the systems that are looked for.
        own: the systems whose own source this is; a row of "Ours" is the first's.
    """

    def __init__(self, reader: Reader, vocabulary: Vocabulary, own: Sequence[str]) -> None:
        self._reader, self._vocabulary, self._own = reader, vocabulary, tuple(own)
        terms = [term for metric in vocabulary.metric for term in metric.terms]
        terms += [term for benchmark in vocabulary.benchmark for term in benchmark.terms]
        self._terms = tuple(terms)
        # A header stands over many cells and is read once.
        self._says_how = cache(self._says_how_itself)
        self._metric = cache(self._metric_itself)
        self._benchmark = cache(lambda header: reader.benchmark_in(header, None))
        self._system = cache(self._system_itself)

    def read(self, table: Table) -> Iterator[tuple[Row, int, Facets]]:
        """(row, number of the cell in it, facets so far) of every cell that gives a metric's value, in order."""
        for row in table.rows:
            if len(row.text) > LONGEST_ROW:
                continue
            written = {(abs(q.value), q.unit) for q in quantities(row.text)}
            for place, entry in enumerate(row.entries):
                q = entry.value
                if q is None or (abs(q.value), q.unit) not in written:
                    continue
                facets = self._facets(table, row, entry, q)
                if facets.metric is not None:
                    yield row, place, facets

    def complete(self, table: Table, row: Row, place: int, facets: Facets) -> tuple[tuple[Row, ...], Facets]:
        """The rows that a cell is compared with, and its facets with baseline, direction and conditions."""
        column = row.entries[place].column
        if self._system(row.header, column)[1]:
            others: list[tuple[Row, str, float]] = self._beside(row, place)
        else:
            others = self._others(table, row, place, column)
        told = " ; ".join(part for part in (row.header, column, table.caption) if part)
        known: dict[str, object] = {"condition": tuple(conditions(told, self._vocabulary, None, 0))}
        against = _against(facets.value or 0.0, others)
        rows = dict.fromkeys(other for other, _, _ in others if other is not row)
        return tuple(rows), facets.model_copy(update=known | against)

    def _facets(self, table: Table, row: Row, entry: Entry, q: Quantity) -> Facets:
        headers = (entry.column, row.header, table.caption)
        metric = next((name for part in headers if (name := self._metric(part))), None)
        benchmark = next((name for part in headers if (name := self._benchmark(part))), None)
        unit = q.unit or next(iter(bracketed_units(f"{entry.column} ; {row.header}")), None)
        known = self._vocabulary.benchmark_named(benchmark)
        if metric is None and known is not None and unit in (None, "%", "points"):
            metric = None if known.name in _NOT_BY_ACCURACY else "accuracy"  # the field's convention for a bare score
        return Facets(
            subject=self._reader.subject,
            system=self._system(row.header, entry.column)[0],
            metric=metric,
            value=q.value,
            unit=unit,
            benchmark=benchmark,
        )

    def _metric_itself(self, header: str) -> str | None:
        spans = self._reader.metric_spans(header)
        return spans[0][2].name if spans else None

    def _system_itself(self, row: str, column: str) -> tuple[str | None, bool]:
        """Whose value it is, and whether the column says so: a known system, "ours", else what the row calls itself.

        A row named by a condition, a metric or a number leaves that to the column, then to the source's own.
        """
        for part, of_column in ((row, False), (column, True)):
            if named := self._reader.named_in(part):
                return named, of_column
            if self._own and _OURS.search(part):
                return self._own[0], of_column
        for part, of_column in ((row, False), (column, True)):
            name = _name(part)
            if name and not self._says_how(name):
                return name, of_column
        return (self._own[0] if self._own else None), False

    def _says_how_itself(self, name: str) -> bool:
        """Whether nothing of a header is left besides settings, metrics, benchmarks and numbers."""
        spans = [span for term in may_hold(name, self._terms) for span in term_spans(name, term)]
        spans += [match.span() for pattern in CONDITIONS for match in pattern.finditer(name)]
        rest = "".join(c for at, c in enumerate(name) if not any(low <= at < high for low, high in spans))
        return _NUMBERED.fullmatch(rest) is not None or re.search(r"[^\W\d_]{2}", rest) is None

    def _beside(self, row: Row, place: int) -> list[tuple[Row, str, float]]:
        """Where systems stand in the columns: the row's other values, under named columns of the same group."""
        column = row.entries[place].column
        group = column.rpartition(" > ")[0]
        return [
            (row, _name(entry.column), entry.value.value)
            for at, entry in enumerate(row.entries)
            if at != place and entry.value is not None and entry.column != column
            if entry.column.rpartition(" > ")[0] == group and not self._says_how(_name(entry.column))
        ][:MOST_BASELINES]

    def _others(self, table: Table, row: Row, place: int, column: str) -> list[tuple[Row, str, float]]:
        """The other named rows of the same group with their values in the same column."""
        group = row.header.rpartition(" > ")[0]
        found = []
        for other in table.rows:
            if other is row or not other.header or other.header.rpartition(" > ")[0] != group:
                continue
            same = other.entries[place] if place < len(other.entries) else None
            if same is None or same.column != column:
                same = next((entry for entry in other.entries if entry.column == column), None)
            q = same.value if same is not None else None
            if q is not None and len(other.text) <= LONGEST_ROW and not self._says_how(_last(other.header)):
                found.append((other, _name(other.header), q.value))
        return found[:MOST_BASELINES] if not self._says_how(_last(row.header)) else []


def _against(value: float, others: Sequence[tuple[Row, str, float]]) -> dict[str, object]:
    """Baseline and direction of a value against others."""
    if not others:
        return {}
    names = dict.fromkeys(name for _, name, _ in others)
    values = [other for _, _, other in others]
    moved = None
    if all(value > other for other in values):
        moved = Direction.HIGHER
    elif all(value < other for other in values):
        moved = Direction.LOWER
    elif all(value == other for other in values):
        moved = Direction.EQUAL
    return {"baseline": "; ".join(name for name in names if name) or None, "direction": moved}


def _name(header: str) -> str:
    """What a header path names last, without citations and marks."""
    return _CITED.sub("", _last(header)).strip(" *†‡")


def _last(header: str) -> str:
    return header.rpartition(" > ")[2]


def _value(cell: str) -> Quantity | None:
    """The one number of a cell; what stands behind it in brackets (a difference, a deviation) is not it."""
    bare = re.sub(r"(?<=\d)\s*[%×x]?\s*\([^()]*\)", "", cell).strip(" *†‡")
    found = quantities(bare)
    if len(found) != 1 or len(bare) > 40:
        return None
    return found[0]
