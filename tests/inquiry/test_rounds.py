"""Rounds end where they gain too little, and a remark of the owner widens the search without changing the question."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.inquiry.test_pipeline import QUESTION, parts
from tests.support.inquire import Direct, ask, library_of, work, write_works

from sovereign.inquiry import investigate
from sovereign.inquiry.remark import MOST_QUERIES, clean_remark
from sovereign.judge import why_stop
from sovereign.library import Library
from sovereign.records import BadInput, PolicyRules, Round, StopReason, Verdict

HARD = {"revise_below": 10, "decline_below": 0, "max_revisions": 5}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    folder = tmp_path_factory.mktemp("rounds")
    opening = "We study mixture-of-experts (MoE) routing."
    aside = write_works(
        folder / "aside",
        [
            work("2403.00001", "Placement of experts", f"{opening} Zonal placement cuts the energy by 12% on Jetson."),
            work("2403.00002", "Sorting", "Zonal placement of records in a database. Nothing of neural networks."),
        ],
    )
    with library_of(folder / "library", *parts(folder), aside) as opened:
        yield opened


def held(*gains: tuple[float, int], verdict: Verdict = Verdict.REVISE) -> list[Round]:
    return [
        Round(number=number, queries=4, sources=9, filled=filled, score=score, verdict=verdict)
        for number, (score, filled) in enumerate(gains)
    ]


@pytest.mark.parametrize(
    ("rounds", "rules", "reason"),
    [
        (held((5.0, 1)), {}, None),
        (held((7.0, 1), verdict=Verdict.ACCEPT), {}, StopReason.ACCEPTED),
        (held((2.0, 1), verdict=Verdict.DECLINE), {}, StopReason.DECLINED),
        (held((5.0, 1)), {"max_revisions": 0}, StopReason.MOST_ROUNDS),
        (held((5.0, 1), (5.24, 1)), {}, StopReason.SMALL_GAIN),
        (held((5.0, 1), (4.0, 1)), {}, StopReason.SMALL_GAIN),
        (held((5.0, 1), (5.25, 1)), {"max_revisions": 2}, None),
        (held((5.0, 1), (4.9, 2)), {"max_revisions": 2}, None),
        (held((5.0, 1), (5.0, 1)), {"max_revisions": 2, "revise_gain": 0.0}, None),
        (held((5.0, 1), (5.5, 1), (6.0, 1)), {"max_revisions": 2}, StopReason.MOST_ROUNDS),
    ],
)
def test_why_no_further_round_is_held(
    rounds: list[Round], rules: dict[str, object], reason: StopReason | None
) -> None:
    assert why_stop(rounds, PolicyRules.model_validate(rules)) is reason


@pytest.mark.parametrize("gain", [0.0, 10.0])
def test_the_record_says_which_rounds_were_held_and_why_they_ended(gain: float, library: Library) -> None:
    run = Direct()
    evidence, judgement = ask(library, QUESTION, run, **HARD, revise_gain=gain)
    assert evidence.revision is not None
    rounds = evidence.revision.rounds
    assert len(rounds) == run.stages.count("search") == judgement.tribunal.revision_round + 1
    assert rounds[-1].score == judgement.tribunal.score and rounds[-1].sources == len(evidence.sources)
    assert sum(one.queries for one in rounds) == len(evidence.searches)
    # No round of this library fills a further cell, so the demanded gain decides which is the last.
    assert [one.filled for one in rounds] == [rounds[0].filled] * len(rounds)
    expected = StopReason.SMALL_GAIN if gain else StopReason.NOTHING_LEFT
    assert (len(rounds), evidence.revision.stopped) == ((2 if gain else 3), expected)


@pytest.mark.parametrize(
    "remark",
    ["What of zonal placement and the energy on Jetson? Look at GammaMoE too.", "the energy", "zonal placement"],
    ids=["names", "a metric", "plain words"],
)
def test_a_remark_widens_the_search_and_leaves_question_and_cells_alone(remark: str, library: Library) -> None:
    plain, _ = ask(library, QUESTION)
    evidence, _ = investigate(library, QUESTION, PolicyRules(), Direct(), remarks=(remark,))
    assert evidence.question == plain.question
    assert [(cell.id, cell.facets) for cell in evidence.cells] == [(cell.id, cell.facets) for cell in plain.cells]
    assert evidence.revision is not None and evidence.revision.remarks == (remark,)
    asked = [search for search in evidence.searches if search.purpose.startswith("owner's remark")]
    assert 2 <= len(asked) <= MOST_QUERIES and all(search.round == 0 for search in asked)
    assert not any(search.purpose.startswith("owner's remark") for search in plain.searches)
    read, before = ({source.id for source in one.sources} for one in (evidence, plain))
    assert "arxiv:2403.00001" in read - before, "on the subject and of the remark"
    assert "arxiv:2403.00002" not in read, "of the remark, but not on the question's subject"
    kept = next(source for source in evidence.sources if source.id == "arxiv:2403.00001")
    assert any(name.startswith("remark:") for name in kept.kept_for)


def test_a_system_that_a_remark_names_and_nobody_has_is_said(library: Library) -> None:
    evidence, _ = investigate(library, QUESTION, PolicyRules(), Direct(), remarks=("Look at OmegaMoE-7B as well.",))
    assert any("OmegaMoE-7B" in said and "no source" in said for said in evidence.limitations)
    assert not any("OmegaMoE-7B" in system.name for system in evidence.missing_systems), "the question names it not"


def test_equal_remarks_give_equal_evidence_and_other_remarks_other(library: Library, tmp_path: Path) -> None:
    def digest_of(*remarks: str) -> str:
        return investigate(library, QUESTION, PolicyRules(), Direct(), remarks=remarks)[0].model_dump_json()

    assert digest_of("the energy on Jetson") == digest_of("the energy on Jetson")
    assert digest_of("the energy on Jetson") != digest_of("the power of a phone") != digest_of()


@pytest.mark.parametrize("text", ["", "  \n", "...", "x" * 2001, "a\x00b c", "a \u202e b", "\ud800 and more"])
def test_a_remark_that_cannot_be_used_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        clean_remark(text)


def test_one_word_is_a_remark() -> None:
    assert clean_remark("  Jetson\n") == "Jetson"
