"""How a sentence phrases a result: direction, baseline, conditions and who acts, as spans and words of the sentence."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sovereign.judge import Quantity, may_hold, name_key, term_spans
from sovereign.records import Direction

from .facets import in_order
from .vocabulary import Vocabulary

_LOWER = (
    r"reduc\w*|lower\w*|decreas\w*|drop\w*|cuts?|cutting|fewer|less|sav(?:es?|ed|ings?)|shrink\w*|declin\w*|loses?|losing|"
    r"lost|falls?|falling|mitigat\w*|shorter|smaller|below|down"
)
_HIGHER = r"increas\w*|rais\w*|rises?|rising|higher|gain\w*|more|exceed\w*|grow\w*|longer|larger|above|up\s+(?:from|by)"
_BETTER = (
    r"improv\w*|boost\w*|outperform\w*|achiev\w*|speed-?ups?|accelerat\w*|better|surpass\w*|enhanc\w*|faster|beats?"
)
_WORSE = r"worse\w*|slower|slow(?:s|ed)?\s+down|degrad\w*"
_EQUAL = r"comparable|on par|match\w*|maintain\w*|equal|preserv\w*|without\s+(?:any\s+)?loss|unchanged|keeps?|retain\w*"
_DIRECTION = re.compile(
    rf"\b(?:(?P<equal>{_EQUAL})|(?P<lower>{_LOWER})|(?P<higher>{_HIGHER})|(?P<better>{_BETTER})|(?P<worse>{_WORSE}))\b",
    re.I,
)
#: `accuracy above 90%` bounds a value; behind it, `40% below the budget` says which way it moved.
_ONLY_BEHIND = re.compile(r"below|above|down|smaller|larger|longer|shorter", re.I)

_LEAD = r"(?:(?:the|that|those|a|an|its|their|of|plain|existing|prior|previous)\s+)*"
_STOP = (
    r"(?=\s*(?:[,;:()\[\]]|\.(?:\s|$)|$|\b(?:on|at|with|when|while|and|by|in|for|under|across|using|that|which|whose|"
    r"over|to|as|relative|from|against|compared)\b))"
)
_NAMED = rf"{_LEAD}(?P<baseline>[^,;:()\[\].]{{3,60}}?){_STOP}"
_ADVERB = r"(?:(?:about|around|only|just|at\s+(?:most|least)|roughly|some|nearly|a\s+mere)\s+){0,2}"
_AGAINST = r"(?:compared\s+(?:to|with|against)|in\s+comparison\s+(?:to|with)|relative\s+to|versus|vs\.?|against)"
_BASELINES = (
    re.compile(
        rf"\b(?:{_AGAINST}|instead\s+of)\s+{_ADVERB}[\d.,]+\s*\S{{1,20}}\s+(?:for|of|with|by|in|under)\s+{_NAMED}", re.I
    ),
    re.compile(
        rf"\b(?:{_AGAINST}|instead\s+of|outperform\w*|surpass\w*|exceed\w*|over|than|beat\w*|better\s+than)\s+{_NAMED}",
        re.I,
    ),
    re.compile(rf"(?:x|×|\\times\$?|%)\s+(?:of\s+)?(?:the|that)\s+(?:[\w-]+\s+){{0,4}}?of\s+{_NAMED}", re.I),
)
#: `over 4 models`, `over all benchmarks`, `over three seeds` say where, not against what.
_NO_BASELINE = re.compile(
    r"(?:[\d.,]+|(?:all|both|each|every|most|many|several|two|three|four|five|six|seven|eight|nine|ten|twelve|other|"
    r"on|at|in|with|for|by|when|under|numbers?\s+of)\b)"
    r"|.*\b(?:benchmarks?|datasets?|tasks?|seeds|runs|time|training|tokens|iterations|steps|epochs|years|batch\s+sizes?)$",
    re.I,
)

CONDITIONS = (
    re.compile(r"\bsteps?\s+of\s+\d+\s+tokens\b|(?<![\d.])\d+\s+tokens\s+(?:per|in\s+a)\s+(?:\w+\s+)?step\b", re.I),
    re.compile(r"\bbatch(?:es)?(?:\s+sizes?)?\s+(?:of\s+)?\d+(?:\s*(?:to|-|–|and)\s*\d+(?![\d.%]))?", re.I),
    re.compile(
        r"(?<![\d.])\d+\s*(?:to|-|–)\s*\d+\s+(?:experts|tokens|layers)\b(?!\s*(?:per|/)\s*s(?:ec(?:ond)?)?\b)", re.I
    ),
    re.compile(r"(?<![\d.])\d+\s+(?:real\s+|virtual\s+|routed\s+|active\s+|distinct\s+)?experts\b", re.I),
    re.compile(r"\btop-\d+\b(?:\s+routing)?", re.I),
    re.compile(r"\bcache\s+(?:size\s+)?(?:of\s+)?\d+\b", re.I),
    re.compile(r"\bconcurrency\s+(?:of\s+)?\d+\b", re.I),
    re.compile(r"\bwith\s+\d+%\s+of\b[^,.;\[]{0,40}(?<![\s\[])", re.I),
    re.compile(r"\b(?:single|one|two|four|eight|\d+)\s*(?:x\s*)?(?:NVIDIA\s+)?(?:[AHLV]\d{2,4}|Jetson\s+Orin|GPUs?)\b"),
    re.compile(r"\b(?:bf16|fp16|fp8|fp32|int8|int4|4-bit|8-bit)\b", re.I),
    re.compile(r"\b(?:prefill|decode|decoding)\b", re.I),
)
#: How many of them hold numbers that are settings and no results.
_SETTINGS = 8

_VERBS = (
    r"keeps|lowers|raises|reaches|uses|changes|achieves|improves|reduces|outperforms|loses|gains|scores|runs|holds|cuts|"
    r"delivers|attains|obtains|yields|surpasses|saves|accelerates|increases|decreases|shows|maintains|retains|exceeds|"
    r"touches|needs|takes|expects|has|gives|provides|beats|activates|serves|stays"
)
_START = r"(?:^|[,;:]\s+|\bthat\s+|\band\s+)"
_ACTOR = re.compile(
    rf"{_START}(?P<name>[A-Z][\w.+\-]*[A-Z0-9][\w.+\-]*|[A-Z][a-z]{{2,}})\s+(?:{_VERBS})\b|"
    rf"{_START}(?P<bare>[A-Z][\w.+\-]*[A-Z0-9][\w.+\-]*)\s+(?:alone|with)\b"
)
_NO_NAMES = re.compile(
    r"(?:our|the|it|this|these|those|we|each|all|one|both|they|there|which|results?|experiments?|evaluations?|"
    r"performance|accuracy|latency|throughput|inference|\w+ing|\w+ed)",
    re.I,
)


def direction(sentence: str, q: Quantity | None, lower_is_better: bool = False) -> Direction | None:
    """Which way a value moved: the word right after it, else the last word before it, else its sign, else a later word.

    `faster` and `improves` say `lower` of a latency and `higher` of a throughput.
    """
    words = [match for match in _DIRECTION.finditer(sentence) if not _bounds(sentence, match, q)]
    if q is None:
        return _sense(words[0], lower_is_better) if words else None
    for match in words:
        if match.start() >= q.end and re.fullmatch(r"[\s-]{0,2}", sentence[q.end : match.start()]):
            return _sense(match, lower_is_better)
    before = [match for match in words if match.end() <= q.start and ";" not in sentence[match.end() : q.start]]
    if q.signed and not (before and before[-1].lastgroup == "equal"):
        return Direction.LOWER if q.value < 0 else Direction.HIGHER
    if before:
        return _sense(before[-1], lower_is_better)
    after = [m for m in words if m.start() >= q.end and not re.search(r"[,;]", sentence[q.end : m.start()])]
    return _sense(after[0], lower_is_better) if after else None


def _bounds(sentence: str, match: re.Match[str], q: Quantity | None) -> bool:
    """`more than 2x`, `less than 1 point`: a bound on the value, not its direction."""
    if q is None or match.end() > q.start:
        return False
    return _ONLY_BEHIND.fullmatch(match.group()) is not None or (
        match.group().casefold() in ("more", "less", "fewer", "higher", "lower")
        and re.fullmatch(r"\s+than\s+", sentence[match.end() : q.start]) is not None
    )


def _sense(match: re.Match[str], lower_is_better: bool) -> Direction:
    group = str(match.lastgroup)
    if group in ("better", "worse"):
        return Direction.LOWER if (group == "better") == lower_is_better else Direction.HIGHER
    return Direction(group)


def baseline(sentence: str, vocabulary: Vocabulary) -> str | None:
    """What the sentence compares with: one that the field has a name for before any other."""
    named: list[str] = []
    for match in (match for pattern in _BASELINES for match in pattern.finditer(sentence)):
        words = match["baseline"].strip()
        known = in_order(words, [(b.name, b.terms) for b in vocabulary.baseline])
        if known and not re.match(r"[\d.,]+\s*[%x×]", words):
            return known[0]
        if re.search(r"[A-Za-z]{3}", words) and not _NO_BASELINE.fullmatch(words) and not _NO_BASELINE.match(words):
            named.append(words)
    return named[0] if named else None


def baseline_spans(sentence: str) -> list[tuple[int, int]]:
    """Where the sentence names what it compares with: a system that stands there is not the one that is measured."""
    return [match.span("baseline") for pattern in _BASELINES for match in pattern.finditer(sentence)]


def conditions(sentence: str, vocabulary: Vocabulary, q: Quantity | None, following: int) -> list[str]:
    """Under which conditions: all that the sentence states, but of several of one kind (`10% at batch size 1, 6% at
    batch size 16`) the one that stands right behind the value, before `following`, where the next value begins."""
    found: list[str] = []
    for pattern in CONDITIONS:
        matches = list(pattern.finditer(sentence))
        behind = [m for m in matches if q is not None and _stands_behind(sentence, q.end, m.start(), following)]
        found += [match.group(0).strip() for match in (behind[:1] if len(matches) > 1 and behind else matches)]
    for names in (vocabulary.words.hardware, vocabulary.words.models):
        spans = [(start, end) for name in may_hold(sentence, names) for start, end in term_spans(sentence, name)]
        spans = [s for s in spans if not any(o[0] <= s[0] and s[1] <= o[1] and o != s for o in spans)]
        beside = [s for s in spans if q is not None and _stands_behind(sentence, q.end, s[0], following)]
        for start, end in beside[:1] or spans:
            if not any(name_key(sentence[start:end]) in name_key(other) for other in found):
                found.append(sentence[start:end])
    return list(dict.fromkeys(re.sub(r"\s+", " ", condition) for condition in found))[:8]


def behind(sentence: str, q: Quantity, spans: Iterable[tuple[int, int, str]], following: int) -> str | None:
    """The name that stands right behind a value: `76.7% on VQAv2 and 60.2% on MMBench`."""
    return next((name for start, _, name in spans if _stands_behind(sentence, q.end, start, following)), None)


def _stands_behind(sentence: str, end: int, start: int, following: int) -> bool:
    between = r"\s*(?:[\w().-]+\s+){0,7}?(?:on|for|in|at|with|under|over)\s+(?:(?:the|an|a|one|two|single)\s+)?"
    return end <= start < following and re.fullmatch(between, sentence[end:start]) is not None


def in_setting(q: Quantity, sentence: str) -> bool:
    """Whether a number belongs to a condition, such as the 16 of `batch size 16`."""
    return any(
        match.start() <= q.start and q.end <= match.end()
        for pattern in CONDITIONS[:_SETTINGS]
        for match in pattern.finditer(sentence)
    ) and q.unit in (None, "experts", "tokens", "layers", "%")


def actors(sentence: str) -> list[str]:
    """Names that do something in the sentence: `On Kimi-VL, MoDES keeps ...` is about MoDES."""
    names = (match["name"] or match["bare"] for match in _ACTOR.finditer(sentence))
    return [name for name in names if not _NO_NAMES.fullmatch(name)]
