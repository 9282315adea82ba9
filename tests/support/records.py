"""A small, complete and honest record, made by hand: a work, a note, a measurement, cells, a gap, a reproduction.

`small_record()` gives its parts, `write_small()` writes it into an archive. Nothing here is copied from anywhere: the
system, the benchmark and the numbers are made up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sovereign.archive import Archive
from sovereign.judge import RULES, assess, pointer_text, reproduction_status, resolve_pointer
from sovereign.judge.outcomes import outcomes, pack_digest
from sovereign.records import (
    Agreement,
    Answer,
    AnswerStatus,
    Cell,
    Claim,
    ClaimOutcome,
    DiffersIn,
    Direction,
    Dropped,
    Evidence,
    Facets,
    Grounding,
    Judgement,
    MissingSystem,
    Nearest,
    PackSpec,
    PolicyRules,
    Provenance,
    Question,
    QuestionFacets,
    Quote,
    Reproduction,
    Search,
    SearchHit,
    Sentence,
    Source,
    SourceKind,
    TextLevel,
)
from sovereign.seal import PREDICATE_REPRODUCTION, Key, canonical, digest, parse, sign, statement

NOW = "2026-03-01T12:00:00Z"
RECORD_ID = "SRCH:0A1B2C3D"

QUESTION = "How does TinyRouter change accuracy and decode latency on ToyBench, and how does GhostRouter?"

WORK_TEXT = (
    "TinyRouter: routing for a toy mixture of experts\n\n"
    "Mixture-of-experts routing picks experts for each token. "
    "TinyRouter improves accuracy by 3.2% over top-2 routing on ToyBench. "
    "We keep the number of experts at eight — no more.\n"
)
WORK_SENTENCE = "TinyRouter improves accuracy by 3.2% over top-2 routing on ToyBench."

NOTE_TEXT = (
    "# A note on TinyRouter\n\n"
    "Our note on mixture-of-experts routing. "
    "A step of 16 tokens touches 7.1 experts in expectation with two of eight experts each. "
    "TinyRouter's decode latency was not reported.\n"
)
NOTE_SENTENCE = "A step of 16 tokens touches 7.1 experts in expectation with two of eight experts each."

RESULTS = {
    "schema": "sovereign-results-v1",
    "pack": "toy-experts",
    "seed": 7,
    "values": {"touched": {"formula": 7.12, "simulated": 7.1, "standard_error": 0.004}},
}

PACK_TOML = """\
name = "toy-experts"
title = "Experts touched per step, toy size"
version = 1
seed = 7
description = "Formula against simulation."
differs_in = ["implementation", "scale"]
source = "measurement:toy-experts"
bears_on = ["decode latency"]

[facets]
subject = "mixture-of-experts routing"
metric = "experts touched"

[[claims]]
id = "touched"
statement = "A step of 16 tokens touches 7.1 experts"
result_field = "/values/touched/simulated"
comparison = "within_relative"
expected_field = "/values/touched/formula"
uncertainty_field = "/values/touched/standard_error"
tolerance = 0.01
[[claims.settles]]
source = "note:2401.00001"
sentence_contains = "7.1 experts in expectation"
"""

PACK_FILES = {"pack.toml": PACK_TOML.encode(), "run.py": b"print('a toy')\n"}

#: The machine of the owner's own run.
MACHINE = {"architecture": "x86_64", "processor": "Toy Processor One", "processors": "4"}

WORK_CLAIM, NOTE_CLAIM, MEASURED_CLAIM = "c-00000000aa", "c-00000000bb", "c-00000000cc"


@dataclass(frozen=True)
class SmallRecord:
    """The parts that `Archive.write_version` takes."""

    evidence: Evidence
    judgement: Judgement
    text_of: Mapping[str, str]
    audit_lines: tuple[bytes, ...]
    artifacts: Mapping[str, Mapping[str, bytes]] = field(default_factory=dict)

    def texts(self, sha256: str) -> str | None:
        return self.text_of.get(sha256)


def small_record(key: Key, *, with_run: bool = True, results: Mapping[str, object] = RESULTS) -> SmallRecord:
    """The parts of the record. With other `results` the run comes to other outcomes, honestly stated."""
    results_text = canonical(dict(results)).decode()
    texts = {digest(text): text for text in (WORK_TEXT, NOTE_TEXT, results_text)}
    audit = audit_chain("plan", "search", "extract", "answer")
    evidence = _evidence(results_text, audit, with_run, (_run(results_text, texts),) if with_run else ())
    artifacts = {}
    if with_run:
        attested = {"pack": pack_digest(PACK_FILES), "results.json": digest(results_text)}
        run = evidence.reproductions[0]
        said = {
            "pack": run.pack,
            "pack_version": 1,
            "seed": 7,
            "isolation": run.isolation,
            "outcomes": [{**outcome.to_json(), "record_claims": []} for outcome in run.outcomes],
            "machine": MACHINE,
            "attested_at": NOW,
        }
        envelope = sign(statement(PREDICATE_REPRODUCTION, attested, said), key)
        files = {**PACK_FILES, "results.json": results_text.encode(), "attestation.json": envelope}
        artifacts = {digest(results_text): files}
    else:
        del texts[digest(results_text)]
    return SmallRecord(evidence, assess(evidence, texts.get), texts, audit, artifacts)


def write_small(
    folder: Path, key: Key, *, record_id: str = RECORD_ID, version: int = 1, with_run: bool = True
) -> tuple[Archive, Path]:
    """Write the record as a version into an archive under `folder`; returns the archive and the version's folder."""
    archive = Archive(folder)
    small = small_record(key, with_run=with_run)
    path = archive.write_version(
        record_id,
        version,
        small.evidence,
        small.judgement,
        texts=small.texts,
        audit_lines=small.audit_lines,
        artifacts=small.artifacts,
        key=key,
        now=NOW,
    )
    return archive, path


