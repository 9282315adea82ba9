"""Reading one sentence: metric, value, unit, direction, baseline, condition, benchmark and system of each result."""

from __future__ import annotations

import re
from dataclasses import replace

from sovereign.judge import RESULT_UNITS, Quantity, mentions, name_key, quantities, term_spans
from sovereign.records import Direction, Facets

from .documents import Plan
from .facets import in_order
from .vocabulary import Metric, Vocabulary

_LOWER = (
    r"reduc\w*|lower\w*|decreas\w*|drop\w*|cut\w*|fewer|less|sav\w*|shrink\w*|faster|declin\w*|loses?|losing|worse|"
    r"fall\w*|mitigat\w*"
)
_HIGHER = (
    r"increas\w*|improv\w*|rais\w*|higher|gain\w*|boost\w*|more|outperform\w*|achiev\w*|speed-?up\w*|accelerat\w*|"
    r"better|surpass\w*|exceed\w*|enhanc\w*|grow\w*"
)
_EQUAL = r"comparable|on par|match\w*|maintain\w*|equal|preserv\w*|without\s+(?:any\s+)?loss|unchanged|keeps?|retain\w*"
_DIRECTION = re.compile(rf"\b(?:(?P<lower>{_LOWER})|(?P<higher>{_HIGHER})|(?P<equal>{_EQUAL}))\b", re.I)
_NEGATIVE = re.compile(
    r"\b(?:not|never|no|nor|neither|without)\b[^.;]*?\b(?:report\w*|measur\w*|evaluat\w*|found|given|stated?|gives|test\w*|hold)\b|"
    r"\b(?:gives?|holds?|reports?|states?)\s+(?:us\s+)?no\b|^no\b.*\b(?:is|are|was|were)\b",
    re.I,
)
_NEGATIVE_HEADING = re.compile(r"not\s+measured|not\s+found|caveat|missing", re.I)
_BASELINE = re.compile(
    r"\b(?:compared\s+(?:to|with|against)|in\s+comparison\s+(?:to|with)|relative\s+to|versus|vs\.?|against|outperform\w*|"
    r"surpass\w*|exceed\w*|over|than|beat\w*)\s+(?:the\s+|a\s+|an\s+|its\s+|their\s+|existing\s+|prior\s+)?"
    r"(?P<baseline>[^,;:()\[\].]{3,60}?)(?=\s*(?:[,;:()\[\]]|\.(?:\s|$)|$|\b(?:on|at|with|when|while|and|by|in|for|under|across|using)\b))",
    re.I,
)
_CONDITIONS = (
    re.compile(r"\bbatch(?:es)?(?:\s+sizes?)?\s+(?:of\s+)?\d+(?:\s*(?:to|-|–|and)\s*\d+(?![\d.%]))?", re.I),
    re.compile(r"(?<![\d.])\d+\s*(?:to|-|–)\s*\d+\s+(?:experts|tokens|layers)\b", re.I),
    re.compile(r"(?<![\d.])\d+\s+(?:real\s+|virtual\s+|routed\s+|active\s+|distinct\s+)?experts\b", re.I),
    re.compile(r"\btop-\d+\b(?:\s+routing)?", re.I),
    re.compile(r"\bcache\s+(?:size\s+)?(?:of\s+)?\d+\b", re.I),
    re.compile(r"\bconcurrency\s+\d+\b", re.I),
    re.compile(r"\b(?:single|one|two|four|eight|\d+)\s*(?:x\s*)?(?:NVIDIA\s+)?(?:[AHLV]\d{2,4}|Jetson\s+Orin|GPUs?)\b"),
    re.compile(r"\b(?:bf16|fp16|fp8|fp32|int8|int4|4-bit|8-bit)\b", re.I),
    re.compile(r"\b(?:prefill|decode|decoding)\b", re.I),
    re.compile(r"\bwith\s+\d+%\s+of\b[^,.;]{0,40}", re.I),
)
_ON_NAME = re.compile(
    r"\bon\s+(?:the\s+)?([A-Z][A-Za-z0-9]*(?:[-+][A-Za-z0-9]+)*\d*)(?=\s+(?:benchmark|dataset|test)|[\s,.;)]|$)"
)
_ACTOR = re.compile(
    r"(?:^|[,;:]\s+|\bthat\s+|\band\s+)(?P<name>[A-Z][\w.+\-]*[A-Z0-9][\w.+\-]*|[A-Z][a-z]{2,})\s+"
    r"(?:keeps|lowers|raises|reaches|uses|changes|achieves|improves|reduces|outperforms|loses|gains|scores|runs|holds|cuts|"
    r"delivers|attains|obtains|yields|surpasses|saves|accelerates|increases|decreases|shows|maintains|retains|exceeds|"
    r"touches|needs|takes|expects|alone|with)\b"
)
_FORMULA = re.compile(r"\b\w+(?:\[\w+\]|\(\w+\))?\s=\s\S")
_NO_NAMES = frozenset({"our", "the", "it", "this", "these", "we", "each", "all", "one", "training", "results"})
MAX_RESULTS_PER_SENTENCE = 6


