"""The rules that every record must keep: each takes a record and returns its violations.

`named_system` alone needs the label too, for it knows which sources are a system's own.

A violation names the place (cell, sentence, claim, quote) and what is wrong, never the text of a source, so that
findings can be published where texts cannot.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from ._quotes import quote_fault
from ._record import Graded, Json, bare, listed, obj
from ._text import fold, names, numbers_with_words, plain, tokens, unquoted

Rule = Callable[[Graded], list[str]]
_NAMED_FACETS = ("system", "metric", "benchmark")
_QUESTION_FACETS = (*_NAMED_FACETS, "baseline", "subject", "condition")
_GROUNDING = {"note": "reported", "measurement": "measured", "work": "quoted"}


def _values(value: Any) -> list[str]:
    """A facet as a list of names: a string, a list of strings, or nothing."""
    if isinstance(value, str):
        return [value] if value.strip() else []
    return [str(item) for item in listed(value) if str(item).strip()]


def _facets(holder: Json) -> Json:
    return obj(holder.get("facets"))


def _cell_name(cell: Json, number: int) -> str:
    parts = [part for facet in _NAMED_FACETS for part in _values(_facets(cell).get(facet))]
    return f"{cell.get('id') or f'cell {number}'} ({', '.join(parts) or 'no facets'})"


def named_system(record: Graded, label: Json) -> list[str]:
    """A system that the question names is in the sources (its paper or a note on it), or reported missing."""
    missing = {fold(name) for name in record.missing_systems}
    found = []
    for system in label["named_systems"]:
        name, present = system["name"], any(bare(own) in record.sources for own in system["own"])
        if not present and fold(name) not in missing:
            found.append(f"{name}: no source of its own and not in missing_systems")
        if present and fold(name) in missing:
            found.append(f"{name}: in missing_systems although a source of its own is there")
    return found


def numbers_in_quotes(record: Graded) -> list[str]:
    """Every number of an answer sentence stands in a quote of one of that sentence's claims.

    Exempt, as whole words only (case and hyphens aside): the words of the question (`VQAv2`, `top-2`, `64`), the
    titles of the record's sources, their ids, the ids of the works that they are about and the local parts of both
    (`2511.18314`), ids of cells and claims. And no claim says more than its quotes: the numbers of a claim's text and
    its `value` stand in its own quotes.
    """
    found = []
    claims = record.claims
    exempt = {*tokens(record.question), *claims, *(str(cell.get("id", "")) for cell in record.cells)}
    for source_id, source in record.sources.items():
        for name in (source_id, bare(str(source.get("about") or ""))):
            exempt |= {name, name.partition(":")[2]} - {""}
    for number, sentence in enumerate(record.sentences, 1):
        under = [_quoted(record, claims.get(str(claim), {})) for claim in listed(sentence.get("claims"))]
        said = _without_titles(str(sentence.get("text", "")), record)
        loose = unquoted(said, [text for texts in under for text in texts], exempt)
        found += [f"sentence {number}: {value} stands in no quote of its claims" for value in sorted(loose)]
    for claim_id, claim in claims.items():
        quotes = _quoted(record, claim)
        loose = unquoted(str(claim.get("text", "")), quotes)
        found += [f"claim {claim_id}: {value} stands in none of its quotes" for value in sorted(loose)]
        value = _facets(claim).get("value")
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and abs(Decimal(str(value))) not in numbers_with_words(" ".join(quotes)):
            found.append(f"claim {claim_id}: its value {value} stands in none of its quotes")
    return found


def _quoted(record: Graded, claim: Json) -> list[str]:
    return [str(quote.get("text", "")) for quote in record.quotes(claim)]


def _without_titles(text: str, record: Graded) -> str:
    """A sentence without the titles that it cites; a title may be cut (20 characters or more, then an ellipsis)."""
    for source in record.sources.values():
        title = str(source.get("title", ""))
        for whole in {title, title.removesuffix(" (our note)")} - {""}:
            text = re.sub(re.escape(whole), " ", text, flags=re.IGNORECASE)
        for cut in list(re.finditer(r"\s*(?:…|\.\.\.)", text))[::-1]:
            before = text[: cut.start()]
            length = next((n for n in range(len(title), 19, -1) if before.endswith(title[:n].rstrip())), 0)
            text = before[: len(before) - len(title[:length].rstrip())] + text[cut.start() :] if length else text
    return text


def quotes_at_offset(record: Graded) -> list[str]:
    """text[start:end] of the stored text is the quote, in code points; a measurement's pointer resolves to it.

    The stored text must be there and have the sha256 that its source states: a text that is missing is a violation.
    """
    found = []
    sources = record.sources
    cache: dict[str, str | None] = {}
    for claim_id, claim in record.claims.items():
        quotes = record.quotes(claim)
        if not quotes:
            found.append(f"claim {claim_id}: no quote")
        for number, quote in enumerate(quotes, 1):
            source = sources.get(bare(str(quote.get("source"))))
            sha = str(source.get("sha256", "")) if source else ""
            if sha not in cache:
                cache[sha] = record.text(sha)
            fault = quote_fault(quote, source, cache[sha])
            if fault:
                found.append(f"claim {claim_id}, quote {number}: {fault}")
    return found


def gaps_stated(record: Graded) -> list[str]:
    """A cell holds claims or is a gap, never both; each gap's system, metric and benchmark are named together in an
    answer sentence that says "not measured"."""
    found = []
    saying = [
        text
        for text in (str(s.get("text", "")) for s in record.sentences)
        if re.search(r"\bnot\s+measured\b", text, re.IGNORECASE)
    ]
    for number, cell in enumerate(record.cells, 1):
        filled, gap = bool(listed(cell.get("claims"))), bool(cell.get("gap"))
        if filled == gap:
            found.append(f"{_cell_name(cell, number)}: {'claims and gap' if gap else 'neither claims nor gap'}")
        if not gap:
            continue
        parts = [part for facet in _NAMED_FACETS for part in _values(_facets(cell).get(facet))]
        if not any(all(names(text, part) for part in parts) for text in saying):
            found.append(f"{_cell_name(cell, number)}: no answer sentence says that it is not measured")
    return found


def status_follows(record: Graded) -> list[str]:
    """The answer's status is what its cells give, and what is nearest fills nothing."""
    found = []
    claims = record.claims
    filled = [cell for cell in record.cells if listed(cell.get("claims"))]
    contested = any(claims.get(str(c), {}).get("agreement") == "contested" for cell in filled for c in cell["claims"])
    if not record.sources:
        due = "no_evidence"
    elif contested:
        due = "contested"
    elif not filled:
        due = "not_measured"
    else:
        due = "answered" if len(filled) == len(record.cells) else "partly_answered"
    if record.status != due:
        found.append(f"status is {record.status or 'absent'}, the cells give {due}")
    for number, cell in enumerate(record.cells, 1):
        held = {str(c) for c in listed(cell.get("claims"))}
        for near in map(obj, listed(cell.get("nearest"))):
            if str(near.get("claim")) in held:
                found.append(f"{_cell_name(cell, number)}: {near.get('claim')} is nearest and fills the cell")
            if not listed(near.get("differs_in")):
                found.append(f"{_cell_name(cell, number)}: nearest {near.get('claim')} does not say in what it differs")
    return found


