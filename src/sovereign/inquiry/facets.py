"""The facets of a question: subject and named systems first, then metrics, benchmarks, baselines, conditions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from sovereign.judge import may_hold, mentions, mentions_any, name_key, term_spans
from sovereign.records import QuestionFacets

from .vocabulary import Vocabulary

#: Letters of scripts that write no spaces may stand right beside a name.
_NAME = re.compile(r"(?<![A-Za-z0-9_@])([A-Za-z][A-Za-z0-9]*(?:[-+./][A-Za-z0-9]+)*(?:\+\+|\*|#)?)(?![A-Za-z0-9_@])")
_HUMPS = re.compile(r"[A-Z][a-z]+(?:[A-Z][a-z]*)+[0-9]*|[A-Z]{1,4}[a-z]+[A-Z][A-Za-z]*")
_STRICT_HUMPS = re.compile(r"(?:[A-Z][a-z]{2,}){2,}")
_TITLE_PAIR = re.compile(r"(?<![.?!:]\s)(?<!^)\b((?:[A-Z][a-z]{2,})(?:\s[A-Z][a-z]{2,})+)\b")
_BENCHMARK_AFTER = re.compile(
    r"^[’']?s?\s*(?:\w+\s+)?(?:benchmarks?|datasets?|data\s?sets?|test\s+sets?|suite|corpus)\b"
)
_FACTORS = (
    re.compile(r"\b(?:impact|effect|influence|role)s?\s+of\s+(?P<factor>.+?)\s+(?:on|upon|in|for)\b", re.I),
    re.compile(
        r"\b(?:how|to\s+what\s+extent)\s+(?:does|do|did|can|would|is|are)\s+(?P<factor>.+?)\s+"
        r"(?:affect|change|influence|impact|raise|lower|reduce|improve|increase|decrease|alter|mitigate|compare|scale)\b",
        re.I,
    ),
    re.compile(
        r"^(?:does|do|did|can|is|are)\s+(?P<factor>.+?)\s+"
        r"(?:affect|change|influence|impact|raise|lower|reduce|improve|increase|decrease|help|cause|prevent|predict)\b",
        re.I,
    ),
)
_CONDITIONS = (
    re.compile(
        r"\b(?:across|at|under|with|over)\s+(?:varying|different|increasing)\s+(?:numbers?\s+of\s+\w+|\w+\s+\w+)", re.I
    ),
    re.compile(r"\bvarying\s+\w+\s+\w+", re.I),
    re.compile(
        r"\b(?:increasing\s+)?numbers?\s+of\s+(?:active\s+)?experts(?:\s*\(e?\.?g?\.?,?\s*\d+\s*(?:to|-|–)\s*\d+\))?",
        re.I,
    ),
    re.compile(r"\b\d+\s*(?:to|-|–)\s*\d+\s+(?:experts|tokens|layers)\b", re.I),
    re.compile(r"\b\d+\s+(?:experts|tokens|layers|GPUs|devices)\b", re.I),
    re.compile(r"\bexperts\s+grow\s+from\s+\d+\s+to\s+\d+", re.I),
    re.compile(r"\btop-\d+(?:\s+routing)?", re.I),
    re.compile(r"\b\d+(?:\.\d+)?[BM]\b(?:\s*(?:to|-|–)\s*\d+(?:\.\d+)?[BM]\b)?(?:\s+parameters)?"),
    re.compile(r"\b(?:bf16|fp16|fp8|fp32|int8|int4|4-bit|8-bit)\b", re.I),
    re.compile(r"\bp\d{2}\b", re.I),
    re.compile(r"\bbatch\s+sizes?(?:\s+(?:of\s+)?\d+)?", re.I),
    re.compile(r"\bequal\s+(?:total|active)\s+parameters\b|\bequal\s+size\b", re.I),
    re.compile(r"\b\w+\s+constraints?\b", re.I),
    re.compile(r"\bsparsity\s+ratios?\b", re.I),
)
#: `with 64 experts and top-6 routing` is how the asked system runs, not what it is compared with.
_SETTING = re.compile(
    r"(?:(?<!compare\s)(?<!compares\s)(?<!compared\s)(?<!comparison\s)\b(?:with|at|using|under)|\bexperts\s*(?:,\s*and|,|and))\s+"
    r"top-\d+(?:\s+(?:routing|gating))?",
    re.I,
)
_STOP_FACTOR = re.compile(r"^(?:the|a|an|its|their|there|it|this|that)\s+", re.I)


def question_facets(question: str, vocabulary: Vocabulary, known_names: Sequence[str]) -> QuestionFacets:
    """Every facet in the order of the question.

    Args:
        known_names: names that the library's gazetteer knows and that occur in the question.
    """
    benchmarks = question_benchmarks(question, vocabulary, known_names)
    metrics = in_order(question, [(metric.name, metric.terms) for metric in vocabulary.metric])
    compared = _SETTING.sub(lambda match: " " * len(match.group()), question)
    baselines = in_order(compared, [(baseline.name, baseline.terms) for baseline in vocabulary.baseline])
    subjects = in_order(question, [(subject.name, subject.terms) for subject in vocabulary.subject])
    ranked = [subject.name for subject in vocabulary.subject if subject.name in subjects]
    ranked += [s.name for s in vocabulary.subject if s.name not in ranked and mentions_any(question, s.hints)]
    ranked.sort(key=[subject.name for subject in vocabulary.subject].index)
    systems = question_systems(question, vocabulary, known_names, benchmarks)
    return QuestionFacets(
        subject=tuple(ranked),
        system=tuple(systems),
        baseline=tuple(baselines),
        metric=tuple(_without_shadows(metrics)),
        benchmark=tuple(benchmarks),
        condition=tuple(question_conditions(question, vocabulary)),
    )


def in_order(text: str, named_terms: Iterable[tuple[str, tuple[str, ...]]]) -> list[str]:
    """Names whose terms occur in the text, in the order of first occurrence; a longer match hides one inside it."""
    spans: list[tuple[int, int, str]] = []
    for name, terms in named_terms:
        for term in may_hold(text, terms):
            spans.extend((start, end, name) for start, end in term_spans(text, term))
    spans.sort(key=lambda span: (span[0], -(span[1] - span[0])))
    found: list[str] = []
    covered = -1
    for _, end, name in spans:
        if end <= covered:
            continue
        covered = max(covered, end)
        if name not in found:
            found.append(name)
    return found


def question_benchmarks(question: str, vocabulary: Vocabulary, known_names: Sequence[str] = ()) -> list[str]:
    """Benchmarks by vocabulary, then names that the question itself calls a benchmark or data set.

    A family's general name (VQA) gives way to a member that is named too (VQAv2).
    """
    found = in_order(question, [(b.name, b.terms) for b in vocabulary.benchmark])
    families = [b.family for b in vocabulary.benchmark if b.name in found and b.name != "VQA"]
    if "VQA" in found and "visual question answering" in families:
        found.remove("VQA")
    generic = {name_key(word) for word in vocabulary.words.generic}
    known = {name_key(term) for b in vocabulary.benchmark for term in b.terms}
    words = vocabulary.words
    owned = {name_key(name) for name in (*known_names, *words.hardware, *words.models)}
    if not vocabulary.subject:
        return list(dict.fromkeys(found))
    for match in _NAME.finditer(question):
        name = match[1]
        key = name_key(name)
        named = _BENCHMARK_AFTER.match(question[match.end() :]) and sum(c.isupper() for c in name) >= 2
        beside = _beside(question, match, found)
        looks = sum(c.isupper() for c in name) >= 2 or any(c.isdigit() for c in name)
        on = re.search(r"\bon\s+(?:the\s+)?$", question[: match.start()]) and key not in owned
        fresh = key not in known and not _is_generic(name, generic) and not is_variant(name, vocabulary)
        if (named or beside or on) and looks and fresh:
            found.append(name)
    return list(dict.fromkeys(found))


def _beside(question: str, match: re.Match[str], benchmarks: list[str]) -> bool:
    """`POPE and X-Bench`: a name joined by `and` or a comma to a benchmark is one too."""
    before = question[: match.start()]
    return any(
        re.search(rf"{re.escape(name)}(?:[-+]?\w{{0,4}}|\+\+?)\s*(?:,|and|or|,\s*and)\s+$", before, re.I)
        for name in benchmarks
    )


def is_variant(name: str, vocabulary: Vocabulary) -> bool:
    """`ImageNet-1k`, `MMLU-Pro`: a known benchmark's name with a short ending is that benchmark, no system."""
    key = name_key(name)
    stems = {name_key(term) for benchmark in vocabulary.benchmark for term in benchmark.terms if len(term) >= 4}
    return any(key.startswith(stem) and len(key) - len(stem) <= 4 for stem in stems)


