"""A record as a compact HTML fragment, for notebooks."""

from __future__ import annotations

from html import escape

from sovereign.records import Evidence, Record

from . import _words as words
from ._safe import clip, visible
from ._view import claim_order

_SENTENCES = 12


def notebook_html(record: Record) -> str:
    """Question, status, answer with the sources behind each sentence, and the figures that qualify it.

    It stands alone: no style sheet, no script, no link outside; everything from outside is escaped.
    """
    numbers = {claim.id: number for number, claim in enumerate(claim_order(record), 1)}
    parts = [
        f"<p><small>{record.id}, version {record.version}, {record.gate_verdict.status.value}</small></p>",
        f'<p dir="auto"><em>{_text(record.question.text, 600)}</em></p>',
        f"<p><strong>{_text(words.STATUS[record.answer.status])}.</strong> "
        f"{_text(words.explained(record.answer.status, record.counts, record.provenance.profile))}</p>",
    ]
    rows = [_sentence(record, text.text, text.claims, numbers) for text in record.answer.sentences[:_SENTENCES]]
    if len(record.answer.sentences) > _SENTENCES:
        rows.append(f"<li>and {len(record.answer.sentences) - _SENTENCES} more</li>")
    if rows:
        parts.append(f"<ul>{''.join(rows)}</ul>")
    if record.missing_systems:
        names = ", ".join(f"<bdi>{_text(missing.name, 100)}</bdi>" for missing in record.missing_systems)
        parts.append(f"<p>Named but not found: {names}.</p>")
    counts = record.counts
    parts.append(
        f"<p><small>{counts.cells - counts.gaps} of {words.plural(counts.cells, 'cell')} measured, "
        f"{counts.cells_reproduced} reproduced; {words.plural(counts.claims, 'claim')} from "
        f"{words.plural(counts.sources, 'source')}; level {record.verification_level} of 7, "
        f"{words.LEVELS[record.verification_level][0].lower()}; tribunal {record.tribunal.score:.2f}, "
        f"{record.tribunal.verdict.value}; {record.decision.policy.value}</small></p>"
    )
    return f'<div class="sovereign-record">{"".join(parts)}</div>'


def _sentence(evidence: Evidence, text: str, claims: tuple[str, ...], numbers: dict[str, int]) -> str:
    named: dict[str, list[int]] = {}
    for claim_id in claims:
        claim = evidence.claim(claim_id)
        source = evidence.source(claim.quotes[0].source) if claim else None
        if claim and source:
            named.setdefault(words.source_name(source), []).append(numbers[claim_id])
    where = "; ".join(f"{_text(name)} {''.join(f'[{number}]' for number in found)}" for name, found in named.items())
    return f'<li><span dir="auto">{_text(text, 1000)}</span>{f" <small>({where})</small>" if where else ""}</li>'


def _text(value: str, limit: int = 300) -> str:
    return escape(visible(clip(value, limit)))
