"""A cell is filled by a claim of just what it asks, or is a gap; the answer says which, from cells alone."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.support.inquire import ask, library_of, told, work, write_note, write_works

from sovereign.inquiry.cells import MAX_CELLS
from sovereign.judge import unfounded_numbers
from sovereign.judge.outcomes import outcomes, pack_digest
from sovereign.library import Library
from sovereign.records import AnswerStatus, DiffersIn, Evidence, Grounding, PackSpec, ReproductionStatus

QUESTION = "What throughput does AlphaMoE reach against dense models on MMBench at batch size 16?"
FITS = "AlphaMoE raises throughput by 12.3% over dense models on MMBench at batch size 16."


def note(folder: Path, *facts: str, name: str = "alpha", **front: Any) -> Path:
    body = "A mixture-of-experts (MoE) system.\n\n## What was measured\n" + "\n".join(facts) + "\n"
    return write_note(folder, name, body, **{"systems": ["AlphaMoE"], "about": "arxiv:2401.00001", **front})


def asked(folder: Path, *facts: str, question: str = QUESTION, **front: Any) -> Evidence:
    with library_of(folder / "library", note(folder / "notes", *facts, **front)) as library:
        return ask(library, question)[0]


def test_a_claim_of_just_what_is_asked_fills_the_cell(tmp_path: Path) -> None:
    evidence = asked(tmp_path, FITS)
    (cell,) = evidence.cells
    assert not cell.gap
    assert evidence.answer.status is AnswerStatus.ANSWERED
    (sentence,) = evidence.answer.sentences
    assert "12.3%" in sentence.text
    assert "our note on AlphaMoE" in sentence.text
    assert sentence.claims == cell.claims


#: What is changed in the sentence that fits, and in what it then differs.
OTHERS = [
    ("AlphaMoE", "BetaMoE", DiffersIn.SYSTEM),
    ("throughput", "accuracy", DiffersIn.METRIC),
    ("MMBench", "POPE", DiffersIn.BENCHMARK),
    (" on MMBench", "", DiffersIn.BENCHMARK),
    ("dense models", "random routing", DiffersIn.BASELINE),
    (" over dense models", "", DiffersIn.BASELINE),
    ("batch size 16", "batch size 1", DiffersIn.CONDITION),
    ("batch size 16", "batch size 160", DiffersIn.CONDITION),
    (" at batch size 16", "", DiffersIn.CONDITION),
]


@pytest.mark.parametrize(("words", "others", "differs"), OTHERS, ids=[f"{case[0]}-{case[1]}" for case in OTHERS])
def test_a_claim_of_something_else_stands_beside_the_gap(
    words: str, others: str, differs: DiffersIn, tmp_path: Path
) -> None:
    assert words in FITS
    evidence = asked(tmp_path, FITS.replace(words, others))
    (cell,) = evidence.cells
    assert cell.gap
    assert [near.differs_in for near in cell.nearest] == [(differs,)]
    assert evidence.answer.status is AnswerStatus.NOT_MEASURED
    first, second = evidence.answer.sentences[:2]
    assert first.text.startswith("Not measured: ")
    for name in ("throughput", "AlphaMoE", "MMBench"):
        assert name in first.text
    assert second.text.startswith("Nearest, differing in ")
    assert second.claims == (cell.nearest[0].claim,)


def test_of_several_values_only_the_one_under_the_condition_fills(tmp_path: Path) -> None:
    fact = "AlphaMoE raises throughput over dense models on MMBench by 9.1% at batch size 1 and 4.7% at batch size 16."
    evidence = asked(tmp_path, fact)
    (cell,) = evidence.cells
    assert [evidence.claim(claim).facets.value for claim in cell.claims] == [4.7]  # type: ignore[union-attr]


def test_of_two_things_asked_the_other_stays_a_gap(tmp_path: Path) -> None:
    question = QUESTION.replace("throughput", "throughput and latency")
    evidence = asked(tmp_path, FITS, question=question)
    assert [cell.gap for cell in evidence.cells] == [False, True]
    assert evidence.answer.status is AnswerStatus.PARTLY_ANSWERED


def test_what_a_note_says_was_not_measured_is_told(tmp_path: Path) -> None:
    body = "A mixture-of-experts system.\n\n## What was not measured\nNo throughput is reported for AlphaMoE.\n"
    path = write_note(tmp_path / "notes", "alpha", body, systems=["AlphaMoE"])
    with library_of(tmp_path / "library", path) as library:
        evidence = ask(library, QUESTION)[0]
    assert "“No throughput is reported for AlphaMoE”" in told(evidence)
    assert all(cell.gap for cell in evidence.cells)


def test_a_missing_system_is_named(tmp_path: Path) -> None:
    evidence = asked(tmp_path, FITS, question="How does GhostMoE compare with AlphaMoE in throughput?")
    assert [missing.name for missing in evidence.missing_systems] == ["GhostMoE"]
    assert "GhostMoE is named in the question, but no source of its own was found." in told(evidence)
    assert "A system that the question names has no source of its own here." in evidence.limitations


def test_a_note_is_called_a_note_and_a_work_a_work(tmp_path: Path) -> None:
    works = [work("2401.00001", "AlphaMoE: a router", f"We study mixture-of-experts (MoE) routing. {FITS}")]
    with library_of(tmp_path / "library", write_works(tmp_path / "works", works)) as library:
        evidence = ask(library, QUESTION)[0]
    assert "the abstract of AlphaMoE says" in told(evidence)
    assert "note" not in told(evidence)
    assert {claim.grounding for claim in evidence.claims} == {Grounding.QUOTED}
    assert any("abstract" in line for line in evidence.limitations)
    assert not any("Notes are" in line for line in evidence.limitations)


def test_an_empty_library_has_no_evidence(tmp_path: Path) -> None:
    with Library.open(tmp_path / "library", create=True) as library:
        evidence, judgement = ask(library, QUESTION)
    assert evidence.answer.status is AnswerStatus.NO_EVIDENCE
    assert not evidence.sources
    assert not evidence.claims
    assert "not measured" in told(evidence)
    assert judgement.verification_level == 0
    assert judgement.decision.policy == "QUARANTINE"


def test_cells_beyond_the_limit_are_said_not_to_have_been_looked_at(tmp_path: Path) -> None:
    systems = ", ".join(f"Sys{letter}MoE" for letter in "ABCDEFGHIJKLM")
    question = f"How do the MoE systems {systems} compare in latency, throughput and accuracy on MMBench and POPE?"
    evidence = asked(tmp_path, FITS, question=question)
    combinations = 13 * 3 * 2
    assert len(evidence.cells) == MAX_CELLS
    line = next(line for line in evidence.limitations if "combinations" in line)
    assert f"asks for {combinations} " in line
    assert f"{combinations - MAX_CELLS} were not" in line
    assert not any("combinations" in line for line in asked(tmp_path / "small", FITS).limitations)


def test_every_number_of_an_answer_stands_in_its_quotes_or_the_question(tmp_path: Path) -> None:
    facts = (FITS, "AlphaMoE needs 3.5 GB of memory.", "AlphaMoE lowers latency from 7.95 s to 6.20 s.")
    evidence = asked(tmp_path, *facts, question="What latency does AlphaMoE reach on VQAv2 at batch size 16?")
    assert evidence.answer.sentences
    for sentence in evidence.answer.sentences:
        quotes = [q.text for claim in evidence.claims if claim.id in sentence.claims for q in claim.quotes]
        assert unfounded_numbers(sentence.text, quotes, evidence.question) == []


def test_each_sentence_is_told_once(tmp_path: Path) -> None:
    fact = "AlphaMoE reaches an accuracy of 61.2% on MMBench, 62.3% on POPE and 63.4% on GQA."
    evidence = asked(tmp_path, fact, question="What accuracy does AlphaMoE reach?")
    quoted = re.findall(r"“(.+?)”", told(evidence))
    assert len(quoted) == len(set(quoted))


PACK = {
    "name": "toy", "title": "Toy throughput", "version": 1, "seed": 1,
    "description": "Throughput of mixture-of-experts routing.",
    "differs_in": ["implementation", "scale"], "source": "measurement:toy", "bears_on": ["throughput"],
    "facets": {"subject": "mixture-of-experts", "metric": "throughput", "unit": "%"},
    "claims": [
        {
            "id": "gain", "statement": "AlphaMoE raises throughput by 12.3%", "result_field": "/gain", "expected": 12.3,
            "comparison": "within_absolute", "tolerance": 0.5,
            "settles": [{"source": "note:alpha", "sentence_contains": "raises throughput by 12.3%"}],
        }
    ],
}  # fmt: skip


def measured(folder: Path, gain: float, question: str) -> Evidence:
    """The note's claim and a run of ours of it."""
    results = {"gain": gain}
    spec = PackSpec.model_validate(PACK)
    meta = {
        "pack": json.loads(spec.model_dump_json(by_alias=True)),
        "pack_digest": pack_digest({"pack.toml": b"toy"}),
        "outcomes": [outcome.to_json() for outcome in outcomes(spec, results)],
        "isolation": "bubblewrap",
        "files": {},
        "attestation": "{}",
    }
    with library_of(folder / "library", note(folder / "notes", FITS)) as library:
        library.add_measurement(
            "measurement:toy", "Toy throughput", json.dumps(results), meta, "mixture-of-experts throughput"
        )
        return ask(library, question)[0]