def _kinds(record: Graded, claim: Json) -> set[str]:
    return {str(record.sources.get(bare(str(q.get("source"))), {}).get("kind")) for q in record.quotes(claim)}


def note_not_work(record: Graded) -> list[str]:
    """A note's words are `reported`, a measurement's `measured`, a work's `quoted`; a sentence on notes says so."""
    found = []
    noted = set()
    for claim_id, claim in record.claims.items():
        kinds = _kinds(record, claim)
        if "note" in kinds:
            noted.add(claim_id)
        due = next((_GROUNDING[kind] for kind in _GROUNDING if kind in kinds), None)
        if due is None or claim.get("grounding") != due:
            found.append(f"claim {claim_id}: grounding is {claim.get('grounding')}, its sources give {due}")
    for number, sentence in enumerate(record.sentences, 1):
        on_notes = {str(c) for c in listed(sentence.get("claims"))} & noted
        if on_notes and not re.search(r"\bnotes?\b", str(sentence.get("text", "")), re.IGNORECASE):
            found.append(f"sentence {number}: rests on a note and does not say so")
    return found


def _mismatch(record: Graded, cell: Json, claim: Json) -> str | None:
    """Why a claim does not belong in a cell, or None. Its facets must be the cell's, and its source must bear them."""
    cell_facets, claim_facets = _facets(cell), _facets(claim)
    spoken = _quoted(record, claim)
    for quote in record.quotes(claim):
        source = record.sources.get(bare(str(quote.get("source"))), {})
        spoken += [str(source.get("title", "")), *_values(source.get("systems"))]
        spoken.append(record.text(str(source.get("sha256", ""))) or "")
    for facet in _NAMED_FACETS:
        asked, said = _values(cell_facets.get(facet)), _values(claim_facets.get(facet))
        if not asked or (facet == "metric" and not said):
            continue
        if not {fold(name) for name in asked} & {fold(name) for name in said}:
            return f"its {facet} is not the cell's"
        if facet != "metric" and not any(names(text, name) for text in spoken for name in asked):
            return f"its source never names the {facet}"
    return None


