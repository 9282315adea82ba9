"""Changes every operator and every number of the routers, one at a time, and lists the changes that no pin sees.

    python -m tests.routelab.every_mutation [test_topk ...]

Left out are changes that cannot matter: `|` in annotations, a bare `*` of a signature, and -1 for 1 as a dimension of a
matrix. What is listed is either a gap in a test or a change that means the same; each is worth a look. Takes minutes.
"""

from __future__ import annotations

import importlib
import io
import sys
import tokenize
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from tests.routelab.mutations import Pin

HERE = Path(__file__).resolve().parent
OPERATORS = {
    "+": "-", "-": "+", "*": "/", "/": "*", "<": ">", ">": "<", "<=": "<", ">=": ">", "//": "/", "%": "*", "@": "+",
    "+=": "-=", "-=": "+=", "&": "|", "~": "-",
}  # fmt: skip


@dataclass(frozen=True)
class Change:
    """A line of a file with one token of it changed, and the source with that change."""

    line: int
    said: str
    source: str


def changes(path: Path) -> Iterator[Change]:
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    for place, token in enumerate(tokens):
        after = tokens[place + 1].string if place + 1 < len(tokens) else ""
        if token.type == tokenize.OP and token.string in OPERATORS:
            if (token.string == "*" and after == ",") or (token.string == "-" and after == "1"):
                continue
            new = OPERATORS[token.string]
        elif token.type == tokenize.NUMBER:
            last = max(i for i, character in enumerate(token.string) if character.isdigit())
            new = token.string[:last] + str((int(token.string[last]) + 1) % 10) + token.string[last + 1 :]
        else:
            continue
        row, column = token.start
        line = lines[row - 1]
        changed = line[:column] + new + line[token.end[1] :]
        source = "".join([*lines[: row - 1], changed, *lines[row:]])
        yield Change(row, f"{token.string} -> {new}: {line.strip()}", source)


def seen(path: Path, change: Change, pin: Pin) -> bool | None:
    """Whether the pin fails on the change; None where it is no Python."""
    module = types.ModuleType(f"mutant_{path.stem}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    try:
        exec(compile(change.source, str(path), "exec"), module.__dict__)  # our own source
        pin(module)
    except SyntaxError:
        return None
    except BaseException:
        return True
    finally:
        del sys.modules[module.__name__]
    return False


def pins_of(test: types.ModuleType) -> list[tuple[Path, Pin]]:
    return list(getattr(test, "PINS", None) or [(test.FILE, test.pin)])


def main(names: list[str]) -> None:
    torch.set_num_threads(1)
    files = [path for path in sorted(HERE.glob("*/test_*.py")) if "assert_caught(" in path.read_text(encoding="utf-8")]
    for file in files:
        if names and file.stem not in names:
            continue
        test = importlib.import_module(f"tests.routelab.{file.parent.name}.{file.stem}")
        for path, pin in pins_of(test):
            killed = made = 0
            for change in changes(path):
                was = seen(path, change, pin)
                made, killed = made + (was is not None), killed + bool(was)
                if was is False:
                    print(f"  {path.name}:{change.line}  {change.said}", flush=True)
            print(f"{path.name}: {killed} of {made} changes seen", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
