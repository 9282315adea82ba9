"""Reading one sentence: metric, value, unit, direction, baseline, condition, benchmark and system of each result."""

from __future__ import annotations

import re
from dataclasses import replace

from sovereign.judge import RESULT_UNITS, Quantity, may_hold, mentions, name_key, quantities, term_spans
from sovereign.records import Direction, Facets

from .documents import Plan
from .phrases import actors, baseline, baseline_spans, behind, conditions, direction
from .roles import results_in
from .vocabulary import Metric, Vocabulary

_NEGATIVE = re.compile(
    r"\b(?:not|never|no|nor|neither|without)\b[^.;]*?\b(?:report\w*|measur\w*|evaluat\w*|found|given|stated?|gives|test\w*|hold)\b|"
    r"\b(?:gives?|holds?|reports?|states?)\s+(?:us\s+)?no\b|^no\b.*\b(?:is|are|was|were)\b",
    re.I,
)
_NO_CHANGE = re.compile(
    r"no\s+(?:[\w-]+\s+){0,4}?(?:loss|drop|degradation|difference|change|gain|decrease|increase|harm|decline)\b", re.I
)
_NEGATIVE_HEADING = re.compile(r"not\s+measured|not\s+found|caveat|missing", re.I)
_ON_NAME = re.compile(
    r"\bon\s+(?:the\s+)?([A-Z][A-Za-z0-9]*(?:[-+][A-Za-z0-9]+)*\d*)(?=\s+(?:benchmark|dataset|test)|[\s,.;)]|$)"
)
_OWN_WORDS = re.compile(r"\b(?:we|our|ours|this\s+(?:paper|work|study))\b", re.I)
_FORMULA = re.compile(r"\b\w+(?:\[\w+\]|\(\w+\))?\s=\s\S")
MAX_RESULTS_PER_SENTENCE = 6


