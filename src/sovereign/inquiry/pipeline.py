"""The way of a question, in reading order: plan, search, read, extract, the owner's hand, compare, cells, answer,
judge.

Each stage is one function in one file, pure over stored inputs, and its output is kept in the journal. A
score under the policy's bar asks for a revision: new queries for the gaps, then search to tribunal once more, until
the bar is reached, the policy's bound is, or a round gained too little to hold another.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib import import_module, resources
from typing import Protocol, TypeVar

from sovereign import _version
from sovereign.judge import RULES, assess, why_stop
from sovereign.records import (
    Cell,
    Document,
    Evidence,
    HandGiven,
    Judgement,
    PolicyRules,
    Provenance,
    Revision,
    Round,
    Search,
    StopReason,
)

from . import documents as doc
from .answer import ONLY_LIBRARY, write
from .cells import tabulate
from .compare import compare, naming_only
from .extract import extract
from .hand import added, by_the_hand, hand, limitation, told
from .plan import plan, revise
from .read import read
from .remark import not_found, take_in
from .search import search
from .vocabulary import EMPTY, Vocabulary, shipped

Progress = Callable[[str], None]
Output = TypeVar("Output", bound=Document)

_READING = ("sovereign.judge.terms", "sovereign.judge.numbers", "sovereign.inquiry.documents")
_PLANNING = tuple(f"sovereign.inquiry.{name}" for name in ("plan", "facets", "words", "vocabulary"))
_PASSAGES = (*(f"sovereign.inquiry.{name}" for name in ("reading", "passages", "relevance")), "sovereign.library.index")
_LOOKING = tuple(f"sovereign.library.{name}" for name in ("library", "index", "ranking", "gazetteer"))
_BY_HAND = ("sovereign.judge.hand", "sovereign.judge.quotes")
#: What each stage's code is, with all that it calls: a change in one of these modules makes its stored outputs stale.
STAGE_MODULES: dict[str, tuple[str, ...]] = {
    "plan": ("sovereign.inquiry.remark", *_PLANNING, *_READING, *_LOOKING),
    "search": ("sovereign.inquiry.search", *_BY_HAND, *_PASSAGES, *_PLANNING, *_READING, *_LOOKING),
    "read": ("sovereign.inquiry.read", "sovereign.inquiry.documents"),
    "extract": (
        *(f"sovereign.inquiry.{name}" for name in ("extract", "results", "roles", "phrases", "sentences", "tables")),
        "sovereign.judge.quotes",
        *_PASSAGES,
        *_PLANNING,
        *_READING,
    ),
    "hand": (
        "sovereign.inquiry.hand",
        *(f"sovereign.inquiry.{name}" for name in ("extract", "results", "roles", "phrases", "sentences", "tables")),
        *(f"sovereign.judge.{name}" for name in ("validator", "verdicts", "answers", "checks")),
        *_BY_HAND,
        *_PASSAGES,
        *_PLANNING,
        *_READING,
    ),
    "compare": (
        "sovereign.inquiry.compare",
        "sovereign.inquiry.documents",
        *(f"sovereign.judge.{name}" for name in ("verdicts", "outcomes", "intervals", "repeats", "quotes", "terms")),
    ),
    "cells": (
        *(f"sovereign.inquiry.{name}" for name in ("cells", "matching", "nearest", "words", "vocabulary")),
        "sovereign.judge.verdicts",
        *_READING,
    ),
    "answer": (
        "sovereign.inquiry.answer",
        *(f"sovereign.judge.{name}" for name in ("answers", "quotes", "synthesizer", "checks")),
        *(f"sovereign.inquiry.{name}" for name in ("matching", "words")),
        "sovereign.judge.verdicts",
        *_READING,
    ),
    "tribunal": tuple(
        f"sovereign.judge.{name}"
        for name in (
            "answers", "assess", "checks", "counts", "dimensions", "numbers", "policy", "quotes", "skeptic", "standing",
            "synthesizer", "terms", "tribunal", "validator", "verdicts",
        )
    ),
}  # fmt: skip


class StageRunner(Protocol):
    """The part of a run that the stages need: see `runs.Run`."""

    def stage(
        self, name: str, code: str, inputs: object, fn: Callable[[], Output], output_type: type[Output]
    ) -> Output:
        """The stored output of a stage, or that of `fn`, stored."""
        ...


class _Inputs(Document):
    """What a stage's output is kept under, besides its code."""

    library_digest: str
    parts: tuple[str, ...]


