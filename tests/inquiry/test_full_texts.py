"""Full texts from a file to an answer: tables become results, others' results do not, every quote is found again."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.inquire import ask, library_of, told, write_works

from sovereign.judge import quote_fault
from sovereign.records import Agreement, AnswerStatus, CheckState, Direction, Evidence, Role

FILLER = "\n\n".join(f"Paragraph {n} is on gardens, and holds {n} flowers at {n % 90}.5% of sun." for n in range(1500))
PAPER = f"""# CacheMoE: experts in a cache

## Abstract

CacheMoE is a mixture-of-experts server for vision-language models.

## Experiments

{FILLER}

Table 1: Results of mixture-of-experts servers with batch size 1.
CacheMoE | MMBench > Accuracy (%): 71.2 | Latency (ms): 12.5 ± 0.3
LRU cache | MMBench > Accuracy (%): 70.1 | Latency (ms): 19.0
On-demand loading [7] | MMBench > Accuracy (%): 71.2 | Latency (ms): 48.0

Table 2: Ablation.
Ours | Throughput (tokens/s): 88.5
Ours w/o router | Throughput (tokens/s): 61.0

In (Smith et al., 2021) the latency on MMBench is 3 ms, against an LRU cache.

## References

[7] Z. Other. The latency of CacheMoE on MMBench is 1 ms, against an LRU cache. In Proc. X, 2020.
"""


def paper(folder: Path, text: str = PAPER, arxiv_id: str = "2401.00001", title: str = "CacheMoE: experts") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    front = {"id": f"arxiv:{arxiv_id}", "kind": "work", "text_level": "full_text", "title": title}
    head = "".join(f"{key}: {json.dumps(value)}\n" for key, value in front.items())
    path = folder / f"{arxiv_id}.md"
    path.write_text(f"---\n{head}---\n{text}", encoding="utf-8")
    return path


def asked(folder: Path, question: str, *paths: Path) -> Evidence:
    """The evidence, after a look that every quote stands where it says and the VALIDATOR finds no fault."""
    with library_of(folder / "library", *paths) as library:
        evidence, judgement = ask(library, question)
        for claim in evidence.claims:
            for quote in claim.quotes:
                assert quote_fault(quote, library.text(quote.sha256) or "") is None
    validator = next(review for review in judgement.tribunal.reviews if review.role is Role.VALIDATOR)
    assert [check.reason for check in validator.checks if check.state is CheckState.FAILED] == []
    return evidence


def test_a_tables_row_answers_with_its_baseline_unit_and_condition(tmp_path: Path) -> None:
    question = "What is the latency of CacheMoE on MMBench against an LRU cache with batch size 1?"
    text = PAPER.replace("Latency (ms): ", "MMBench > Latency (ms): ")
    evidence = asked(tmp_path, question, paper(tmp_path / "p", text))
    assert evidence.answer.status is AnswerStatus.ANSWERED
    (cell,) = evidence.cells
    claims = [claim for claim in evidence.claims if claim.id in cell.claims]
    assert [(c.facets.value, c.facets.unit, c.facets.direction) for c in claims] == [(12.5, "ms", Direction.LOWER)]
    assert claims[0].facets.baseline == "LRU cache; On-demand loading"
    assert claims[0].facets.condition == ("batch size 1",)
    assert [quote.text.split(" | ")[0].split(":")[0] for quote in claims[0].quotes] == [
        "CacheMoE", "Table 1", "LRU cache", "On-demand loading [7]",
    ]  # fmt: skip
    assert "12.5" in told(evidence)


def test_rows_of_others_are_theirs_and_ours_is_the_papers(tmp_path: Path) -> None:
    evidence = asked(tmp_path, "How does CacheMoE change throughput and accuracy on MMBench?", paper(tmp_path / "p"))
    by_value = {claim.facets.value: claim.facets for claim in evidence.claims}
    assert by_value[88.5].system == "CacheMoE" and by_value[88.5].unit == "tokens/s"
    assert by_value[71.2].system == "CacheMoE" and by_value[71.2].benchmark == "MMBench"
    # equal to one row and above the other: no direction is claimed
    assert by_value[71.2].direction is None
    mine = {claim.facets.value for claim in evidence.claims if claim.facets.system == "CacheMoE"}
    assert not mine & {70.1, 19.0, 48.0}


def test_what_a_paper_tells_of_others_and_its_references_are_no_results_of_its_own(tmp_path: Path) -> None:
    question = "What is the latency of CacheMoE on MMBench against an LRU cache?"
    evidence = asked(tmp_path, question, paper(tmp_path / "p"))
    assert not {1.0, 3.0} & {claim.facets.value for claim in evidence.claims}
    assert not any("flowers" in claim.text for claim in evidence.claims)


def test_a_full_text_that_mentions_the_subject_in_passing_is_dropped(tmp_path: Path) -> None:
    passing = f"# Gardens\n\n## Abstract\n\nOn gardens.\n\n## Results\n\n{FILLER}\n\nSome use a mixture of experts.\n"
    passing += "\n\nThe latency on MMBench is 5 ms.\n"
    evidence = asked(
        tmp_path,
        "How does CacheMoE, a mixture of experts, change latency on MMBench?",
        paper(tmp_path / "p"),
        paper(tmp_path / "p", passing, "2401.00002", "Gardens"),
    )
    assert [source.id for source in evidence.sources] == ["arxiv:2401.00001"]
    assert [drop.source for drop in evidence.dropped] == ["arxiv:2401.00002"]


def test_an_abstract_in_a_listing_and_a_full_text_answer_alike(tmp_path: Path) -> None:
    sentence = "CacheMoE lowers the latency on MMBench by 34% against an LRU cache."
    listing = write_works(
        tmp_path / "w",
        [{"id": "2401.00001", "title": "CacheMoE: experts", "summary": f"A mixture-of-experts server. {sentence}"}],
    )
    full = paper(tmp_path / "p", PAPER.replace("vision-language models.", f"vision-language models. {sentence}"))
    question = "How much does CacheMoE change latency on MMBench against an LRU cache?"
    for name, path in (("a", listing), ("b", full)):
        evidence = asked(tmp_path / name, question, path)
        assert evidence.answer.status is AnswerStatus.ANSWERED
        assert sentence in [claim.text for claim in evidence.claims]


COLUMNS = """# CacheMoE: x