def quote_of(source: str, text: str, sentence: str) -> Quote:
    """The quote of a sentence that stands in a source's text, with its surroundings."""
    start = text.index(sentence)
    end = start + len(sentence)
    return Quote(
        source=source,
        text=sentence,
        start=start,
        end=end,
        prefix=text[max(0, start - 32) : start],
        suffix=text[end : end + 32],
        sha256=digest(text),
    )


def audit_chain(*stages: str) -> tuple[bytes, ...]:
    """Rows of an audit chain with made-up digests, each naming the one before it."""
    rows: list[bytes] = []
    for number, stage in enumerate(stages, start=1):
        row = {
            "seq": number,
            "stage": stage,
            "inputs_sha256": digest(f"in {stage}"),
            "code_sha256": digest(f"code {stage}"),
            "output_sha256": digest(f"out {stage}"),
            "previous": digest(rows[-1]) if rows else None,
        }
        rows.append(canonical(row))
    return tuple(rows)


def _run(results_text: str, texts: Mapping[str, str]) -> Reproduction:
    import tomllib

    spec = PackSpec.model_validate(tomllib.loads(PACK_TOML))
    return Reproduction(
        pack=spec.name,
        pack_digest=pack_digest(PACK_FILES),
        results_sha256=digest(results_text),
        source=spec.source,
        isolation="bubblewrap",
        outcomes=tuple(_naming(outcome) for outcome in outcomes(spec, parse(results_text.encode()))),
    )


def _naming(outcome: ClaimOutcome) -> ClaimOutcome:
    return outcome.model_copy(update={"record_claims": (NOTE_CLAIM,)})


def _claims(results_text: str, with_run: bool, runs: tuple[Reproduction, ...]) -> tuple[Claim, ...]:
    work = Claim(
        id=WORK_CLAIM,
        text=WORK_SENTENCE,
        grounding=Grounding.QUOTED,
        agreement=Agreement.SINGLE,
        facets=Facets(
            subject="mixture-of-experts routing",
            system="TinyRouter",
            baseline="top-2 routing",
            metric="accuracy",
            value=3.2,
            unit="%",
            direction=Direction.HIGHER,
            benchmark="ToyBench",
        ),
        quotes=(quote_of("arxiv:2401.00001", WORK_TEXT, WORK_SENTENCE),),
    )
    note = Claim(
        id=NOTE_CLAIM,
        text=NOTE_SENTENCE,
        grounding=Grounding.REPORTED,
        agreement=Agreement.SINGLE,
        facets=Facets(subject="mixture-of-experts routing", metric="experts touched", value=7.1, unit="experts"),
        quotes=(quote_of("note:2401.00001", NOTE_TEXT, NOTE_SENTENCE),),
    )
    note = note.model_copy(update={"reproduction": reproduction_status(note, runs)})
    if not with_run:
        return work, note
    pointer = "/values/touched/simulated"
    value = resolve_pointer(parse(results_text.encode()), pointer)
    measured = Claim(
        id=MEASURED_CLAIM,
        text="A step of 16 tokens touches 7.1 experts",
        grounding=Grounding.MEASURED,
        agreement=Agreement.SINGLE,
        facets=Facets(subject="mixture-of-experts routing", metric="experts touched", value=value, unit="experts"),
        quotes=(
            Quote(
                source="measurement:toy-experts",
                text=pointer_text(value),
                pointer=pointer,
                sha256=digest(results_text),
            ),
        ),
    )
    return work, note, measured


