"""The stages of the reference method: its four queries, its one lead, its claims, its cosines, its printed report."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.inquire import Direct
from tests.support.listing import WORKS, ZEBRA_QUESTION, write_listing

from sovereign.inquiry.reference import REFERENCE_MODULES, investigate_reference
from sovereign.inquiry.reference.queries import four_queries
from sovereign.inquiry.reference.retrieve import RESULTS
from sovereign.judge import TextMissing, foil_again, reference_foil, tfidf_cosine
from sovereign.library import Library
from sovereign.records import Evidence, Grounding, Judgement, PolicyRules, Profile
from sovereign.starter import note_paths


@pytest.fixture
def library(tmp_path: Path):  # type: ignore[no-untyped-def]
    with Library.open(tmp_path / "library", create=True) as opened:
        opened.add(write_listing(tmp_path / "listing.jsonl"))
        yield opened


def investigated(library: Library, question: str = ZEBRA_QUESTION) -> tuple[Evidence, Judgement]:
    return investigate_reference(library, question, PolicyRules(), Direct())


def test_four_queries_the_question_first_and_none_twice() -> None:
    asked = four_queries(ZEBRA_QUESTION).queries
    assert asked[0] == ZEBRA_QUESTION and len(asked) == 4 == len(set(asked))
    assert " ".join(asked[1:]).split() == "ZebraRoute fixed top-k routing inference latency batch size 16".split()
    assert len(four_queries("Why bees?").queries) == 2
    assert four_queries("Is it so?").queries == ("Is it so?",)


@given(st.text(min_size=1, max_size=300))
def test_any_question_gives_one_to_four_queries_of_its_own_words(question: str) -> None:
    asked = four_queries(question).queries
    assert 1 <= len(asked) <= 4 and asked[0] == question and len(set(asked)) == len(asked)
    folded = question.casefold()
    assert all(word.casefold() in folded for query in asked[1:] for word in query.split())


def test_the_first_result_of_the_first_query_leads_and_all_are_works(library: Library) -> None:
    library.add(next(path for path in note_paths() if path.stem == "anyexperts"))
    evidence, _ = investigated(library)
    assert evidence.sources[0].id == evidence.searches[0].hits[0].source == "arxiv:2501.00001"
    assert {source.kind.value for source in evidence.sources} == {"work"}
    assert all(len(search.hits) <= RESULTS for search in evidence.searches)
    hits = [hit.source for search in evidence.searches for hit in search.hits]
    assert [source.id for source in evidence.sources] == list(dict.fromkeys(hits))
    assert "arxiv:2501.00004" not in hits


def test_claims_are_the_leads_own_sentences(library: Library) -> None:
    evidence, _ = investigated(library)
    text = library.get("arxiv:2501.00001").text
    assert [claim.text for claim in evidence.claims] == [
        "At batch size 16 ZebraRoute lowers inference latency by 12.5% against fixed top-k routing.",
        "It keeps accuracy within 0.3 points.",
    ]
    for claim in evidence.claims:
        (quote,) = claim.quotes
        assert quote.start is not None and text[quote.start : quote.end] == claim.text
        assert claim.grounding is Grounding.QUOTED and claim.facets.value is None


def test_the_report_is_printed_from_the_evidence_alone(library: Library) -> None:
    evidence, judgement = investigated(library)
    foil = evidence.foil
    assert foil is not None and foil == reference_foil(evidence, library.text) == foil_again(evidence, library.text)
    bodies = [library.text(s.sha256).removeprefix(s.title).lstrip() for s in evidence.sources]  # type: ignore[union-attr]
    for row, claim in zip(foil.claims, evidence.claims, strict=True):
        cosine = max(tfidf_cosine(claim.text, body) for body in bodies)
        assert (row.claim, row.confidence, row.tick) == (claim.id, round(cosine, 2), cosine >= 0.15)
    assert foil.title == ZEBRA_QUESTION[:110] and foil.abstract == WORKS[0][2][:600]
    assert foil.introduction.startswith(f"Analysis of: {WORKS[0][1]}. Research goal: ")
    assert f"{len(evidence.sources)} papers retrieved. 2 claims extracted" in foil.results
    assert "by code, in place of a language model" in foil.methodology
    assert foil.references == tuple(s.address for s in evidence.sources[:3])
    assert (foil.reviewed_by, foil.score) == ("code", judgement.tribunal.score)
    assert foil.revision_round == int(judgement.tribunal.score < 6.5)


def test_what_the_method_does_not_do_stays_undone(library: Library) -> None:
    evidence, judgement = investigated(library)
    assert evidence.provenance.profile is Profile.REFERENCE
    assert (evidence.cells, evidence.dropped, evidence.reproductions) == ((), (), ())
    assert evidence.answer.status.value == "no_evidence" and all(not s.claims for s in evidence.answer.sentences)
    assert judgement.gate_verdict.status.value == "UNVERIFIED" and judgement.verification_level == 1
    failed = {c.name for r in judgement.tribunal.reviews for c in r.checks if c.state.value == "failed"}
    assert {"cells filled", "facets covered", "abstract only"} <= failed
    assert all("verified" not in key for key in evidence.foil.to_json())  # type: ignore[union-attr]


def test_a_named_system_that_was_not_retrieved_is_in_the_record_though_not_in_the_report(library: Library) -> None:
    evidence, _ = investigated(library, "How does HippoRoute compare to ZebraRoute in inference latency?")
    assert [missing.name for missing in evidence.missing_systems] == ["HippoRoute"]
    assert "HippoRoute" not in evidence.answer.sentences[0].text


def test_an_empty_library_prints_that_nothing_was_found(tmp_path: Path) -> None:
    with Library.open(tmp_path / "empty", create=True) as library:
        evidence, judgement = investigated(library)
    assert evidence.sources == () and evidence.foil is not None and evidence.foil.lead is None
    assert evidence.foil.results.startswith("0 papers retrieved. 0 claims extracted, 0 ticked.")
    assert judgement.decision.policy.value == "QUARANTINE" and judgement.verification_level == 0


def test_hostile_works_stay_text(tmp_path: Path) -> None:
    hostile = [
        ("2501.00009", "ZebraRoute " * 300, "latency " * 5000),
        ("2501.00010", "ZebraRoute routing latency", "x" * 200_000 + ". ZebraRoute latency 9 ms. " * 50),
    ]
    with Library.open(tmp_path / "library", create=True) as library:
        library.add(write_listing(tmp_path / "listing.jsonl", *hostile))
        evidence, _ = investigated(library)
        assert evidence.foil == foil_again(evidence, library.text)
    assert len(evidence.claims) <= 15 and len(evidence.foil.abstract) <= 600  # type: ignore[union-attr]


def test_without_its_texts_a_report_cannot_be_printed_again(library: Library) -> None:
    evidence, _ = investigated(library)
    with pytest.raises(TextMissing):
        foil_again(evidence, lambda _: None)


def test_every_stage_names_modules_that_exist() -> None:
    from importlib import import_module

    for modules in REFERENCE_MODULES.values():
        for module in modules:
            assert import_module(module)
