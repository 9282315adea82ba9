"""Numbers and units in running text: found with their spans, so that each can be looked up again in its quote."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

_NAME_BEFORE = re.compile(r"(?<![\w.])[^\W_]*[^\W\d_][^\W_]*[-–_]$", re.UNICODE)
_TO_NEXT = re.compile(r"\s*(?:->|→|-|–|to)\s*$")
_NUMBER = re.compile(
    r"(?<![\w.,])"  # not inside a word, a name or a longer number
    r"(?P<sign>[+\-−–~≈]?)"
    r"(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
    r"(?![\d])"
)

#: unit as written -> canonical unit. Longest first; what follows the number decides.
_UNITS: tuple[tuple[str, str], ...] = (
    (r"(?:percentage|percent)[\s-]points?|pp\b|points?\b|pts?\b", "points"),
    (r"\\?%|percent\b|per\s+cent\b", "%"),
    (
        r"(?:\$\s*)?(?:\\times|×)\s*\$?|x(?![\w-])|[\s-]?fold\b|times(?=\s+(?:faster|higher|lower|less|more|the|speed|smaller|larger|as))",
        "x",
    ),
    (r"(?:tok(?:en)?s?)\s*(?:/|per)\s*s(?:ec(?:ond)?)?\b|TPS\b", "tokens/s"),
    (r"(?:samples|images|frames|requests|queries|questions)\s*(?:/|per)\s*s(?:ec(?:ond)?)?\b", "items/s"),
    (r"(?:[kmgtp]i?b|bytes?)\s*/\s*s(?:ec)?\b", "bytes/s"),
    (r"milliseconds?\b|msec\b|ms\b", "ms"),
    (r"microseconds?\b|[uµμ]s\b", "us"),
    (r"seconds?\b|secs?\b|s(?![\w-])", "s"),
    (r"minutes?\b|mins?\b", "min"),
    (r"hours?\b|hrs?\b|h(?![\w-])", "h"),
    (r"days?\b", "days"),
    (r"GiB\b|GB\b|gigabytes?\b", "GB"),
    (r"MiB\b|MB\b|megabytes?\b", "MB"),
    (r"KiB\b|kB\b|KB\b", "KB"),
    (r"TiB\b|TB\b", "TB"),
    (r"[TGMPE]?FLOPs?\b|[TGMP]FLOP/s\b", "FLOPs"),
    (r"(?:billion|B)(?:[\s-](?:active(?:ted)?\s+)?param(?:eter)?s?)?(?![\w-])", "B"),
    (r"(?:million|M)(?:[\s-](?:active(?:ted)?\s+)?param(?:eter)?s?)?(?![\w-])", "M"),
    (r"trillion\b|T(?![\w-])", "T"),
    (r"(?:distinct\s+|active\s+|activated\s+|real\s+|routed\s+)*experts?\b(?!\s*[-/])", "experts"),
    (r"tokens?\b", "tokens"),
    (r"layers?\b", "layers"),
    (r"watts?\b|W(?![\w-])", "W"),
    (r"joules?\b|J(?![\w-])", "J"),
    (r"mg\b|mg/d[lL]\b|g/d[lL]\b|kg\b|mmHg\b|mmol/[lL]\b", "clinical"),
)
_UNIT_PATTERNS = tuple((re.compile(r"[\s~-]?" + f"(?:{pattern})"), unit) for pattern, unit in _UNITS)

#: Units whose quantities are results in themselves; others (experts, tokens, layers, B) are mostly conditions.
RESULT_UNITS = frozenset(
    {"%", "points", "x", "tokens/s", "items/s", "ms", "us", "s", "min", "h", "GB", "MB", "KB", "TB", "FLOPs", "W", "J"}
)


@dataclass(frozen=True)
class Quantity:
    """A number in a text: its span (code points, number and unit), its value and its canonical unit or None."""

    start: int
    end: int
    value: float
    unit: str | None
    signed: bool

    def written(self, text: str) -> str:
        """As the text writes it."""
        return text[self.start : self.end]


def quantities(text: str) -> list[Quantity]:
    """All numbers of a text in order. Digits inside names (`VQAv2`, `GPT-4`) and arXiv ids are not numbers."""
    found: list[Quantity] = []
    for match in _NUMBER.finditer(text):
        if _is_name_part(text, match):
            continue
        number = match["number"]
        if re.fullmatch(r"\d{4}\.\d{4,5}", number):
            continue
        value = float(number.replace(",", ""))
        end, unit = match.end(), None
        for pattern, name in _UNIT_PATTERNS:
            after = pattern.match(text, match.end())
            if after is not None:
                end, unit = after.end(), name
                break
        sign = match["sign"]
        start = match.start() if sign else match.start("number")
        negative = sign in ("-", "−") and _is_minus(text, match.start())
        found.append(Quantity(start, end, -value if negative else value, unit, bool(sign) and sign in "+-−"))
    return _with_inherited_units(text, found)


def _with_inherited_units(text: str, found: list[Quantity]) -> list[Quantity]:
    """In `7.95 -> 6.20 s` and `8 to 64 experts` the first number has the unit of the second."""
    for index in range(len(found) - 2, -1, -1):
        here, after = found[index], found[index + 1]
        if here.unit is None and after.unit is not None and _TO_NEXT.fullmatch(text[here.end : after.start]):
            found[index] = replace(here, unit=after.unit)
    return found


def numbers_in(text: str) -> list[str]:
    """Every run of digits of a text as written, without separators: what a reader would take for a number.

    Coarser than `quantities` on purpose, for the check that each number of an answer stands in a quote.
    """
    return [match.replace(",", "") for match in re.findall(r"\d+(?:,\d{3})*(?:\.\d+)?", text)]


def _is_minus(text: str, position: int) -> bool:
    """A hyphen is a minus only after a space, a bracket or nothing: `8-64` is a range."""
    return position == 0 or text[position - 1] in " \n\t(["


def _is_name_part(text: str, match: re.Match[str]) -> bool:
    """`GPT-4`, `Top-2`, `L2`: a hyphen between a letter and the number makes it part of a name."""
    return _NAME_BEFORE.search(text, 0, match.start("number")) is not None