## Abstract

CacheMoE is a mixture of experts.

## Results

Table 4: Accuracy (%) of mixtures of experts.
MMBench | CacheMoE: 71.2 | Switch: 70.1 | Hash routing [3]: 66.0
GQA | CacheMoE: 60.0 | Switch: 61.5 | Hash routing [3]: 55.0
"""


def test_where_systems_stand_in_the_columns_they_are_compared_along_the_row(tmp_path: Path) -> None:
    evidence = asked(tmp_path, "How does CacheMoE change accuracy on MMBench and GQA?", paper(tmp_path / "p", COLUMNS))
    told = {
        claim.facets.benchmark: (claim.facets.value, claim.facets.direction, claim.facets.baseline)
        for claim in evidence.claims
        if claim.facets.system == "CacheMoE"
    }
    assert told == {
        "MMBench": (71.2, Direction.HIGHER, "Switch; Hash routing"),
        "GQA": (60.0, None, "Switch; Hash routing"),
    }
    assert all(len(claim.quotes) == 2 for claim in evidence.claims)  # the row and the caption


def test_a_figure_copied_into_anothers_table_is_no_second_witness(tmp_path: Path) -> None:
    copied = COLUMNS.replace("CacheMoE: x", "Switch: y").replace("CacheMoE is", "Switch is")
    evidence = asked(
        tmp_path,
        "How does CacheMoE change accuracy on MMBench?",
        paper(tmp_path / "p", COLUMNS),
        paper(tmp_path / "p", copied, "2401.00002", "Switch: y"),
    )
    assert {quote.source for claim in evidence.claims for quote in claim.quotes} == {
        "arxiv:2401.00001", "arxiv:2401.00002",
    }  # fmt: skip
    assert not {Agreement.CORROBORATED, Agreement.CONTESTED} & {claim.agreement for claim in evidence.claims}


HOSTILE_TABLES = """# CacheMoE: x

## Abstract

CacheMoE is a mixture of experts.

Table 1: | : | :
- | : |  | a: b: c: 5 ms | Latency: | Latency (ms): 1e400 | Latency (ms): 7.25.3
CacheMoE | Latency (ms): 12.5 (+3.1) | Latency (ms): 3 to 5 | Latency (ms): -
CacheMoE | Latency (ms): 99.5

Table 2: no rows

Table 3: long
""" + "CacheMoE | " + " | ".join(f"Latency (ms): {n}.5" for n in range(3000)) + "\n"


def test_odd_tables_lose_nothing_and_break_nothing(tmp_path: Path) -> None:
    evidence = asked(tmp_path, "What is the latency of CacheMoE?", paper(tmp_path / "p", HOSTILE_TABLES))
    values = {claim.facets.value for claim in evidence.claims}
    assert {12.5, 99.5} <= values and 2999.5 not in values and 3.0 not in values