class Reader:
    """Reads sentences of one source.

    Args:
        vocabulary: the field's terms; with the empty one only values with result units are found.
        planned: the plan, whose systems are looked for besides the source's own.
        own: the systems whose own source this is; a sentence that names no other system is about the first.
    """

    def __init__(self, vocabulary: Vocabulary, planned: Plan, own: tuple[str, ...]) -> None:
        self._vocabulary = vocabulary
        self._subject = planned.question.facets.subject[0] if planned.question.facets.subject else None
        self._own = own
        self._asked = tuple(system.name for system in planned.systems)
        words = vocabulary.words
        terms = (*words.generic, *words.hardware, *(t for b in vocabulary.benchmark for t in b.terms))
        self._no_systems = frozenset(name_key(word) for word in terms)

    def read(self, sentence: str, heading: str = "", table_header: str = "") -> list[tuple[Facets, bool]]:
        """The results of a sentence as facets, and whether the sentence says that something was not measured."""
        if _NEGATIVE_HEADING.search(heading):
            return []  # what stands there besides is how a gap is argued, not a result
        if table_header:
            return [(facets, False) for facets in self._row(sentence, table_header)]
        metrics = self._metric_spans(sentence)
        if _NEGATIVE.search(sentence) and (
            _NEGATIVE_HEADING.search(heading) or re.match(r"(?:No|We hold no|It was not)\b", sentence)
        ):
            return [(self._facets(sentence, name, None, None), True) for name in self._names(metrics)[:3]]
        values = [q for q in quantities(sentence) if self._is_result(q, sentence, metrics)]
        values = [q for q in values if not _is_start(q, values, sentence)]
        found: list[tuple[Facets, bool]] = []
        seen: set[tuple[str | None, float, str | None]] = set()
        for value in values[:MAX_RESULTS_PER_SENTENCE]:
            metric = self._metric_of(value, metrics, sentence)
            key = (metric, value.value, value.unit)
            if key in seen or (metric is None and value.unit not in RESULT_UNITS):
                continue
            seen.add(key)
            found.append((self._facets(sentence, metric, value, _direction(sentence, value)), False))
        if any(facets.metric is not None for facets, _ in found):
            found = [(facets, negative) for facets, negative in found if facets.metric is not None]
        if not found and metrics:
            direction = _direction(sentence, None)
            compared = direction is not None and (mentions(sentence, "than") or _BASELINE.search(sentence))
            if compared or _FORMULA.search(sentence):
                found.append((self._facets(sentence, metrics[0][2].name, None, direction if compared else None), False))
        return found

    def _metric_spans(self, text: str) -> list[tuple[int, int, Metric]]:
        spans: list[tuple[int, int, Metric]] = []
        for metric in self._vocabulary.metric:
            for term in metric.terms:
                spans.extend((start, end, metric) for start, end in term_spans(text, term))
        spans.sort(key=lambda span: (span[0], -(span[1] - span[0])))
        kept: list[tuple[int, int, Metric]] = []
        for span in spans:
            if not kept or span[0] >= kept[-1][1]:
                kept.append(span)
        return kept

    def _names(self, metrics: list[tuple[int, int, Metric]]) -> list[str | None]:
        return list(dict.fromkeys(metric.name for _, _, metric in metrics)) or [None]

    def _is_result(self, q: Quantity, sentence: str, metrics: list[tuple[int, int, Metric]]) -> bool:
        """A quantity in a result unit, or a bare number right beside a metric that takes it."""
        if _in_condition(q, sentence):
            return False
        if q.unit in RESULT_UNITS:
            return True
        if q.unit == "experts":
            return any(metric.name in ("expert activations", "distinct experts") for _, _, metric in metrics)
        if q.unit is not None or not metrics:
            return False
        is_decimal = "." in q.written(sentence)
        return is_decimal and any(0 <= q.start - end <= 40 for _, end, _ in metrics)

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
            spans = self._metric_spans(columns[number]) or self._metric_spans(columns[0])
            if not spans:
                continue
            q = replace(values[0], start=place + values[0].start, end=place + values[0].end)
            facets = self._facets(row, spans[0][2].name, q, None)
            benchmark = self._benchmark(columns[number], None)
            found.append(facets.model_copy(update={"benchmark": benchmark or facets.benchmark}))
        return found[:MAX_RESULTS_PER_SENTENCE]

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
            if q.unit is None or not metric.units or q.unit in metric.units
        ]
        if fitting:
            return min(fitting, key=lambda pair: pair[0])[1].name
        if q.unit in ("ms", "us", "s") and self._vocabulary.metric_named("latency") is not None:
            return "latency"
        if q.unit == "x" and not metrics and self._vocabulary.metric_named("speedup") is not None:
            return "speedup"
        known = self._vocabulary.benchmark_named(self._benchmark(sentence, q))
        if q.unit in ("%", "points") and known is not None and not metrics:
            return "accuracy"  # the field's convention: a gain on a benchmark, unnamed, is in its score
        return None

    def _distance(self, q: Quantity, start: int, end: int, sentence: str) -> float:
        """Characters between value and term; a term after the value costs less, a clause border costs more."""
        low, high = (q.end, start) if start >= q.end else (end, q.start)
        between = sentence[max(0, low) : max(0, high)]
        borders = len(re.findall(r"[,;:()]|\band\b|\bwhile\b|\bwith\b", between))
        return max(0, high - low) * (0.7 if start >= q.end else 1.0) + 25 * borders

    def _facets(self, sentence: str, metric: str | None, q: Quantity | None, direction: Direction | None) -> Facets:
        return Facets(
            subject=self._subject,
            system=self._system(sentence),
            baseline=self._baseline(sentence),
            metric=metric,
            value=q.value if q else None,
            unit=q.unit if q else None,
            direction=direction,
            condition=tuple(self._conditions(sentence)),
            benchmark=self._benchmark(sentence, q),
        )

    def _system(self, sentence: str) -> str | None:
        """Whose result it is: the name that does something in the sentence, else the source's own system.

        `On Kimi-VL, MoDES keeps ...` is a result of MoDES, in whatever note it stands.
        """
        acting = _ACTOR.search(sentence)
        name = acting["name"] if acting else ""
        if acting and name_key(name) not in self._no_systems and name.casefold() not in _NO_NAMES:
            return next((o for o in self._own if name_key(o) == name_key(acting["name"])), acting["name"])
        for name in self._own:
            if mentions(sentence, name):
                return name
        for name in self._asked:
            if mentions(sentence, name):
                return name
        return self._own[0] if self._own else None

    def _baseline(self, sentence: str) -> str | None:
        match = _BASELINE.search(sentence)
        if match is None:
            return None
        words = match["baseline"].strip()
        known = in_order(words, [(b.name, b.terms) for b in self._vocabulary.baseline])
        if known:
            return known[0]
        return (
            words if re.search(r"[A-Za-z]{3}", words) and not re.match(r"[\d.,]+\s*(?:%|points?|s\b)", words) else None
        )

    def _conditions(self, sentence: str) -> list[str]:
        words = self._vocabulary.words
        found = [match.group(0) for pattern in _CONDITIONS for match in pattern.finditer(sentence)]
        for name in (*words.hardware, *words.models):
            spans = term_spans(sentence, name)
            if spans and not any(name_key(name) in name_key(other) for other in found):
                found.append(sentence[spans[0][0] : spans[0][1]])
        return list(dict.fromkeys(re.sub(r"\s+", " ", condition) for condition in found))[:8]

    def _benchmark(self, sentence: str, q: Quantity | None) -> str | None:
        """The benchmark nearest to the value; else a name in capitals after `on`."""
        spans = [
            (abs(start - (q.start if q else 0)), benchmark.name)
            for benchmark in self._vocabulary.benchmark
            for term in benchmark.terms
            for start, _ in term_spans(sentence, term)
            if benchmark.name != "VQA"
        ]
        if spans:
            return min(spans)[1]
        match = _ON_NAME.search(sentence)
        words = self._vocabulary.words
        if match and sum(c.isupper() for c in match[1]) >= 2 and self._vocabulary.subject:
            taken = {name_key(word) for word in (*words.generic, *words.hardware, *words.models, *self._own)}
            if name_key(match[1]) not in taken and not any(name_key(m) in name_key(match[1]) for m in words.models):
                return match[1]
        return None


def _is_start(q: Quantity, values: list[Quantity], sentence: str) -> bool:
    """In `from 7.95 s to 6.20 s` the first value is where it started, not the result."""
    if not re.search(r"\bfrom\s+(?:about\s+|around\s+)?$", sentence[: q.start], re.I):
        return False
    return any(re.fullmatch(r"[^,;.]{0,40}?\s+to\s+(?:about\s+)?", sentence[q.end : other.start]) for other in values)


def _in_condition(q: Quantity, sentence: str) -> bool:
    return any(
        match.start() <= q.start and q.end <= match.end()
        for pattern in _CONDITIONS[:6]
        for match in pattern.finditer(sentence)
    ) and q.unit in (None, "experts", "tokens", "layers")


def _direction(sentence: str, q: Quantity | None) -> Direction | None:
    """The direction word nearest to the value, else the sign of the value, else none."""
    words = list(_DIRECTION.finditer(sentence))
    if not words:
        return {True: Direction.LOWER, False: Direction.HIGHER}.get(q.value < 0) if q is not None and q.signed else None
    nearest = min(words, key=lambda m: abs(m.start() - q.start)) if q is not None else words[0]
    return Direction(str(nearest.lastgroup))
