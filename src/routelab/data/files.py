"""Reading and writing the files of public benchmarks: what does not fit is refused by name of file and field."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from routelab._errors import BadData

T = TypeVar("T")
_NAMES = {str: "text", int: "a whole number", list: "a list", dict: "an object", float: "a number"}


def read_text(path: str | Path) -> str:
    """The file's text.

    Raises:
        BadData: there is no such file, or it is not UTF-8.
    """
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise BadData(f"{path}: there is no such file") from None
    except UnicodeDecodeError as error:
        raise BadData(f"{path}: byte {error.start} is not UTF-8", "is this the text file that was meant?") from None
    except OSError as error:
        raise BadData(f"{path}: cannot be read: {error.strerror}") from None


def read_json(path: str | Path) -> Any:
    """The file's JSON.

    Raises:
        BadData: as `read_text`, or it is not whole JSON.
    """
    text = read_text(path)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise BadData(f"{path}: not whole JSON ({where}: {error.msg})", "was the download cut short?") from None
    except RecursionError:
        raise BadData(f"{path}: nested too deep") from None


def read_json_or_lines(path: str | Path) -> list[Any]:
    """A JSON list, or one JSON value a line.

    Raises:
        BadData: it is neither; the message names the line.
    """
    text = read_text(path)
    if text.lstrip().startswith("["):
        return as_list(path, read_json(path), "the file")
    out = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                out.append(json.loads(line))
            except json.JSONDecodeError as error:
                raise BadData(f"{path}: line {number} is not whole JSON ({error.msg})") from None
    return out


def write_bytes(path: str | Path, data: bytes) -> Path:
    """The whole file or none of it."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        beside.write_bytes(data)
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
    return target


def write_json(path: str | Path, value: Any) -> Path:
    return write_bytes(path, (json.dumps(value) + "\n").encode())


def as_object(path: str | Path, value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadData(f"{path}: {where} is not an object", "is this another benchmark's file?")
    return value


def as_list(path: str | Path, value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise BadData(f"{path}: {where} is not a list", "is this another benchmark's file?")
    return value


def field(path: str | Path, entry: Mapping[str, Any], name: str, kind: type[T], where: str) -> T:
    """The entry's field.

    Raises:
        BadData: it is missing or of another type; `where` says whose field it is ("questions[3]").
    """
    if name not in entry:
        raise BadData(f"{path}: {where}.{name} is missing" if where else f"{path}: {name} is missing")
    value = entry[name]
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        said = repr(value)
        short = said if len(said) <= 60 else said[:57] + "..."
        raise BadData(f"{path}: {where}.{name} is {short}, not {_NAMES.get(kind, kind.__name__)}".replace(": .", ": "))
    return value


def identifier(path: str | Path, entry: Mapping[str, Any], name: str, where: str) -> str:
    """A field that some releases write as a number and others as text."""
    value = entry.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return field(path, entry, name, str, where)


def entries(path: str | Path, value: Any, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of a list, each with its place in words ("questions[3]")."""
    for number, entry in enumerate(as_list(path, value, name)):
        where = f"{name}[{number}]"
        yield where, as_object(path, entry, where)


def unique(path: str | Path, ids: Iterable[object], name: str) -> None:
    """Raises `BadData` if one of the ids comes twice."""
    seen = set()
    for one in ids:
        if one in seen:
            raise BadData(f"{path}: {name} {one} comes twice")
        seen.add(one)


def matched(path: str | Path, asked: Sequence[T], answered: Iterable[T], name: str) -> None:
    """Every question has an answer and every answer a question: a part must never score higher than the whole.

    Raises:
        BadData: some are missing, or answer what was not asked; up to three are named.
    """
    wanted, given = set(asked), set(answered)
    missing = [one for one in asked if one not in given]
    if missing:
        some = ", ".join(str(one) for one in missing[:3]) + ", ..." * (len(missing) > 3)
        raise BadData(
            f"{path}: {len(missing)} of {len(wanted)} questions have no answer ({name} {some})",
            "answer every question; an empty answer is allowed",
        )
    extra = sorted(str(one) for one in given - wanted)
    if extra:
        some = ", ".join(extra[:3])
        raise BadData(f"{path}: {name} {some} was not asked", "are questions and results of the same split?")