def _sources(results_text: str, with_run: bool) -> tuple[Source, ...]:
    work = Source(
        id="arxiv:2401.00001",
        title="TinyRouter: routing for a toy mixture of experts",
        kind=SourceKind.WORK,
        text_level=TextLevel.ABSTRACT,
        sha256=digest(WORK_TEXT),
        systems=("TinyRouter",),
        address="https://example.org/2401.00001",
        authors=("A. Author", "Ö. Other"),
        year=2024,
        kept_for=("subject", "system"),
        rank=1,
    )
    note = Source(
        id="note:2401.00001",
        title="A note on TinyRouter",
        kind=SourceKind.NOTE,
        text_level=None,
        sha256=digest(NOTE_TEXT),
        about="arxiv:2401.00001",
        systems=("TinyRouter",),
        kept_for=("subject", "system"),
        rank=2,
    )
    measurement = Source(
        id="measurement:toy-experts",
        title="Experts touched per step, toy size",
        kind=SourceKind.MEASUREMENT,
        text_level=None,
        sha256=digest(results_text),
        kept_for=("metric",),
        rank=3,
    )
    return (work, note, measurement) if with_run else (work, note)


def _evidence(results_text: str, audit: tuple[bytes, ...], with_run: bool, runs: tuple[Reproduction, ...]) -> Evidence:
    nearest = [Nearest(claim=NOTE_CLAIM, differs_in=(DiffersIn.METRIC,))]
    if with_run:
        nearest.append(
            Nearest(claim=MEASURED_CLAIM, differs_in=(DiffersIn.METRIC, DiffersIn.IMPLEMENTATION, DiffersIn.SCALE))
        )
    subject = ("mixture of experts", "mixture-of-experts")
    return Evidence(
        library_digest=digest("a small library"),
        question=Question(
            text=QUESTION,
            facets=QuestionFacets(
                subject=("mixture-of-experts routing",),
                system=("TinyRouter", "GhostRouter"),
                metric=("accuracy", "decode latency"),
                benchmark=("ToyBench",),
            ),
        ),
        answer=Answer(
            status=AnswerStatus.PARTLY_ANSWERED,
            sentences=(
                Sentence(
                    text="TinyRouter improves accuracy by 3.2% over top-2 routing on ToyBench.",
                    claims=(WORK_CLAIM,),
                    cells=("cell-1",),
                ),
                Sentence(
                    text="Decode latency of TinyRouter on ToyBench is not measured; the nearest is a note.",
                    claims=(NOTE_CLAIM,),
                    cells=("cell-2",),
                ),
                Sentence(text="GhostRouter is named in the question but was not found."),
            ),
        ),
        claims=_claims(results_text, with_run, runs),
        sources=_sources(results_text, with_run),
        cells=(
            Cell(
                id="cell-1",
                facets=Facets(system="TinyRouter", metric="accuracy", benchmark="ToyBench"),
                claims=(WORK_CLAIM,),
                gap=False,
            ),
            Cell(
                id="cell-2",
                facets=Facets(system="TinyRouter", metric="decode latency", benchmark="ToyBench"),
                gap=True,
                nearest=tuple(nearest),
            ),
        ),
        missing_systems=(MissingSystem(name="GhostRouter", reason="no source of its own", searches=("q2",)),),
        searches=(
            Search(
                id="q1",
                round=0,
                purpose="system TinyRouter",
                query="TinyRouter",
                require=(subject,),
                hits=(SearchHit(source="arxiv:2401.00001", rank=1), SearchHit(source="note:2401.00001", rank=2)),
            ),
            Search(
                id="q2",
                round=0,
                purpose="system GhostRouter",
                query="GhostRouter",
                hits=(SearchHit(source="arxiv:2401.00002", rank=1),),
            ),
        ),
        dropped=(
            Dropped(
                source="arxiv:2401.00002",
                title="Ghosts in the machine",
                rule="off subject",
                reason="does not speak of the subject",
                search="q2",
                rank=1,
            ),
        ),
        reproductions=runs,
        limitations=(
            "Works were read as abstracts.",
            "One source is a note of our own, not a work.",
            "No stance model: agreement was not assessed by one.",
        ),
        provenance=Provenance(
            code_version="0.0.0-test",
            code_digest=digest("code"),
            rules=RULES,
            policy=PolicyRules(),
            vocabularies={"toy": digest("vocabulary")},
            readers={"markdown": "1"},
            subject_terms=(subject,),
            facet_terms={"system": ("TinyRouter", "GhostRouter")},
            audit_head=digest(audit[-1]),
        ),
    )
