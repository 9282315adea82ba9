"""Numbers and units in running text: found with their spans, so that each can be looked up again in its quote."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace

_NAME_BEFORE = re.compile(r"(?<![\w.])[^\W_]*[^\W\d_][^\W_]*[-–_]$", re.UNICODE)
_TO_NEXT = re.compile(r"\s*(?:->|→|-|–|to)\s*$")
_BETWEEN = re.compile(r"\bbetween\s*$", re.I)
_UNCERTAINTY = re.compile(r"\s*\$?\s*(?:±|\+/-|\\pm)\s*\$?\s*")
_NUMBER = re.compile(
    r"(?<![\w.,^])(?<!\^\{)(?<!\^\{[-−+])(?<!\^[-−+])"  # not inside a word, a name, a longer number; not an exponent
    r"(?P<sign>[+\-−–~≈]?)"
    r"(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
    r"(?:[eE](?P<exponent>[-−+]?\d{1,2})(?!\w))?"
    r"(?!\d|\.\d|\^)"  # nor the head of a version number or the base of a power
)
#: `x 10^5` after a number, and words or letters that multiply it.
_POWER = re.compile(r"\s*\$?\s*(?:×|x|\\times|\\cdot|·)\s*10\s*\^\s*\{?\s*(?P<exponent>[-−+]?\d{1,2})\s*\}?\s*\$?")
_THOUSAND = re.compile(r"\s*thousand\b|[kK](?![\w-])")

#: unit as written -> canonical unit. Longest first; what follows the number decides.
_UNITS: tuple[tuple[str, str], ...] = (
    (r"(?:percentage|percent)[\s-]points?|pp\b|points?\b|pts?\b", "points"),
    (r"\\?[%％]|percent\b|per\s+cent\b", "%"),
    (
        r"(?:\$\s*)?(?:\\times|×)\s*\$?|x(?![\w-])|[\s-]?fold\b|times(?=\s+(?:faster|higher|lower|less|more|the|speed|smaller|larger|as))",
        "x",
    ),
    (r"(?:tok(?:en)?s?)\s*(?:/|per)\s*s(?:ec(?:ond)?)?\b|TPS\b", "tokens/s"),
    (r"(?:samples|images|frames|requests|queries|questions)\s*(?:/|per)\s*s(?:ec(?:ond)?)?\b", "items/s"),
    (r"[KMGT]i?[Bb](?:it)?\s*(?:/|per)\s*s(?:ec(?:ond)?)?\b|[KMGT]bps\b", "bytes/s"),
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
_BRACKETS = re.compile(r"[(\[]([^()\[\]]{1,24})[)\]]")
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
    """All numbers of a text in order. Digits inside names (`VQAv2`, `GPT-4`) and arXiv ids are not numbers.

    What stands after `±` says how sure a number is and is left out.
    """
    found: list[Quantity] = []
    uncertain: set[int] = set()
    for match in _NUMBER.finditer(text):
        if _is_name_part(text, match):
            continue
        number = match["number"]
        if re.fullmatch(r"\d{4}\.\d{4,5}", number):
            continue
        value, end = _magnitude(text, match)
        unit = None
        if not math.isfinite(value):  # hundreds of digits: no measurement, and no JSON number
            continue
        for pattern, name in _UNIT_PATTERNS:
            after = pattern.match(text, end)
            if after is not None:
                end, unit = after.end(), name
                break
        if found and _UNCERTAINTY.fullmatch(text, found[-1].end, match.start()):
            uncertain.add(len(found))
        sign = match["sign"]
        start = match.start() if sign else match.start("number")
        negative = sign in ("-", "−") and _is_minus(text, match.start())
        found.append(Quantity(start, end, -value if negative else value, unit, bool(sign) and sign in "+-−"))
    found = _with_inherited_units(text, found, uncertain)
    return [quantity for index, quantity in enumerate(found) if index not in uncertain]


def _magnitude(text: str, match: re.Match[str]) -> tuple[float, int]:
    """The value without its sign, and where it ends: `1e-4`, `2.3 x 10^5`, `38.9 thousand`, `10k`."""
    value, end = match["number"].replace(",", ""), match.end()
    power = _POWER.match(text, end)
    exponent = match["exponent"] or (power["exponent"] if power else None)
    if power and not match["exponent"]:
        end = power.end()
    if exponent is not None:
        return float(f"{value}e{exponent.replace('−', '-')}"), end
    thousand = _THOUSAND.match(text, end)
    return (float(value) * 1000, thousand.end()) if thousand else (float(value), end)


def _with_inherited_units(text: str, found: list[Quantity], uncertain: set[int]) -> list[Quantity]:
    """In `7.95 -> 6.20 s`, `between 8 and 64 experts` and `3.9 ± 0.2%` the first number has the unit of the second."""
    for index in range(len(found) - 2, -1, -1):
        here, after = found[index], found[index + 1]
        if here.unit is not None or after.unit is None:
            continue
        between = text[here.end : after.start]
        ranged = between.strip() == "and" and _BETWEEN.search(text, max(0, here.start - 12), here.start)
        if index + 1 in uncertain or ranged or _TO_NEXT.fullmatch(between):
            found[index] = replace(here, unit=after.unit)
    return found


def bracketed_units(text: str) -> list[str]:
    """The units that stand in brackets, in order: `Latency (ms)` names milliseconds for the bare numbers under it."""
    found = []
    for match in _BRACKETS.finditer(text):
        words = match.group(1).strip()
        fits = [name for pattern, name in _UNIT_PATTERNS if (unit := pattern.match(words)) and unit.end() == len(words)]
        found += fits[:1]
    return list(dict.fromkeys(found))


def numbers_in(text: str) -> list[str]:
    """Every run of digits of a text as written, without separators: what a reader would take for a number.

    Coarser than `quantities` on purpose, for the check that each number of an answer stands in a quote.
    """
    return [match.replace(",", "") for match in re.findall(r"\d+(?:,\d{3})*(?:\.\d+)?", text)]


def _is_minus(text: str, position: int) -> bool:
    """A hyphen is a minus only after a space, a bracket, a sign or nothing: `8-64` is a range."""
    return position == 0 or text[position - 1] in " \n\t\r\xa0([{=:|$<>≤≥~,;/"


def _is_name_part(text: str, match: re.Match[str]) -> bool:
    """`GPT-4`, `Top-2`, `L2`: a hyphen between a letter and the number makes it part of a name."""
    return _NAME_BEFORE.search(text, 0, match.start("number")) is not None