def is_plain_compound(name: str) -> bool:
    """`Multi-Agent`, `Training-Free`: plain words joined by a hyphen, as titles write them."""
    return "-" in name and all(re.fullmatch(r"[A-Z]?[a-z]{2,}", part) for part in name.split("-"))


def question_systems(
    question: str, vocabulary: Vocabulary, known_names: Sequence[str], benchmarks: Sequence[str]
) -> list[str]:
    """Names of systems: what the gazetteer knows, names in mixed case, and title-case pairs such as Hash Layers."""
    taken = {name_key(term) for b in vocabulary.benchmark for term in (b.name, *b.terms)}
    taken |= {name_key(name) for name in benchmarks}
    taken |= {
        name_key(term)
        for group in (vocabulary.subject, vocabulary.metric, vocabulary.baseline)
        for x in group
        for term in x.terms
    }
    taken |= {name_key(word) for words in (vocabulary.words.hardware, vocabulary.words.generic) for word in words}
    generic = {name_key(word) for word in vocabulary.words.generic}
    known = {name_key(name) for name in known_names}
    in_field = bool(vocabulary.subject)
    found: list[tuple[int, str]] = []
    for match in _NAME.finditer(question):
        name = match[1].rstrip(".")
        key = name_key(name)
        if key in taken or len(key) < 3 or (key not in known and _is_generic(name, generic)):
            continue
        if is_variant(name, vocabulary) or (is_plain_compound(name) and key not in known):
            continue
        named = in_field or _STRICT_HUMPS.fullmatch(name) is not None
        mixed = bool(_HUMPS.fullmatch(name.replace("-", "")) or _HUMPS.search(name)) or _is_compound(name)
        if (mixed and (named or key in known)) or key in known:
            found.append((match.start(), name))
    for name in known_names:
        if " " in name and name_key(name) not in taken and name in question:
            found = [one for one in found if not mentions(name, one[1])]
            found.append((question.index(name), name))
    if in_field:
        for pair in _TITLE_PAIR.finditer(question):
            name = pair[1]
            inside = (*(other for _, other in found), *benchmarks, "Pro")
            if name_key(name) not in taken and not any(mentions(name, other) for other in inside):
                found.append((pair.start(), name))
    names: dict[str, str] = {}
    for _, name in sorted(found):
        names.setdefault(name_key(name), name)
    return list(names.values())


