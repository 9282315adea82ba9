"""A record as the grader reads it: plain JSON, with the ids and texts that the rules ask for.

Nothing is trusted: a field that is absent or of another type reads as empty, so that a rule can say so.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Json = dict[str, Any]


def listed(value: Any) -> list[Any]:
    """The value if it is a list, else an empty list."""
    return value if isinstance(value, list) else []


def obj(value: Any) -> Json:
    """The value if it is an object, else an empty object."""
    return value if isinstance(value, dict) else {}


def bare(source_id: str) -> str:
    """A source id without an arXiv version: `arxiv:2604.23996v2` -> `arxiv:2604.23996`."""
    return re.sub(r"^((?:arxiv|note):\d{4}\.\d{4,5})v\d+$", r"\1", source_id)


@dataclass
class Graded:
    """One record.json and the places where the texts of its sources lie."""

    path: str
    data: Json
    text_folders: list[Path] = field(default_factory=list)

    @property
    def question(self) -> str:
        return str(obj(self.data.get("question")).get("text", ""))

    @property
    def claims(self) -> dict[str, Json]:
        return {str(c.get("id")): c for c in map(obj, listed(self.data.get("claims")))}

    @property
    def sources(self) -> dict[str, Json]:
        return {bare(str(s.get("id"))): s for s in map(obj, listed(self.data.get("sources")))}

    @property
    def cells(self) -> list[Json]:
        return [obj(cell) for cell in listed(self.data.get("cells"))]

    @property
    def status(self) -> str:
        return str(obj(self.data.get("answer")).get("status", ""))

    @property
    def sentences(self) -> list[Json]:
        return [obj(sentence) for sentence in listed(obj(self.data.get("answer")).get("sentences"))]

    @property
    def missing_systems(self) -> list[str]:
        """Names reported as named but not found; entries are strings or objects with `name`."""
        entries = listed(self.data.get("missing_systems"))
        return [str(obj(entry).get("name", "")) if isinstance(entry, dict) else str(entry) for entry in entries]

    def quotes(self, claim: Json) -> list[Json]:
        return [obj(quote) for quote in listed(claim.get("quotes"))]

    def attached(self) -> set[str]:
        """Ids of the claims that a reader meets: in a cell, as a cell's nearest, or under an answer sentence."""
        ids = {str(c) for cell in self.cells for c in listed(cell.get("claims"))}
        ids |= {str(obj(n).get("claim")) for cell in self.cells for n in listed(cell.get("nearest"))}
        return ids | {str(c) for sentence in self.sentences for c in listed(sentence.get("claims"))}

    def text(self, sha256: str) -> str | None:
        """The stored text of that digest, or None; a file whose bytes have another digest does not count."""
        if not re.fullmatch(r"[0-9a-f]{64}", sha256):
            return None
        for folder in self.text_folders:
            path = folder / f"{sha256}.txt"
            if path.is_file():
                raw = path.read_bytes()
                if hashlib.sha256(raw).hexdigest() == sha256:
                    return raw.decode("utf-8")
        return None


def load(paths: list[Path], texts: Path | None = None) -> list[Graded]:
    """Every record.json under the given files and folders, the newest version of each record only.

    Raises:
        ValueError: a path that does not exist or a file that is not a JSON object.
    """
    files: list[Path] = []
    for path in paths:
        if not path.exists():
            raise ValueError(f"no such record file or folder: {path}")
        files += [path] if path.is_file() else sorted(path.rglob("record.json"))
    newest: dict[str, Graded] = {}
    for file in files:
        try:
            data = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ValueError(f"{file}: not JSON: {error}") from error
        if not isinstance(data, dict):
            raise ValueError(f"{file}: a record is a JSON object")
        graded = Graded(str(file), data, [file.parent / "texts", *([texts] if texts else [])])
        key = str(data.get("id") or file)
        known = newest.get(key)
        if known is None or _version(data) >= _version(known.data):
            newest[key] = graded
    return list(newest.values())


def _version(data: Json) -> int:
    version = data.get("version")
    return version if isinstance(version, int) else 0
