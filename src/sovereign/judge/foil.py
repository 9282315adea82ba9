"""What the reference method prints, computed from a record's sources, claims and texts: anyone can print it again.

The method is the earlier system's, reconstructed from one of its reports; docs/reference-profile.md says what in it is
documented, observed and inferred.
"""

from __future__ import annotations

from collections.abc import Callable

from sovereign.records import Evidence, Exchange, Foil, FoilReview, FoilRow, Profile, Source

from .quotes import plain
from .tfidf import TermCounts, cosine, term_counts
from .tribunal import hold_tribunal

Texts = Callable[[str], str | None]

#: A claim is ticked from this cosine on.
THRESHOLD = 0.15
#: A score under this asks for a round of revision.
REVISE_BELOW = 6.5
TITLE_CUT, ABSTRACT_CUT, CLAIM_CUT = 110, 600, 120
#: The report lists the first three of what it retrieved.
REFERENCES = 3
BY_CODE = "code"
_POLICY_LINE = "ESCALATE_TO_OWNER"


class TextMissing(LookupError):
    """A source's text is not at hand, so the report cannot be printed again."""


def reference_foil(
    evidence: Evidence,
    texts: Texts,
    *,
    extracted_by: str = BY_CODE,
    worded: tuple[tuple[str, str | None], ...] = (),
    reviewed_by: str = BY_CODE,
    reviews: tuple[FoilReview, ...] = (),
    revision_round: int = 0,
    exchanges: tuple[Exchange, ...] = (),
    embedder: str = "",
) -> Foil:
    """The report of the reference method over the evidence.

    Args:
        evidence: sources in the order of retrieval (the first leads) and the claims drawn from the lead.
        texts: a stored text by its SHA-256.
        extracted_by: the model that worded the claims; by code they are the lead's own sentences.
        worded: a model's claims in its words, each with the claim of the evidence whose sentence it rests on.
        reviewed_by: the model that reviewed; by code the tribunal of this package scores, and it revises nothing, so
            that a round of revision gives its score again.
        reviews: a model's reviews of the last round; the score is their mean, unless by code because one is unusable.
        revision_round: of a model's reviews.

    Raises:
        TextMissing: a source's text is not at hand.
    """
    lead = evidence.sources[0] if evidence.sources else None
    bodies = [_body(source, texts) for source in evidence.sources]
    counted = [term_counts(body) for body in bodies]
    if extracted_by == BY_CODE:
        rows = tuple(_row(claim.text, claim.id, counted) for claim in evidence.claims)
    else:
        known = {claim.id for claim in evidence.claims}
        rows = tuple(_row(text, claim if claim in known else None, counted, text) for text, claim in worded)
    if reviewed_by == BY_CODE:
        score = hold_tribunal(evidence, texts, evidence.provenance.policy).score
        revision_round = int(score < REVISE_BELOW)
    else:
        score = mean_score(reviews)
    verdict = "REVISE" if revision_round else "ACCEPT"  # the verdict that asked for the round; the score is after it
    ticked = sum(row.tick for row in rows)
    results = (
        f"{len(evidence.sources)} papers retrieved. {len(rows)} claims extracted, {ticked} ticked. "
        f"Tribunal: {score:g}/10 → {verdict} (revision_round={revision_round}). Policy: {_POLICY_LINE}."
    )
    return Foil(
        title=evidence.question.text[:TITLE_CUT],
        abstract=plain(bodies[0])[:ABSTRACT_CUT] if bodies else "",
        introduction=f"Analysis of: {lead.title}. Research goal: {evidence.question.text}" if lead else "",
        methodology=_methodology(evidence, extracted_by, reviewed_by, embedder),
        results=results,
        uncertainties=_uncertainties(reviewed_by, embedder),
        claims=rows,
        references=tuple(source.address or source.id for source in evidence.sources[:REFERENCES]),
        lead=lead.id if lead else None,
        threshold=THRESHOLD,
        extracted_by=extracted_by,
        reviewed_by=reviewed_by,
        score=score,
        verdict=verdict,
        revision_round=revision_round,
        policy=_POLICY_LINE,
        reviews=reviews,
        embedder=embedder,
        exchanges=exchanges,
    )


def foil_again(evidence: Evidence, texts: Texts) -> Foil | None:
    """The foil that a record must hold, given what a model is stored to have said; None for our own method.

    Raises:
        TextMissing: a source's text is not at hand.
        ValueError: an imported record's first source is no text of the earlier system.
    """
    if evidence.provenance.profile is Profile.SOVEREIGN:
        return None
    if evidence.provenance.profile is Profile.IMPORTED:
        from .imported import imported_foil

        return imported_foil(evidence, texts)
    told = evidence.foil or Foil(title="", abstract="")
    by_code = told.reviewed_by == BY_CODE
    return reference_foil(
        evidence,
        texts,
        extracted_by=told.extracted_by,
        worded=tuple((row.wording, row.claim) for row in told.claims),
        reviewed_by=told.reviewed_by,
        reviews=told.reviews,
        revision_round=0 if by_code else told.revision_round or 0,
        exchanges=told.exchanges,
        embedder=told.embedder,
    )


def mean_score(reviews: tuple[FoilReview, ...]) -> float:
    """The mean of the reviewers' scores, two decimals; 0 without any."""
    scores = [review.score for review in reviews if review.score is not None]
    return round(sum(scores) / len(scores), 2) if scores else 0.0


def _row(text: str, claim: str | None, bodies: list[TermCounts], wording: str = "") -> FoilRow:
    """The best cosine of the whole claim with a retrieved text; what is printed is cut, what is compared is not."""
    said = term_counts(text)
    best = max((cosine(said, body) for body in bodies), default=0.0)
    return FoilRow(
        text=text[:CLAIM_CUT], claim=claim, wording=wording, tick=best >= THRESHOLD, confidence=round(best, 2)
    )


def _body(source: Source, texts: Texts) -> str:
    """A source's text without the title that it opens with."""
    text = texts(source.sha256)
    if text is None:
        raise TextMissing(f"the text of {source.id} is not at hand")
    return text.removeprefix(source.title).lstrip()


def _methodology(evidence: Evidence, extracted_by: str, reviewed_by: str, embedder: str) -> str:
    where = ", ".join(dict.fromkeys(search.connector for search in evidence.searches))
    queries = sum(search.round == 0 for search in evidence.searches)
    claims = "" if extracted_by == BY_CODE else f" Claims of the lead as {extracted_by} words them."
    by = "by code, in place of a language model" if reviewed_by == BY_CODE else f"by {reviewed_by}, in parallel"
    index = f"Embeddings by {embedder}, for an index that takes no part in the check." if embedder else "No embeddings."
    return (
        f"{queries} queries to {where}, sorted by relevance.{claims} TF-IDF cosine of each claim with each retrieved "
        f"text (words and word pairs, threshold {THRESHOLD:g}). {index} Tribunal: SKEPTIC, VALIDATOR and SYNTHESIZER "
        f"{by}, with one round of revision under {REVISE_BELOW:g}."
    )


def _uncertainties(reviewed_by: str, embedder: str) -> str:
    said = ["A TF-IDF cosine measures shared words, not truth.", "The ranking depends on how the queries are worded."]
    if reviewed_by != BY_CODE:
        said.append("The reviews are a language model's and depend on their prompts.")
    if embedder:
        said.append("The endpoint of the embeddings may answer late or not at all.")
    return " ".join(said)
