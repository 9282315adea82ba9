"""Citations and cross-references of TeX: what a key stands for, from the bibliography and from labels."""

from __future__ import annotations

import re
from collections.abc import Callable

_ITEM = re.compile(
    r"\\bibitem\s*(?:\[((?:[^\[\]{}]|\[[^\[\]]*\]|\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}){0,800})\])?(?:%[^\n]*\n)?\s*\{([^{}]*)\}"
)
_NATBIB = re.compile(r"(.*?)\(([^()]{4,12})\)")
_ENTRY = re.compile(r"\\entry\{([^{}]*)\}(.{0,20000}?)\\endentry", re.S)
_FAMILY = re.compile(r"family=\{?\{?((?:[^{},]|\{[^{}]*\})+)")
_FIELD = r"\\field\{%s\}\{((?:[^{}]|\{[^{}]*\})*)\}"
_PLACE = re.compile("\ue000([^\ue001]*)\ue001")
_MAX_KEYS = 20_000


class Citations:
    """The keys of a bibliography, in its order."""

    def __init__(self, source: str) -> None:
        self.entries: list[str] = []  # of a biblatex list, whose entries are fields
        self._numbers: dict[str, int] = {}
        self._names: dict[str, tuple[str, str]] = {}
        for label, key in _ITEM.findall(source)[:_MAX_KEYS]:
            self._add(key.strip())
            plain = re.sub(r"[{}]|\\(?:protect|bgroup|egroup|natexlab)\s*", "", label).replace("~", " ")
            if match := _NATBIB.match(" ".join(plain.split())):
                self._names[key.strip()] = (match[1].strip(), match[2])
        for key, fields in _ENTRY.findall(source)[:_MAX_KEYS]:
            self._add(key.strip())
            year = re.search(_FIELD % "year", fields)
            title = re.search(_FIELD % "title", fields)
            families = [re.sub(r"[{}]", "", name).strip() for name in _FAMILY.findall(fields)][:50]
            said = [", ".join(families), title[1] if title else "", year[1] if year else ""]
            self.entries.append(". ".join(part for part in said if part))
            if families and year:
                name = families[0] + (" et al." if len(families) > 2 else f" and {families[1]}" if families[1:] else "")
                self._names[key.strip()] = (name, year[1])

    def _add(self, key: str) -> None:
        self._numbers.setdefault(key, len(self._numbers) + 1)

    def clean(self, render: Callable[[str], str]) -> None:
        """Turn the TeX of names into words."""
        self._names = {key: (render(name) if "\\" in name else name, year) for key, (name, year) in self._names.items()}

    def cite(self, command: str, keys: list[str], before: str = "", after: str = "") -> str:
        """The words of a citation, as the usual styles write them."""
        named = [self._names.get(key) for key in keys]
        if command.startswith("citeyear"):
            return ", ".join(n[1] if n else key for n, key in zip(named, keys, strict=True))
        if command.startswith(("citeauthor", "Citeauthor")):
            return ", ".join(n[0] if n else key for n, key in zip(named, keys, strict=True))
        if not all(named) or not keys:
            inside = ", ".join(str(self._numbers.get(key, key)) for key in keys)
            return f"[{before + ' ' if before else ''}{inside}{', ' + after if after else ''}]"
        pairs = [n for n in named if n]
        lead, tail = (f"{before} " if before else ""), (f", {after}" if after else "")
        if command.lower() in ("citet", "newcite", "textcite", "shortcite", "citeasnoun", "citealt"):
            return lead + ", ".join(f"{name} ({year}{tail})" for name, year in pairs)
        inside = "; ".join(f"{name}, {year}" for name, year in pairs)
        return f"{lead}{inside}{tail}" if command == "citealp" else f"({lead}{inside}{tail})"


class Labels:
    """Labels and what they number. References come before their labels, so they are resolved at the end."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[str, str]] = {}

    def set(self, key: str, kind: str, number: str) -> None:
        """A label at a thing of a kind (Section, Table, ...) and its number."""
        self._found.setdefault(key.strip(), (kind, number))

    def place(self, command: str, key: str) -> str:
        """What stands for a reference until the end."""
        return f"\ue000{command}:{key}\ue001"

    def resolve(self, text: str) -> str:
        """A text with its references as their numbers."""
        return _PLACE.sub(self._resolved, text) if "\ue000" in text else text

    def _resolved(self, match: re.Match[str]) -> str:
        command, _, keys = match[1].partition(":")
        found = [self._found.get(key.strip(), ("", "?")) for key in keys.split(",")]
        numbers = ", ".join(number for _, number in found)
        if command in ("cref", "Cref", "autoref", "vref", "Autoref") and found[0][0]:
            return f"{found[0][0]}{'s' if len(found) > 1 else ''} {numbers}"
        return f"({numbers})" if command == "eqref" else numbers