def investigate(
    library: doc.LibraryPort,
    question: str,
    policy: PolicyRules,
    run: StageRunner,
    progress: Progress = lambda _: None,
    vocabularies: Sequence[Vocabulary] | None = None,
    searches: Sequence[Search] = (),
    limitations: Sequence[str] = (),
    remarks: Sequence[str] = (),
    hand: Sequence[HandGiven] = (),
) -> tuple[Evidence, Judgement]:
    """Answer a question from a library, judged and decided; nothing is written but the run's journal.

    Args:
        library: where to look; its digest is part of what every stage's output is kept under.
        policy: the owner's rules; they are stored with the evidence.
        vocabularies: the fields' words; by default those that come with the package.
        searches, limitations: of a live search that filled the library before; they are part of the record.
        remarks: with which the owner sent earlier versions back; what they name is searched for too.
        hand: the entries of the owner's hand that are in force for the question.
    """
    stages = _Stages(library, policy, run, progress, tuple(shipped() if vocabularies is None else vocabularies))
    stages.before = tuple(searches), tuple(limitations)
    stages.hand = tuple(hand)
    stages.noted = not_found(question, remarks, library, stages.vocabularies)
    planned = stages.plan(question, tuple(remarks))
    evidence, judgement = stages.answer(planned)
    rounds = [_round(0, evidence, judgement)]
    while (stopped := why_stop(rounds, policy)) is None:
        number = len(rounds)
        gaps = [_in_words(cell) for cell in evidence.cells if cell.gap]
        revised = revise(planned, gaps, number)
        if revised == planned:
            stopped = StopReason.NOTHING_LEFT
            break
        progress(f"revision {number}: score {judgement.tribunal.score:g} is under {policy.revise_below:g}")
        planned = revised
        evidence, judgement = stages.answer(planned)  # it asks all that was asked before, and more
        rounds.append(_round(number, evidence, judgement))
    revision = Revision(rounds=tuple(rounds), stopped=stopped, remarks=tuple(remarks))
    return evidence.model_copy(update={"revision": revision}), judgement


def _round(number: int, evidence: Evidence, judgement: Judgement) -> Round:
    return Round(
        number=number,
        queries=sum(search.round == number and search.connector == "library" for search in evidence.searches),
        sources=len(evidence.sources),
        filled=sum(not cell.gap for cell in evidence.cells),
        score=judgement.tribunal.score,
        verdict=judgement.tribunal.verdict,
    )


