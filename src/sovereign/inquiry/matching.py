"""Does a claim match what a cell asks? The comparisons of facets that filling and nearness share."""

from __future__ import annotations

import re

from sovereign.judge import mentions, name_key, same_facets
from sovereign.records import Claim, DiffersIn, Facets, Grounding

from .documents import Extracted, Plan
from .words import content_words, stem

#: The share of the question's own terms in a sentence that answers it, where nothing more particular is asked.
ENOUGH_TERMS = 0.6
#: The unit of the claim that an accepted proof is kept as (`sovereign.gate.proofs.UNIT`, a sibling of ours).
PROVED = "accepted proof"
_BATCH = re.compile(
    r"(?:a\s+|with\s+)?(?:batch(?:es)?(?:[\s-]+sizes?)?|concurrency|(?:decod(?:e|ing)\s+)?steps?)\s*(?:of\s+|=\s*)?(?P<of>\d+)"
    r"(?:\s+tokens)?|(?P<before>\d+)\s+(?:tokens\s+(?:per|in\s+a|a|each)\s+(?:\w+\s+)?(?:step|batch)|"
    r"concurrent\s+(?:requests|users|sequences))",
    re.I,
)


def fills(claim: Claim, cell: Facets, planned: Plan, extracted: Extracted) -> bool:
    """Whether a claim measures just what the cell asks.

    Same system, metric, benchmark and baseline, and every condition stated in the sentence. For a question
    without a named system the claim's source must speak of all its subjects.
    """
    facets = claim.facets
    if claim.grounding is Grounding.MEASURED:
        return facets.value is not None and same_facets(cell, facets)
    if planned.vocabulary == "none":
        if cell.system and not mentions(claim.text, cell.system):
            return False
        return facets.direction is not None and coverage(facets, planned) >= ENOUGH_TERMS
    if facets.value is None and facets.direction is None:
        return False
    if cell.system and not same_name(facets.system, cell.system):
        return False
    if cell.metric and facets.metric != cell.metric and not _is_ratio_of(facets, cell.metric):
        return False
    if not cell.system and not cell.benchmark and not cell.condition and not _on_the_question(claim, planned):
        return False
    if not cell.metric and not _on_the_question(claim, planned):
        return False
    if not cell.system and not planned.question.facets.subject and not _on_the_question(claim, planned):
        return False  # the vocabulary has no name for the subject, so the sentence itself must speak of it
    if cell.benchmark and not same_name(facets.benchmark, cell.benchmark):
        return False
    if cell.baseline and not same_baseline(facets.baseline, cell.baseline):
        return False
    about = extracted.subjects.get(claim.quotes[0].source, ())
    if not cell.system and any(name.startswith("subject:") and name not in about for name in planned.facet_terms):
        return False
    return all(condition_stands(condition, claim) for condition in cell.condition)


def differs_in(cell: Facets, claim: Claim) -> tuple[DiffersIn, ...]:
    """In what a claim differs from a cell: facets that are other or not stated; for our own runs also how they ran."""
    facets = claim.facets
    found = []
    if cell.system and not same_name(facets.system, cell.system):
        found.append(DiffersIn.SYSTEM)
    if cell.metric and facets.metric != cell.metric:
        found.append(DiffersIn.METRIC)
    if cell.benchmark and not same_name(facets.benchmark, cell.benchmark):
        found.append(DiffersIn.BENCHMARK)
    if cell.baseline and not same_baseline(facets.baseline, cell.baseline):
        found.append(DiffersIn.BASELINE)
    if not all(condition_stands(condition, claim) for condition in cell.condition):
        found.append(DiffersIn.CONDITION)
    if claim.grounding is Grounding.MEASURED and facets.unit == PROVED:
        found.append(DiffersIn.IMPLEMENTATION)  # a theorem has no scale and no hardware
    elif claim.grounding is Grounding.MEASURED:
        found += [DiffersIn.IMPLEMENTATION, DiffersIn.SCALE, DiffersIn.HARDWARE]
    return tuple(found) or (DiffersIn.CONDITION,)


def same_name(one: str | None, other: str | None) -> bool:
    """Whether two names are one name, however written; no name is never the same."""
    return bool(one) and name_key(one or "") == name_key(other or "")


def same_baseline(claimed: str | None, asked: str) -> bool:
    """Whether a claim's baseline is one of those asked for (several are joined by `; `)."""
    names = {name_key(name) for name in asked.split("; ")}
    return claimed is not None and any(name in name_key(claimed) for name in names)


def condition_stands(condition: str, claim: Claim) -> bool:
    """Whether the sentence itself states the condition for this value; a range or a sweep must stand there as one.

    `batch size 1` does not stand in `batch size 16`; and where the value has a condition of that kind, it must be it.
    """
    # A row of a table is told with its caption, which it quotes too.
    told = " \n".join(dict.fromkeys((claim.text, *(quote.text for quote in claim.quotes[:2]))))
    if not any(character.isdigit() for character in condition):
        return mentions(told, condition) or name_key(condition) in name_key(told)
    asked = standard_condition(condition)
    of_the_kind = {
        name_key(own) for own in map(standard_condition, claim.facets.condition) if _kind(own) == _kind(asked)
    }
    if of_the_kind:
        return name_key(asked) in of_the_kind
    return mentions(told, condition)


def standard_condition(condition: str) -> str:
    """One way of writing a batch: a decoding step of 16 tokens, and a concurrency of 16, is `batch size 16`."""
    match = _BATCH.fullmatch(condition.strip())
    return f"batch size {match['of'] or match['before']}" if match else condition


def _kind(condition: str) -> str:
    return re.sub(r"\d+(?:\.\d+)?", "#", condition.casefold()).replace(" of ", " ")


def coverage(facets: Facets, planned: Plan) -> float:
    """The share of the question's own terms that a located sentence holds."""
    terms = [name for name in planned.facet_terms if name.startswith("term:")]
    return len((facets.subject or "").split()) / max(1, len(terms))


def _is_ratio_of(facets: Facets, metric: str) -> bool:
    """A speedup is a ratio of times or rates: `1.26x the inference speed` states one."""
    return metric == "speedup" and facets.unit == "x" and facets.metric in ("throughput", "latency")


def _on_the_question(claim: Claim, planned: Plan) -> bool:
    """Where the question names no metric, or only one, its own words must be in the sentence."""
    asked = {stem(word) for word in content_words(planned.question.text)}
    return len(asked & {stem(word) for word in content_words(claim.text)}) >= ENOUGH_TERMS * len(asked)
