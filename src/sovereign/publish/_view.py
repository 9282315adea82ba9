"""A record turned into what a page shows, in reading order: numbers, anchors, names and words. No markup here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from sovereign.judge import quote_fault, settling
from sovereign.records import Cell, Claim, Evidence, Quote, Record, Source, SourceKind, StorageError

from ._spans import OTHERS, SHORT_TEXT, anchor, text_anchor, text_page
from ._words import source_name

Texts = Callable[[str], str | None]


def remembered(texts: Texts) -> Texts:
    """The same texts, each read once: a page looks at every text several times."""
    known: dict[str, str | None] = {}

    def text(digest: str) -> str | None:
        if digest not in known:
            known[digest] = texts(digest)
        return known[digest]

    return text


@dataclass(frozen=True)
class QuoteView:
    """A quote with its link; `fault` is what is wrong with it against the text at hand, empty if nothing is."""

    quote: Quote
    label: str
    href: str | None
    fault: str


@dataclass(frozen=True)
class ClaimView:
    number: int
    claim: Claim
    label: str
    own_words: bool
    quotes: tuple[QuoteView, ...]
    in_answer: bool
    cells: tuple[str, ...]
    near: tuple[tuple[str, tuple[str, ...]], ...]
    agrees_with: tuple[tuple[int, str], ...]
    packs: tuple[str, ...]

    @property
    def anchor(self) -> str:
        return self.claim.id


@dataclass(frozen=True)
class Cited:
    """A source under a sentence of the answer, with the claims of it that the sentence rests on."""

    label: str
    claims: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class SentenceView:
    """A sentence of the answer; an `aside` rests on claims of which none fills the cells that it speaks of."""

    text: str
    cited: tuple[Cited, ...]
    cells: tuple[str, ...]
    aside: bool


@dataclass(frozen=True)
class SourceView:
    number: int
    source: Source
    label: str
    anchor: str
    href: str | None
    fault: str
    claims: tuple[tuple[int, str], ...]

    @property
    def kept_for(self) -> tuple[str, ...]:
        """The facets for which it was kept, `metric:latency` as `metric latency`."""
        return tuple(name.replace(":", " ", 1) for name in self.source.kept_for)


def claim_order(evidence: Evidence) -> list[Claim]:
    """The claims as a reader meets them: of the answer, then of the cells, then nearest ones, then the rest."""
    wanted: list[str] = [claim for sentence in evidence.answer.sentences for claim in sentence.claims]
    wanted += [claim for cell in evidence.cells for claim in cell.claims]
    wanted += [near.claim for cell in evidence.cells for near in cell.nearest]
    wanted += [claim.id for claim in evidence.claims]
    by_id = {claim.id: claim for claim in evidence.claims}
    return [by_id[name] for name in dict.fromkeys(wanted) if name in by_id]


class View:
    """Everything that the templates ask of a record, computed once.

    Args:
        record: the version to show.
        texts: from a text's sha256 to the text, or None where it is not at hand.
    """

    def __init__(self, record: Record, texts: Texts) -> None:
        self._record = record
        self._texts = texts
        self._sources = {source.id: source for source in record.sources}
        ordered = claim_order(record)
        self.numbers = {claim.id: number for number, claim in enumerate(ordered, 1)}
        self._faults: dict[str, str] = {}
        self.claims = tuple(self._claim(claim) for claim in ordered)
        self.by_id = {view.claim.id: view for view in self.claims}
        self.sentences = self._sentences()
        self._quoted = {quote.sha256 for claim in record.claims for quote in claim.quotes}
        quoted = {quote.source for claim in record.claims for quote in claim.quotes}
        shown = sorted(record.sources, key=lambda source: source.id not in quoted)  # stable: the record's order else
        self.sources = tuple(self._source(number, source) for number, source in enumerate(shown, 1))

    def among_others(self, digest: str) -> bool:
        """Whether the text is shown together with others that no claim quotes, not on a page of its own."""
        return digest not in self._quoted and len(self._texts(digest) or "") <= SHORT_TEXT

    def text_fault(self, digest: str) -> str:
        """Empty, or why the text of that digest cannot be shown."""
        if digest not in self._faults:
            try:
                text = self._texts(digest)
            except StorageError as error:
                self._faults[digest] = error.message
                return error.message
            if text is None:
                self._faults[digest] = "the text is not at hand"
            elif sha256(text.encode("utf-8", "surrogatepass")).hexdigest() != digest:
                self._faults[digest] = "the text at hand is not the one that was read: its digest differs"
            else:
                self._faults[digest] = ""
        return self._faults[digest]

    def quote_fault(self, quote: Quote) -> str:
        """Empty, or what is wrong with a quote against the stored text."""
        fault = self.text_fault(quote.sha256)
        if fault:
            return fault
        return quote_fault(quote, self._texts(quote.sha256) or "") or ""

    def _sentences(self) -> tuple[SentenceView, ...]:
        """The answer; sentences of equal words become one that cites the claims of all."""
        cells = {cell.id: cell for cell in self._record.cells}
        merged: dict[str, tuple[list[str], list[str], bool]] = {}
        for sentence in self._record.answer.sentences:
            spoken_of = [cells[name] for name in sentence.cells if name in cells] or list(cells.values())
            fills = any(name in cell.claims for cell in spoken_of for name in sentence.claims)
            claims, named, aside = merged.get(sentence.text, ([], [], True))
            aside = aside and bool(sentence.claims) and not fills
            merged[sentence.text] = ([*claims, *sentence.claims], [*named, *sentence.cells], aside)
        return tuple(
            SentenceView(text, self._cited(tuple(dict.fromkeys(claims))), tuple(dict.fromkeys(named)), aside)
            for text, (claims, named, aside) in merged.items()
        )

    def _claim(self, claim: Claim) -> ClaimView:
        cells = self._record.cells
        source = self._sources.get(claim.quotes[0].source)
        return ClaimView(
            number=self.numbers[claim.id],
            claim=claim,
            label=self._label(claim.quotes[0].source),
            own_words=source is not None and source.kind is SourceKind.NOTE,
            quotes=tuple(self._quote(quote) for quote in claim.quotes),
            in_answer=any(claim.id in sentence.claims for sentence in self._record.answer.sentences),
            cells=tuple(cell.id for cell in cells if claim.id in cell.claims),
            near=tuple(found for cell in cells if (found := _near(cell, claim.id))),
            agrees_with=tuple((self.numbers[name], name) for name in claim.agrees_with if name in self.numbers),
            packs=tuple(dict.fromkeys(run.pack for run, _ in settling(claim, self._record.reproductions))),
        )

    def _quote(self, quote: Quote) -> QuoteView:
        fault = self.quote_fault(quote)
        shown = quote.source in self._sources and not self.text_fault(quote.sha256)
        href = f"{text_page(quote.sha256)}#{anchor(quote)}" if shown and not fault else None
        return QuoteView(quote, self._label(quote.source), href, fault)

    def _label(self, source_id: str) -> str:
        source = self._sources.get(source_id)
        return source_name(source) if source else f"{source_id} (not among the sources)"

    def _cited(self, claims: Sequence[str]) -> tuple[Cited, ...]:
        grouped: dict[str, list[tuple[int, str]]] = {}
        for name in claims:
            view = self.by_id.get(name)
            if view is not None:
                grouped.setdefault(view.label, []).append((view.number, name))
        return tuple(Cited(label, tuple(pairs)) for label, pairs in grouped.items())

    def _source(self, number: int, source: Source) -> SourceView:
        fault = self.text_fault(source.sha256)
        href = None if fault else text_page(source.sha256)
        if href and self.among_others(source.sha256):
            href = f"{OTHERS}#{text_anchor(source.sha256)}"
        return SourceView(
            number=number,
            source=source,
            label=source_name(source),
            anchor=f"source-{number}",
            href=href,
            fault=fault,
            claims=tuple(
                (view.number, view.claim.id)
                for view in self.claims
                if any(quote.source == source.id for quote in view.claim.quotes)
            ),
        )


def _near(cell: Cell, claim_id: str) -> tuple[str, tuple[str, ...]] | None:
    for near in cell.nearest:
        if near.claim == claim_id:
            return cell.id, tuple(kind.value for kind in near.differs_in)
    return None
