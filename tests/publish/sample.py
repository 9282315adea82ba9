"""A small record of every kind of thing that a page shows, with texts of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from sovereign.judge import assess
from sovereign.records import (
    Answer,
    AnswerStatus,
    Cell,
    Claim,
    ClaimOutcome,
    DiffersIn,
    Direction,
    Dropped,
    Event,
    EventType,
    Evidence,
    Facets,
    Grounding,
    MissingSystem,
    Nearest,
    Outcome,
    PolicyRules,
    Provenance,
    Question,
    QuestionFacets,
    Quote,
    Record,
    Reproduction,
    ReproductionStatus,
    Search,
    SearchHit,
    Sentence,
    Source,
    SourceKind,
    State,
    TextLevel,
    Times,
)

NOTE = """# Harbour (a note on arXiv 2501.00001)

## What was measured
Harbour lowers the time to first token from 7.9 s to 6.2 s, a latency cut of 22% against plain top-k routing [S].
Harbour raises throughput by 12.3% against plain top-k routing on MMBench [A].
Harbour keeps accuracy within 0.2% of plain top-k routing on MMBench [S].

## What was not measured
No latency of Harbour at batch sizes above 8 is in what we read [S].
"""
ABSTRACT = (
    "Harbour: soft berths for experts\n\nWe present Harbour, a router for mixture-of-experts vision-language models. "
    "Harbour raises throughput by 12.3% over top-k routing on MMBench while reducing communication by 56.1%."
)
RESULTS = json.dumps(
    {"schema": "results", "values": {"e64_k6": {"b16": {"monte_carlo": 50.8, "unit": "experts"}}}},
    sort_keys=True,
    separators=(",", ":"),
)


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


TEXTS = {digest(text): text for text in (NOTE, ABSTRACT, RESULTS)}


def texts(name: str) -> str | None:
    return TEXTS.get(name)


def span(source: str, text: str, words: str) -> Quote:
    start = text.index(words)
    end = start + len(words)
    return Quote(
        source=source,
        text=words,
        start=start,
        end=end,
        prefix=text[max(0, start - 32) : start],
        suffix=text[end : end + 32],
        sha256=digest(text),
    )


def _claim(number: int, grounding: Grounding, quote: Quote, text: str | None = None, **facets: Any) -> Claim:
    extra = {name: facets.pop(name) for name in ("stated_negative", "reproduction", "agreement") if name in facets}
    return Claim(
        id=f"c-{number:010x}",
        text=text or quote.text,
        grounding=grounding,
        facets=Facets(subject="mixture-of-experts routing", **facets),
        quotes=(quote,),
        **extra,
    )


NOTE_ID, WORK_ID, RUN_ID = "note:2501.00001", "arxiv:2501.00001", "measurement:expected-distinct-experts"


def evidence() -> Evidence:
    """Two of six cells filled, one from a note and one from a work; the others are gaps, some with a nearest."""
    latency = _claim(
        1,
        Grounding.REPORTED,
        span(NOTE_ID, NOTE, NOTE.splitlines()[3]),
        system="Harbour",
        metric="latency",
        value=22.0,
        unit="%",
        direction=Direction.LOWER,
        baseline="plain top-k routing",
    )
    throughput = _claim(
        2,
        Grounding.QUOTED,
        span(WORK_ID, ABSTRACT, ABSTRACT.split(". ", 1)[1]),
        system="Harbour",
        metric="throughput",
        value=12.3,
        unit="%",
        direction=Direction.HIGHER,
        baseline="top-k routing",
        benchmark="MMBench",
    )
    accuracy = _claim(
        3,
        Grounding.REPORTED,
        span(NOTE_ID, NOTE, NOTE.splitlines()[5]),
        system="Harbour",
        metric="accuracy",
        value=0.2,
        unit="%",
        baseline="plain top-k routing",
        benchmark="MMBench",
    )
    absent = _claim(
        4, Grounding.REPORTED, span(NOTE_ID, NOTE, NOTE.splitlines()[8]), metric="latency", stated_negative=True
    )
    run = _claim(
        5,
        Grounding.MEASURED,
        Quote(source=RUN_ID, text="50.8", pointer="/values/e64_k6/b16/monte_carlo", sha256=digest(RESULTS)),
        text="With 64 experts and top-6 routing, a step of 16 tokens touches 50.8 distinct experts in expectation.",
        metric="distinct experts",
        value=50.8,
        unit="experts",
        condition=("64 experts", "top-6", "batch size 16"),
        reproduction=ReproductionStatus.REPRODUCED,
    )
    unused = _claim(
        6, Grounding.QUOTED, span(WORK_ID, ABSTRACT, "reducing communication by 56.1%"), metric="communication"
    )
    metrics = ("latency", "throughput", "accuracy")
    asked = [(metric, benchmark) for benchmark in ("VQAv2", "MMBench") for metric in metrics]
    filled = {("throughput", "MMBench"): throughput, ("accuracy", "MMBench"): accuracy}
    near = {
        ("latency", "VQAv2"): (
            Nearest(claim=latency.id, differs_in=(DiffersIn.BENCHMARK, DiffersIn.HARDWARE)),
            Nearest(claim=absent.id, differs_in=(DiffersIn.BENCHMARK,)),
            Nearest(claim=run.id, differs_in=(DiffersIn.METRIC, DiffersIn.IMPLEMENTATION)),
        ),
        ("throughput", "VQAv2"): (Nearest(claim=throughput.id, differs_in=(DiffersIn.BENCHMARK,)),),
    }
    cells = tuple(
        Cell(
            id=f"cell-{number}",
            facets=Facets(
                subject="mixture-of-experts routing", system="Harbour", metric=metric, benchmark=benchmark,
                baseline="top-k routing",
            ),
            claims=(filled[metric, benchmark].id,) if (metric, benchmark) in filled else (),
            gap=(metric, benchmark) not in filled,
            nearest=near.get((metric, benchmark), ()),
        )
        for number, (metric, benchmark) in enumerate(asked, 1)
    )  # fmt: skip
    return Evidence(
        library_digest=digest("library"),
        question=Question(
            text="How do latency, throughput and accuracy of Harbour compare with top-k routing on VQAv2 and MMBench, "
            "and how does Lighthouse compare?",
            facets=QuestionFacets(
                subject=("mixture-of-experts routing",),
                system=("Harbour", "Lighthouse"),
                baseline=("top-k routing",),
                metric=("latency", "throughput", "accuracy"),
                benchmark=("VQAv2", "MMBench"),
            ),
        ),
        answer=Answer(
            status=AnswerStatus.PARTLY_ANSWERED,
            sentences=(
                Sentence(
                    text="On MMBench, Harbour raises throughput by 12.3% over top-k routing.",
                    claims=(throughput.id,),
                    cells=("cell-5",),
                ),
                Sentence(
                    text="Our note says that accuracy on MMBench stays within 0.2% of plain top-k routing.",
                    claims=(accuracy.id,),
                    cells=("cell-6",),
                ),
                Sentence(
                    text="Not measured in any source that was read: latency, throughput and accuracy on VQAv2, latency "
                    "on MMBench.",
                    cells=("cell-1", "cell-2", "cell-3", "cell-4"),
                ),
            ),
        ),
        claims=(latency, throughput, accuracy, absent, run, unused),
        sources=(
            Source(
                id=NOTE_ID,
                title="Harbour: soft berths for experts (our note)",
                kind=SourceKind.NOTE,
                text_level=None,
                sha256=digest(NOTE),
                about=WORK_ID,
                systems=("Harbour",),
                year=2025,
                kept_for=("subject", "Harbour", "latency"),
                rank=1,
            ),
            Source(
                id=WORK_ID,
                title="Harbour: soft berths for experts",
                kind=SourceKind.WORK,
                text_level=TextLevel.ABSTRACT,
                sha256=digest(ABSTRACT),
                systems=("Harbour",),
                address="https://arxiv.org/abs/2501.00001",
                authors=("A. Mole", "B. Pier", "C. Quay"),
                year=2025,
                kept_for=("subject", "Harbour"),
                rank=2,
            ),
            Source(
                id=RUN_ID,
                title="Expected number of distinct experts per step",
                kind=SourceKind.MEASUREMENT,
                text_level=None,
                sha256=digest(RESULTS),
                kept_for=("nearest",),
            ),
        ),
        cells=cells,
        missing_systems=(
            MissingSystem(name="Lighthouse", reason="no source in the library is its own paper", searches=("q3",)),
        ),
        searches=(
            Search(
                id="q1",
                round=0,
                purpose="system Harbour",
                query="Harbour mixture of experts routing",
                require=(("mixture of experts", "MoE"),),
                hits=(SearchHit(source=NOTE_ID, rank=1), SearchHit(source="arxiv:2401.00009", rank=2)),
            ),
            Search(
                id="q2",
                round=0,
                purpose="Harbour x throughput",
                query="Harbour throughput",
                hits=(SearchHit(source=WORK_ID, rank=2),),
            ),
            Search(id="q3", round=0, purpose="system Lighthouse", query="Lighthouse mixture of experts"),
            Search(id="q4", round=1, purpose="gap latency x VQAv2", query="latency VQAv2 top-k routing"),
        ),
        dropped=(
            Dropped(
                source="arxiv:2401.00009",
                title="Harbour seals of the North Sea",
                rule="subject",
                reason="does not speak of mixture-of-experts routing",
                search="q1",
                rank=2,
            ),
        ),
        reproductions=(
            Reproduction(
                pack="expected-distinct-experts",
                pack_digest=digest("pack"),
                results_sha256=digest(RESULTS),
                source=RUN_ID,
                isolation="bubblewrap/full",
                outcomes=(
                    ClaimOutcome(
                        pack_claim="e64-k6-b16",
                        outcome=Outcome.SUPPORTED,
                        measured=50.8,
                        expected=50.79,
                        tolerance=0.01,
                        uncertainty=0.02,
                        reason="within 1% of the formula",
                        record_claims=(run.id,),
                    ),
                ),
            ),
        ),
        limitations=(
            "4 of 6 cells are gaps: nothing that was read measures them.",
            "Works were read as abstracts only; a full text may say more.",
        ),
        provenance=Provenance(
            code_version="0.1.0",
            code_digest=digest("code"),
            policy=PolicyRules(),
            vocabularies={"ml-systems": digest("vocabulary")},
            readers={"jsonl": "1", "markdown": "1"},
            subject_terms=(("mixture of experts", "mixture-of-experts", "MoE"),),
            audit_head=digest("audit"),
        ),
    )


def record(
    change: Callable[[dict[str, Any]], None] | None = None, *, lookup: Callable[[str], str | None] = texts
) -> Record:
    """The sample as a record, judged by the real rules; `change` may edit the evidence's JSON before."""
    document = evidence().to_json()
    if change is not None:
        change(document)
    changed = Evidence.model_validate(document)
    judgement = assess(changed, lookup)
    return Record(
        **{name: getattr(changed, name) for name in Evidence.model_fields},
        **{name: getattr(judgement, name) for name in type(judgement).model_fields},
        id="SRCH:2603ABC8",
        version=1,
        body_digest=digest("body"),
        times=Times(created_at="2026-03-01T12:30:00Z"),
    )


def state(**changes: Any) -> State:
    """A draft, unless told otherwise."""
    values: dict[str, Any] = {
        "record": "SRCH:2603ABC8",
        "version": 1,
        "public": False,
        "standing": "draft",
        "events": 1,
        "corrections": 0,
        "last_event_at": "2026-03-01T12:30:01Z",
    }
    return State(**values | changes)


def drafted() -> Event:
    return Event(
        record="SRCH:2603ABC8",
        version=1,
        number=1,
        type=EventType.DRAFTED,
        previous=None,
        manifest=digest("manifest"),
        at="2026-03-01T12:30:01Z",
        by="SHA256:" + digest("key"),
    )