@pytest.mark.parametrize(
    ("gain", "status", "words"),
    [
        (12.5, ReproductionStatus.REPRODUCED, "(our own run supports this)"),
        (19.0, ReproductionStatus.FALSIFIED, "(our own run refutes this)"),
    ],
)
def test_a_run_marks_the_claim_that_it_settles(
    gain: float, status: ReproductionStatus, words: str, tmp_path: Path
) -> None:
    evidence = measured(tmp_path, gain, QUESTION)
    held = [claim for claim in evidence.claims if claim.grounding is Grounding.REPORTED]
    assert [claim.reproduction for claim in held] == [status]
    assert words in told(evidence)


def test_a_measurement_never_fills_a_gap_of_a_system_it_is_not_of(tmp_path: Path) -> None:
    evidence = measured(tmp_path, 12.5, "What throughput does BetaMoE reach in mixture-of-experts serving?")
    (cell,) = evidence.cells
    assert cell.gap
    ours = [near for near in cell.nearest if near.claim in
            {claim.id for claim in evidence.claims if claim.grounding is Grounding.MEASURED}]  # fmt: skip
    assert ours
    assert {DiffersIn.SYSTEM, DiffersIn.IMPLEMENTATION, DiffersIn.SCALE, DiffersIn.HARDWARE} <= set(ours[0].differs_in)
    assert "our own measurement gives" in told(evidence)
