"""Reading what coqc prints in our own session, and what coqchk prints. Whatever is not understood counts against."""

from __future__ import annotations

import re
from dataclasses import dataclass

CLOSED = "Closed under the global context"
_HEADS = ("Axioms:", "Section Variables:", "Theory:", "Opaque constants:", "Transparent constants:")
_UNSAFE = re.compile(
    r"(relies on an unsafe hierarchy|is assumed to be (guarded|positive)|relies on definitional UIP|"
    r"Type hierarchy is collapsed|Set is impredicative|is positive\.|is guarded\.)"
)


@dataclass(frozen=True)
class Assumed:
    """What `Print Assumptions` says: axioms by printed name, and terms with a check of the kernel switched off."""

    axioms: tuple[str, ...]
    unsafe: tuple[str, ...]


@dataclass(frozen=True)
class Summary:
    """What `coqchk -o` says: axioms by full name, and terms with a check switched off; or why it refused."""

    ok: bool
    axioms: tuple[str, ...] = ()
    unsafe: tuple[str, ...] = ()
    failure: str = ""


@dataclass(frozen=True)
class Listed:
    """What a compiled file declares: constants by name, and the first nested module, polymorphic name and name that we
    cannot read, if any."""

    definitions: tuple[str, ...]
    nested: str
    polymorphic: str
    odd: str


def assumptions(said: str) -> Assumed:
    """Read `Print Assumptions`. A line that begins in the first column names an assumption; types are indented."""
    if said.strip() == CLOSED:
        return Assumed((), ())
    axioms, unsafe = [], []
    for line in said.splitlines():
        if not line.strip() or line[0].isspace() or line in _HEADS:
            continue
        if _UNSAFE.search(line):
            unsafe.append(line.strip())
        else:
            axioms.append(re.split(r"[\s:@]", line, maxsplit=1)[0])
    if not axioms and not unsafe:
        axioms.append("(an answer of Print Assumptions that cannot be read)")
    return Assumed(tuple(axioms), tuple(unsafe))


def summary(said: str) -> Summary:
    """Read the context summary: sections that begin with `* `, entries indented under them or `<none>`."""
    sections: dict[str, list[str]] = {}
    head = ""
    for line in said.partition("CONTEXT SUMMARY")[2].splitlines():
        if line.startswith("* "):
            head, _, rest = line[2:].partition(":")
            sections[head] = [rest.strip()] if rest.strip() not in ("", "<none>") else []
        elif head and line.strip():
            sections[head].append(line.strip())
    if "Axioms" not in sections or len(sections) < 5:
        return Summary(ok=False, failure="coqchk gave no summary that can be read")
    theory = sections.pop("Theory", [])
    axioms = sections.pop("Axioms")
    unsafe = [f"{entry} ({head})" for head, entries in sections.items() for entry in entries]
    if theory != ["Set is predicative"]:
        unsafe += theory
    return Summary(ok=True, axioms=tuple(axioms), unsafe=tuple(unsafe))


def module_names(said: str) -> Listed:
    """Read `Print Module` of a compiled file, everything printed in full."""
    body = said.partition("Struct")[2]
    nested = re.search(r"\bModule\s+(?:Type\s+)?([\w']+)", body)
    polymorphic = re.search(r"\bVar\(|\|=|Primitive\b", body)
    names = re.findall(r"\b(?:Definition|Parameter)\s+(\S+)", body)
    odd = next((name for name in names if not re.fullmatch(r"[\w']+", name)), "")
    first = [found[index] if found else "" for found, index in ((nested, 1), (polymorphic, 0))]
    return Listed(tuple(dict.fromkeys(names)), first[0], first[1], odd)