class _Stages:
    """The stages bound to one library, policy and run; a round calls them in order."""

    def __init__(
        self,
        library: doc.LibraryPort,
        policy: PolicyRules,
        run: StageRunner,
        progress: Progress,
        vocabularies: tuple[Vocabulary, ...],
    ) -> None:
        self._library = library
        self._digest = library.digest()
        self._policy = policy
        self._run = run
        self._progress = progress
        self.vocabularies = vocabularies
        self.before: tuple[tuple[Search, ...], tuple[str, ...]] = ((), ())
        self.noted: tuple[str, ...] = ()
        self.hand: tuple[HandGiven, ...] = ()

    def plan(self, question: str, remarks: tuple[str, ...] = ()) -> doc.Plan:
        def made() -> doc.Plan:
            planned = plan(question, self._library, self.vocabularies)
            return take_in(planned, remarks, self._library, self.vocabularies) if remarks else planned

        return self._stage("plan", "planning", (question, *remarks), made, doc.Plan)

    def answer(self, planned: doc.Plan) -> tuple[Evidence, Judgement]:
        """One round: search, read, extract, compare, cells, answer, tribunal and decision."""
        library, vocabulary = self._library, self._vocabulary(planned.vocabulary)
        found = self._stage(
            "search",
            f"searching ({len(planned.queries)} queries)",
            (planned, self.hand),
            lambda: search(planned, library, self.hand),
            doc.Found,
        )
        reading = self._stage(
            "read", f"reading {len(found.kept)} sources", (found,), lambda: read(found, library), doc.Reading
        )
        extracted = self._stage(
            "extract",
            "extracting results",
            (planned, reading),
            lambda: extract(planned, reading, library, vocabulary),
            doc.Extracted,
        )
        handled = self._stage(
            "hand",
            "taking in the owner's hand" if self.hand else "the owner's hand has no part in it",
            (planned, found, reading, extracted, self.hand),
            lambda: hand(planned, found, reading, extracted, library, self.hand),
            doc.Handled,
        )
        extracted = by_the_hand(extracted, handled)
        compared = self._stage(
            "compare",
            f"comparing {len(extracted.claims)} claims",
            (reading, extracted, self._runs(reading)),
            lambda: compare(reading, extracted, library),
            doc.Compared,
        )
        tabled = self._stage(
            "cells",
            "filling cells",
            (planned, compared, extracted),
            lambda: tabulate(planned, compared, extracted, vocabulary),
            doc.Tabled,
        )
        written = self._stage(
            "answer",
            "writing the answer",
            (planned, found, reading, compared, tabled),
            lambda: write(planned, found, reading, compared, tabled),
            doc.Written,
        )
        evidence = self._evidence(planned, found, reading, handled, compared, tabled, written)
        judgement = self._stage(
            "tribunal", "holding the tribunal", (evidence,), lambda: assess(evidence, library.text), Judgement
        )
        return evidence, judgement

    def _stage(
        self, name: str, saying: str, parts: tuple[object, ...], fn: Callable[[], Output], output: type[Output]
    ) -> Output:
        self._progress(saying)
        digests = tuple(_digest(part) for part in parts)
        code = code_digest(name, self.vocabularies, self._policy)
        return self._run.stage(name, code, _Inputs(library_digest=self._digest, parts=digests), fn, output)

    def _vocabulary(self, name: str) -> Vocabulary:
        return next((vocabulary for vocabulary in self.vocabularies if vocabulary.name == name), EMPTY)

    def _runs(self, reading: doc.Reading) -> str:
        """What the library's packs say, which is no part of a measurement's text."""
        metas = [
            self._library.get(item.source.id).meta
            for item in reading.sources
            if item.source.kind.value == "measurement"
        ]
        # Not the attestations: they hold times, and equal runs must give equal records.
        before = [[(one["files"], one["results"]) for one in m.get("earlier", ())] for m in metas]
        parts = [
            (m["pack_digest"], m["isolation"], m["outcomes"], len(m.get("runs", ())), earlier)
            for m, earlier in zip(metas, before, strict=True)
        ]
        return hashlib.sha256(repr(parts).encode()).hexdigest()

    def _evidence(
        self,
        planned: doc.Plan,
        found: doc.Found,
        reading: doc.Reading,
        handled: doc.Handled,
        compared: doc.Compared,
        tabled: doc.Tabled,
        written: doc.Written,
    ) -> Evidence:
        """The evidence with the claims that something in it refers to; the others were read and not needed."""
        used = {claim for cell in tabled.cells for claim in cell.claims}
        used |= {nearest.claim for cell in tabled.cells for nearest in cell.nearest}
        used |= {claim for sentence in written.answer.sentences for claim in sentence.claims}
        used |= added(handled)
        used |= {c for run in compared.reproductions for outcome in run.outcomes for c in outcome.record_claims}
        for claim in compared.claims:
            if claim.id in used:
                used |= set(claim.agrees_with)
        return Evidence(
            library_digest=self._digest,
            question=planned.question,
            answer=written.answer,
            claims=tuple(claim for claim in compared.claims if claim.id in used),
            sources=tuple(item.source for item in reading.sources),
            cells=tabled.cells,
            missing_systems=found.missing,
            searches=_numbered((*found.searches, *self.before[0])),
            dropped=found.dropped,
            reproductions=naming_only(used, compared.reproductions),
            hand=told(handled, used),
            limitations=(
                *_limitations(written, live=bool(self.before[1])),
                *self.before[1],
                *self.noted,
                *limitation(handled),
            ),
            provenance=Provenance(
                code_version=_version.__version__,
                code_digest=_all_code(),
                rules=RULES,
                policy=self._policy,
                vocabularies={v.name: v.digest for v in self.vocabularies},
                readers=self._library.readers(),
                subject_terms=planned.subject_terms,
                facet_terms=planned.facet_terms,
            ),
        )


def code_digest(stage: str, vocabularies: Sequence[Vocabulary], policy: PolicyRules) -> str:
    """What a stage's output depends on besides its inputs: its modules, the vocabularies, the policy."""
    told = hashlib.sha256()
    for module in STAGE_MODULES[stage]:
        told.update(_module_digest(module).encode())
    for vocabulary in vocabularies:
        told.update(vocabulary.digest.encode())
    if stage == "tribunal":
        told.update(policy.model_dump_json().encode())
    return told.hexdigest()


@lru_cache(maxsize=256)
def _module_digest(name: str) -> str:
    """SHA-256 of a module's source file, from the package's data, so that it also works from a zip."""
    module = sys.modules.get(name) or import_module(name)
    package, _, leaf = module.__name__.rpartition(".")
    return hashlib.sha256(resources.files(package).joinpath(f"{leaf}.py").read_bytes()).hexdigest()


@lru_cache(maxsize=1)
def _all_code() -> str:
    names = sorted({module for modules in STAGE_MODULES.values() for module in modules} | {__name__})
    return hashlib.sha256("".join(_module_digest(name) for name in names).encode()).hexdigest()


def _digest(part: object) -> str:
    body = part.model_dump_json() if isinstance(part, Document) else repr(part)
    return hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()


def _limitations(written: doc.Written, live: bool) -> tuple[str, ...]:
    """What the answer's stage says, but for what a live search makes untrue."""
    return tuple(said for said in written.limitations if not (live and said == ONLY_LIBRARY))


def _numbered(searches: Sequence[Search]) -> tuple[Search, ...]:
    """The library's searches have their numbers; those of services go on from there."""
    return tuple(one.model_copy(update={"id": f"q{number}"}) for number, one in enumerate(searches, 1))


def _in_words(cell: Cell) -> str:
    facets = cell.facets
    words = (facets.system, facets.subject, facets.metric, facets.benchmark, facets.baseline)
    return " ".join(word for word in words if word)