def _is_compound(name: str) -> bool:
    """`MoE-CLIP`, `VL-MoE`: two written-out capitals joined by a hyphen."""
    parts = name.split("-")
    return len(parts) > 1 and sum(part[:1].isupper() and sum(c.isupper() for c in part) >= 2 for part in parts) >= 2


def _is_generic(name: str, generic: set[str]) -> bool:
    """`MoE-VLMs`, `top-2`, `GPU-only`: every part is a word of the field, lower-case or a number."""
    parts = re.split(r"[-+./]", name)
    if len(parts) == 1:
        return name_key(name) in generic
    return all(name_key(part) in generic or part.islower() or part.isdigit() for part in parts)


def models_run_on(question: str, systems: Sequence[str], vocabulary: Vocabulary) -> tuple[str, ...]:
    """Names of well-known models that stand after `on`, `of` or the like beside another system: what it is run on."""
    models = {name_key(model) for model in vocabulary.words.models}
    return tuple(
        name
        for name in systems
        if name_key(name) in models
        and re.search(rf"\b(?:on|of|for|with|in|using|like)\s+(?:the\s+)?{re.escape(name)}", question)
    )


def question_conditions(question: str, vocabulary: Vocabulary) -> list[str]:
    """Batch sizes, expert counts, implementations and the like, as the question writes them, none inside another."""
    spans = sorted(
        [
            *(match.span() for pattern in _CONDITIONS for match in pattern.finditer(question)),
            *(span for name in vocabulary.words.hardware for span in term_spans(question, name)),
            *(span for name in vocabulary.words.implementations for span in term_spans(question, name)),
        ],
        key=lambda span: (span[0] - span[1], span[0]),
    )
    kept: list[tuple[int, int]] = []
    for start, end in spans:
        if not any(start < other_end and other_start < end for other_start, other_end in kept):
            kept.append((start, end))
    return [re.sub(r"\s+", " ", question[start:end]) for start, end in sorted(kept)]


def question_factor(question: str, systems: Sequence[str], vocabulary: Vocabulary) -> str | None:
    """What the question asks the effect of, in its own words, when that is not a named system."""
    for pattern in _FACTORS:
        match = pattern.search(question)
        if match is None:
            continue
        factor = _STOP_FACTOR.sub("", match["factor"].strip())
        factor = re.split(r"\s+(?:in|of|on|for|within)\s+(?=sparse|MoE|multimodal|a\b|an\b|the\b)", factor)[0]
        if not factor or len(factor) > 90 or any(mentions(factor, system) for system in systems):
            continue
        metric_alone = any(name_key(term) == name_key(factor) for metric in vocabulary.metric for term in metric.terms)
        if not metric_alone or name_key(factor) == name_key("sparsity ratio"):
            return factor
    return None


def _without_shadows(metrics: list[str]) -> list[str]:
    """Counts of experts are conditions of a question that asks for another metric, not metrics of their own."""
    counted = ("expert activations", "distinct experts")
    others = [name for name in metrics if name not in counted]
    return others or metrics
