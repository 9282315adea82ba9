"""What is read out of a text of the earlier system, and what is no such text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.seeds import ABSTRACT, BROKEN, CLAIM, PAGE, PAGE_FROM_BROWSER, QUESTION, REPORT

from sovereign.judge import read_seed


def test_a_page_states_counts_and_no_claim() -> None:
    read = read_seed(PAGE)
    assert (read.kind, read.question, read.spans) == ("page", QUESTION, ())
    assert read.foil.title == QUESTION[:110].strip()
    assert read.foil.abstract == " ".join(ABSTRACT[:600].split())
    assert read.foil.stated["Source-grounded claims"] == "4"
    assert read.foil.stated["Status"] == "Unverified" and read.foil.stated["Correction Record: Status"] == "CURRENT"
    assert read.foil.stated["id"] == "SRCH:0A1B2C3D"
    assert read.foil.score is None and read.foil.claims == ()


def test_a_page_as_a_browser_gives_it_reads_the_same() -> None:
    read = read_seed(PAGE_FROM_BROWSER)
    assert read.question == QUESTION and read.foil.title == QUESTION[:110].strip()
    assert read.foil.stated["Paper level"] == "L1, Literature synthesis"
    assert read.foil.stated["Source-grounded claims"] == "0" and read.foil.stated["Tier"] == "Quarantine candidate"
    assert read.foil.score == 4.25
    assert not read.foil.abstract.startswith("Abstract")


def test_a_report_states_its_rows_with_their_places() -> None:
    read = read_seed(REPORT)
    assert (read.kind, read.question) == ("report", QUESTION)
    assert [row.text for row in read.foil.claims] == [REPORT[start:end] for start, end in read.spans]
    assert [row.text for row in read.foil.claims][:2] == [CLAIM, BROKEN]
    assert [(row.tick, row.confidence) for row in read.foil.claims] == [(True, 0.31), (True, 0.17), (False, 0.04)]
    assert read.foil.references == ("http://arxiv.org/abs/2501.00001v2", "http://arxiv.org/abs/2501.00002v1")
    assert (read.foil.score, read.foil.verdict, read.foil.revision_round) == (6.25, "REVISE", 1)
    assert (read.foil.policy, read.foil.threshold) == ("ESCALATE_TO_OWNER", 0.15)
    assert read.foil.stated["retrieved"] == "7" and read.foil.stated["verified"] == "2"
    assert read.foil.uncertainties == "The check is weak. Prompts matter."


@pytest.mark.parametrize("text", [PAGE, PAGE_FROM_BROWSER, REPORT])
def test_line_ends_and_page_breaks_of_other_tools_read_the_same(text: str) -> None:
    plain, other = read_seed(text), read_seed(text.replace("\nAbstract", "\n\fAbstract").replace("\n", "\r\n"))
    assert other.question == plain.question and other.foil == plain.foil


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no heading"),
        ("A novel.\nIt was a dark night.\n", "no heading"),
        ("Abstract\nSome words.\n", "no heading"),
        ("Research Question\nWhat is it?\n", "no heading"),
        ("Abstract\nx\nResearch Question\n\nVerification Level\n", "no research question"),
        ("Abstract\nx\n1 Introduction\nAnalysis of: a paper.\n2 Methodology\ny\n", "no research question"),
        (REPORT + "\na row\t✓\t0.20" * 501, "rows of claims"),
    ],
)
def test_any_other_text_is_turned_down_by_what_it_lacks(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_seed(text)


def test_hostile_values_stay_bounded() -> None:
    page = PAGE.replace("| Source-grounded claims | 4 | |", f"| Source-grounded claims | {'9' * 5000} | |")
    stated = read_seed(page).foil.stated
    assert len(stated["Source-grounded claims"]) <= 2000
    report = REPORT.replace("Tribunal: 6.25/10", "Tribunal: 62.5/10").replace("0.31", "1.99")
    read = read_seed(report).foil
    assert read.score is None and read.claims[0].confidence == 1.0
    long_title = read_seed("x" * 900_000 + "\n" + PAGE).foil.title
    assert len(long_title) <= 500


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=400), st.integers(0, len(REPORT)), st.integers(0, 300))
def test_a_damaged_report_is_read_or_turned_down_and_never_breaks(junk: str, at: int, length: int) -> None:
    for text in (REPORT, PAGE):
        damaged = text[:at] + junk + text[at + length :]
        try:
            read = read_seed(damaged)
        except ValueError:
            continue
        assert read.question and all(damaged[start:end] for start, end in read.spans)
        assert type(read.foil).model_validate_json(read.foil.model_dump_json()) == read.foil