def claims_exist(record: Graded) -> list[str]:
    """Every claim that is referred to exists, and a claim in a cell is of that cell's system, benchmark and metric.

    The system and the benchmark must also be named by the source (quote, title, `systems` or text): facets alone
    could say anything. A claim without a metric fits a cell with one.
    """
    found = []
    claims = record.claims
    for number, sentence in enumerate(record.sentences, 1):
        found += [f"sentence {number}: no claim {c}" for c in listed(sentence.get("claims")) if str(c) not in claims]
    for number, cell in enumerate(record.cells, 1):
        for near in map(obj, listed(cell.get("nearest"))):
            if str(near.get("claim")) not in claims:
                found.append(f"{_cell_name(cell, number)}: nearest names no claim ({near.get('claim')})")
        for claim_id in map(str, listed(cell.get("claims"))):
            if claim_id not in claims:
                found.append(f"{_cell_name(cell, number)}: no claim {claim_id}")
            elif reason := _mismatch(record, cell, claims[claim_id]):
                found.append(f"{_cell_name(cell, number)}: claim {claim_id}: {reason}")
    return found


def answers_question(record: Graded) -> list[str]:
    """There are cells, each of the question; a sentence speaks of one; and what must be found or shown is not none.

    A cell is of the question when the question names one of its facets, or holds every word of one (a subject may be
    a list of the question's words). A sentence speaks of a cell when it lists the cell or names its system, metric or
    benchmark. The recalls are added by the grader, which knows them.
    """
    found = []
    of_question = []
    asked = {plain(word) for word in tokens(record.question)}
    for number, cell in enumerate(record.cells, 1):
        named = [value for facet in _QUESTION_FACETS for value in _values(_facets(cell).get(facet))]
        if any(names(record.question, value) or {plain(word) for word in tokens(value)} <= asked for value in named):
            of_question.append(cell)
        else:
            found.append(f"{_cell_name(cell, number)}: the question names none of its facets")
    if not of_question:
        found.append("no cell of the question")
    elif not any(_speaks(sentence, cell) for sentence in record.sentences for cell in of_question):
        found.append("no answer sentence speaks of a cell of the question")
    return found


def _speaks(sentence: Json, cell: Json) -> bool:
    if cell.get("id") is not None and cell["id"] in listed(sentence.get("cells")):
        return True
    text = str(sentence.get("text", ""))
    return any(names(text, value) for facet in _NAMED_FACETS for value in _values(_facets(cell).get(facet)))


RULES: dict[str, Rule] = {
    rule.__name__: rule
    for rule in (
        numbers_in_quotes,
        quotes_at_offset,
        gaps_stated,
        status_follows,
        note_not_work,
        claims_exist,
        answers_question,
    )
}
RULE_NAMES = ("named_system", *RULES)


def violations(record: Graded, label: Json) -> dict[str, list[str]]:
    """What a record breaks, by rule, in the order of `RULE_NAMES`; an empty list is a rule that holds."""
    return {"named_system": named_system(record, label), **{name: rule(record) for name, rule in RULES.items()}}
