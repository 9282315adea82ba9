"""The seed question over the starter notes: with any note deleted, or one figure in it changed, the answer changes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.inquire import ask, told

from sovereign.judge import quantities
from sovereign.library import Library
from sovereign.records import AnswerStatus, Claim, Evidence, Judgement
from sovereign.starter import note_paths, starter_path

S0 = (
    "How does the inference latency and throughput of AnyExperts' on-demand routing strategy compare to fixed routing "
    "baselines (e.g., top-k routing) across varying batch sizes on standard multimodal benchmarks like VQAv2 and "
    "Visual7W?"
)
ANYEXPERTS = "note:2511.18314"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with Library.open(tmp_path_factory.mktemp("starter") / "library", create=True) as opened:
        opened.add(starter_path())
        yield opened


@pytest.fixture(scope="module")
def first(library: Library) -> tuple[Evidence, Judgement]:
    return ask(library, S0)


def file_of(source: str) -> Path:
    return next(path for path in note_paths() if f"\nid: {source}\n" in path.read_text(encoding="utf-8"))


def cited(evidence: Evidence) -> list[Claim]:
    named = {claim for sentence in evidence.answer.sentences for claim in sentence.claims}
    return [claim for claim in evidence.claims if claim.id in named]


def resting_on(evidence: Evidence) -> dict[str, Claim]:
    """Per note that the answer rests on, a claim of it that the answer cites: one with a value, if there is one."""
    found: dict[str, Claim] = {}
    for claim in cited(evidence):
        source = claim.quotes[0].source
        if source not in found or (found[source].facets.value is None and claim.facets.value is not None):
            found[source] = claim
    return found


def another_figure(sentence: str, value: float) -> str:
    """The sentence with that value one higher, written with as many decimals."""
    q = next(q for q in quantities(sentence) if abs(q.value) == abs(value))
    written = q.written(sentence)
    digits = "".join(c for c in written.lstrip("+-−~≈") if c.isdigit() or c in ",.").rstrip(",.")
    decimals = len(digits.partition(".")[2])
    higher = f"{float(digits.replace(',', '')) + 1:.{decimals}f}"
    return sentence[: q.start] + written.replace(digits, higher, 1) + sentence[q.end :]


def test_the_seed_question_is_answered_honestly(first: tuple[Evidence, Judgement]) -> None:
    evidence, judgement = first
    assert evidence.question.facets.system == ("AnyExperts",)
    assert evidence.question.facets.metric == ("latency", "throughput")
    assert evidence.question.facets.benchmark == ("VQAv2", "Visual7W")
    assert len(evidence.cells) == 4
    assert all(cell.gap and cell.nearest for cell in evidence.cells)
    assert evidence.answer.status is AnswerStatus.NOT_MEASURED
    assert evidence.missing_systems == ()
    text = told(evidence)
    assert "No wall-clock latency or throughput is reported for AnyExperts" in text
    assert "40% fewer real-expert activations" in text
    assert judgement.gate_verdict.status == "UNVERIFIED"
    assert judgement.verification_level == 1


def test_without_the_systems_own_note_it_is_reported_missing(
    library: Library, first: tuple[Evidence, Judgement]
) -> None:
    library.remove(ANYEXPERTS)
    try:
        evidence, judgement = ask(library, S0)
    finally:
        library.add(file_of(ANYEXPERTS))
    assert [missing.name for missing in evidence.missing_systems] == ["AnyExperts"]
    assert "AnyExperts is named in the question, but no source of its own was found." in told(evidence)
    assert "40% fewer" not in told(evidence)
    assert all(q.source != ANYEXPERTS for claim in evidence.claims for q in claim.quotes)
    assert judgement.decision.policy == "QUARANTINE"
    assert told(evidence) != told(first[0])


def test_each_note_that_the_answer_rests_on_can_be_deleted_and_the_answer_changes(
    library: Library, first: tuple[Evidence, Judgement]
) -> None:
    notes = resting_on(first[0])
    assert len(notes) >= 3
    for source, claim in notes.items():
        library.remove(source)
        try:
            evidence, _ = ask(library, S0)
        finally:
            library.add(file_of(source))
        assert claim.text.rstrip(". ") not in told(evidence), source
        assert claim.id not in {one.id for one in evidence.claims}, source
        assert all(one.id != source for one in evidence.sources), source
        assert told(evidence) != told(first[0]), source


def test_each_figure_that_the_answer_rests_on_can_be_changed_and_the_answer_changes(
    library: Library, first: tuple[Evidence, Judgement], tmp_path: Path
) -> None:
    notes = {source: claim for source, claim in resting_on(first[0]).items() if claim.facets.value is not None}
    assert len(notes) >= 3
    for source, claim in notes.items():
        sentence, value = claim.quotes[0].text, claim.facets.value
        assert value is not None
        changed = another_figure(sentence, value)
        original = file_of(source).read_text(encoding="utf-8")
        assert original.count(sentence) == 1
        path = tmp_path / file_of(source).name
        path.write_text(original.replace(sentence, changed), encoding="utf-8")
        library.add(path)
        try:
            evidence, _ = ask(library, S0)
        finally:
            library.add(file_of(source))
        texts = {one.text for one in evidence.claims}
        assert " ".join(changed.split()) in texts, source
        assert claim.text not in texts, source
        values = {one.facets.value for one in evidence.claims if one.quotes[0].source == source}
        assert any(abs(new) == abs(value) + 1 for new in values if new is not None), (source, value, values)
        assert told(evidence) != told(first[0]), source


def test_forty_percent_changed_to_forty_one(library: Library, tmp_path: Path) -> None:
    original = file_of(ANYEXPERTS).read_text(encoding="utf-8")
    assert original.count("40% fewer") == 1
    path = tmp_path / "anyexperts.md"
    path.write_text(original.replace("40% fewer", "41% fewer"), encoding="utf-8")
    library.add(path)
    try:
        evidence, _ = ask(library, S0)
    finally:
        library.add(file_of(ANYEXPERTS))
    assert "41% fewer real-expert activations" in told(evidence)
    assert "40% fewer" not in told(evidence)


def test_the_library_is_as_it_was(library: Library, first: tuple[Evidence, Judgement]) -> None:
    """The tests before this one put back what they took: the same library gives the same evidence again."""
    assert ask(library, S0)[0] == first[0]