class Reader:
    """Reads sentences of one source.

    Args:
        vocabulary: the field's terms. (Without a vocabulary sentences are only located; see `extract`.)
        planned: the plan, whose systems are looked for besides the source's own.
        own: the systems whose own source this is; a sentence that names no other system is about the first.
    """

    def __init__(self, vocabulary: Vocabulary, planned: Plan, own: tuple[str, ...]) -> None:
        self._vocabulary = vocabulary
        self.subject = planned.question.facets.subject[0] if planned.question.facets.subject else None
        self.in_field = vocabulary.name != "none"
        self.own = own
        self._asked = tuple(system.name for system in planned.systems)
        words = vocabulary.words
        terms = (*words.generic, *words.hardware, *(t for b in vocabulary.benchmark for t in b.terms))
        self._metrics = {term: metric for metric in reversed(vocabulary.metric) for term in metric.terms}
        self._benchmarks = {name: name for name in planned.question.facets.benchmark if name != "VQA"}
        self._benchmarks |= {term: b.name for b in vocabulary.benchmark if b.name != "VQA" for term in b.terms}
        self._metric_terms = tuple(term for metric in vocabulary.metric for term in metric.terms)
        self._benchmark_terms = tuple(self._benchmarks)
        self._no_systems = frozenset(name_key(word) for word in terms)

    def read(self, sentence: str, heading: str = "", table_header: str = "") -> list[tuple[Facets, bool]]:
        """The results of a sentence as facets, and whether the sentence says that something was not measured."""
        if table_header:
            return (
                [] if _NEGATIVE_HEADING.search(heading) else [(row, False) for row in self._row(sentence, table_header)]
            )
        metrics = self.metric_spans(sentence)
        if _is_negative(sentence, heading):
            unmeasured = {"baseline": None, "direction": None}
            named = [self._facets(sentence, name, None) for name in self._names(metrics)[:3]]
            return [(facets.model_copy(update=unmeasured), True) for facets in named]
        if _NEGATIVE_HEADING.search(heading):
            return []  # what stands there besides is how a gap is argued, not a result
        found: list[Facets] = []
        seen: set[tuple[str | None, float, str | None]] = set()
        everything, bare = quantities(sentence), None
        for value in results_in(everything, sentence, metrics, self._vocabulary)[:MAX_RESULTS_PER_SENTENCE]:
            metric = self._metric_of(value, metrics, sentence)
            if value.unit is None:  # of a list of bare numbers all have the metric of the first
                metric = bare = bare or metric
            key = (metric, value.value, value.unit)
            if key in seen or (metric is None and value.unit not in RESULT_UNITS):
                continue
            seen.add(key)
            following = min((q.start for q in everything if q.start >= value.end), default=len(sentence))
            found.append(self._facets(sentence, metric, value, following))
        if any(facets.metric is not None for facets in found):
            found = [facets for facets in found if facets.metric is not None]
        return [(facets, False) for facets in found or self._without_value(sentence, metrics)]

    def _without_value(self, sentence: str, metrics: list[tuple[int, int, Metric]]) -> list[Facets]:
        """A comparison or a law in words or symbols: `a higher throughput than MegaBlocks`, `E[T] = ...`."""
        if not metrics:
            return []
        facets = self._facets(sentence, metrics[0][2].name, None)
        if facets.direction is not None and (mentions(sentence, "than") or baseline_spans(sentence)):
            return [facets]
        return [facets.model_copy(update={"direction": None})] if _FORMULA.search(sentence) else []

    def metric_spans(self, text: str) -> list[tuple[int, int, Metric]]:
        """Where a text names metrics, in order; of two names one inside the other, the longer."""
        spans: list[tuple[int, int, Metric]] = []
        for term in may_hold(text, self._metric_terms):
            spans.extend((start, end, self._metrics[term]) for start, end in term_spans(text, term))
        spans.sort(key=lambda span: (span[0], -(span[1] - span[0])))
        kept: list[tuple[int, int, Metric]] = []
        for span in spans:
            if not kept or span[0] >= kept[-1][1]:
                kept.append(span)
        return kept

    def _names(self, metrics: list[tuple[int, int, Metric]]) -> list[str | None]:
        return list(dict.fromkeys(metric.name for _, _, metric in metrics)) or [None]

    def _row(self, row: str, header: str) -> list[Facets]:
        """The values of a table row: each cell's metric is that of its column, else of the table.

        Units stand in the header, outside the quoted row, so they are left out.
        """
        columns = [column.strip() for column in header.strip().strip("|").split("|")]
        found: list[Facets] = []
        here = 0
        for number, cell in enumerate(row.strip().strip("|").split("|")):
            place = row.find(cell, here)
            here = place + len(cell)
            values = quantities(cell)
            if number == 0 or len(values) != 1 or number >= len(columns):
                continue
            spans = self.metric_spans(columns[number]) or self.metric_spans(columns[0])
            if not spans:
                continue
            q = replace(values[0], start=place + values[0].start, end=place + values[0].end)
            facets = self._facets(row, spans[0][2].name, q)
            benchmark = self.benchmark_in(columns[number], None)
            told = {
                "system": self._row_system(row, header),
                "benchmark": benchmark or facets.benchmark,
                "direction": None,
            }
            found.append(facets.model_copy(update=told))
        return found[:MAX_RESULTS_PER_SENTENCE]

    def _row_system(self, row: str, header: str) -> str | None:
        """A row is about the source's own or an asked system only if it, or else the table's head, names it."""
        for text in (row, header.strip().strip("|").split("|")[0]):
            named = self.named_in(text)
            if named:
                return named
        return None

    def _metric_of(self, q: Quantity, metrics: list[tuple[int, int, Metric]], sentence: str) -> str | None:
        """The metric of a value: what its unit alone decides, else the nearest term that takes the unit."""
        by_unit = {
            "tokens/s": "throughput",
            "items/s": "throughput",
            "FLOPs": "compute cost",
            "J": "energy",
            "W": "energy",
        }
        if q.unit in by_unit and (self._vocabulary.metric_named(by_unit[q.unit]) is not None):
            return by_unit[q.unit]
        fitting = [
            (self._distance(q, start, end, sentence), metric)
            for start, end, metric in metrics
            if (end <= q.start if q.unit is None else not metric.units or q.unit in metric.units)
        ]
        if fitting:
            return min(fitting, key=lambda pair: pair[0])[1].name
        if q.unit in ("ms", "us", "s") and self._vocabulary.metric_named("latency") is not None:
            return "latency"
        is_size = re.match(
            r"\s*(?:smaller|larger|bigger|fewer|less|more|higher|lower|cheaper|longer)\b", sentence[q.end :]
        )
        if q.unit == "x" and not metrics and not is_size and self._vocabulary.metric_named("speedup") is not None:
            return "speedup"
        known = self._vocabulary.benchmark_named(self.benchmark_in(sentence, q))
        if q.unit in ("%", "points") and known is not None and not metrics:
            return "accuracy"  # the field's convention: a gain on a benchmark, unnamed, is in its score
        return None

    def _distance(self, q: Quantity, start: int, end: int, sentence: str) -> float:
        """Characters between value and term; a term after the value costs less, a clause border costs more."""
        low, high = (q.end, start) if start >= q.end else (end, q.start)
        between = sentence[max(0, low) : max(0, high)]
        borders = len(re.findall(r"[,;:()]|\band\b|\bwhile\b|\bwith\b", between))
        return max(0, high - low) * (0.7 if start >= q.end else 1.0) + 25 * borders

    def _facets(self, sentence: str, metric: str | None, q: Quantity | None, following: int = 0) -> Facets:
        known = self._vocabulary.metric_named(metric)
        moved: Direction | None = direction(sentence, q, known is not None and known.better == "lower")
        return Facets(
            subject=self.subject,
            system=self._system(sentence),
            baseline=baseline(sentence, self._vocabulary),
            metric=metric,
            value=q.value if q else None,
            unit=q.unit if q else None,
            direction=moved,
            condition=tuple(conditions(sentence, self._vocabulary, q, following)),
            benchmark=self.benchmark_in(sentence, q, following),
        )

    def _system(self, sentence: str) -> str | None:
        """Whose result it is: the name that does something in the sentence, else the source's own system.

        `On Kimi-VL, MoDES keeps ...` is a result of MoDES, in whatever note it stands. What the sentence only compares
        with is not what it measures.
        """
        mine = {name_key(name): name for name in (*self.own, *self._asked)}
        for name in actors(sentence):
            if name_key(name) not in self._no_systems:
                return mine.get(name_key(name), name)
        return self.named_in(sentence) or (self.own[0] if self.own else None)

    def is_own_or_asked(self, sentence: str) -> bool:
        """Whether a sentence that cites others, or stands among others' work, still tells a result of ours to read."""
        return _OWN_WORDS.search(sentence) is not None or self.named_in(sentence) is not None

    def named_in(self, text: str) -> str | None:
        """The own or asked system that a text names first, not as what it compares with; own ones before others."""
        compared = baseline_spans(text)
        for names in (self.own, self._asked):
            places = [
                (start, name)
                for name in names
                for start, _ in term_spans(text, name)
                if not any(low <= start < high for low, high in compared)
            ]
            if places:
                return min(places)[1]
        return None

    def benchmark_in(self, sentence: str, q: Quantity | None, following: int = 0) -> str | None:
        """The benchmark right behind the value, else the nearest; else a name in capitals after `on`."""
        spans = [
            (start, end, self._benchmarks[term])
            for term in may_hold(sentence, self._benchmark_terms)
            for start, end in term_spans(sentence, term)
        ]
        if spans:
            named = behind(sentence, q, sorted(spans), following) if q is not None else None
            return named or min((_apart(sentence, q, start, end), name) for start, end, name in spans)[1]
        match = _ON_NAME.search(sentence)
        words = self._vocabulary.words
        if match and sum(c.isupper() for c in match[1]) >= 2 and self._vocabulary.subject:
            taken = {name_key(word) for word in (*words.generic, *words.hardware, *words.models, *self.own)}
            if name_key(match[1]) not in taken and not any(name_key(m) in name_key(match[1]) for m in words.models):
                return match[1]
        return None


def _apart(sentence: str, q: Quantity | None, start: int, end: int) -> int:
    """Characters between a value and a name, a border between clauses counting as many more."""
    if q is None:
        return start
    low, high = (end, q.start) if end <= q.start else (q.end, start)
    return max(0, high - low) + 40 * len(re.findall(r"[,;:]|\band\b", sentence[low:high]))


def _is_negative(sentence: str, heading: str) -> bool:
    """Whether the sentence says that something was not measured. `No loss of accuracy was found` does not."""
    if not _NEGATIVE.search(sentence) or _NO_CHANGE.match(sentence):
        return False
    return bool(_NEGATIVE_HEADING.search(heading) or re.match(r"(?:No|We hold no|It was not)\b", sentence))
