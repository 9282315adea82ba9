"""Passages of full texts: spans, sections, what is never read, what is read for a question."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.inquire import planned

from sovereign.inquiry.passages import LONGEST, Kind, split
from sovereign.inquiry.reading import PARAGRAPHS, to_read
from sovereign.inquiry.relevance import rank

PAPER = """CacheMoE: experts in a cache

## Abstract

CacheMoE is a mixture-of-experts server.

# 1 Introduction

Experts are large. We keep those that matter in memory.

# 2 Experiments

## 2.1 Setup

We collected a corpus of 2,000 annotated questions from a website.

## 2.2 Results

Table 1: Accuracy on MMBench with batch size 1.
CacheMoE | MMBench > Accuracy (%): 71.2 | Latency (ms): 12.5
LRU cache | MMBench > Accuracy (%): 70.1 | Latency (ms): 19.0

The latency falls to 12.5 ms.

# 3 Related work

Other systems are slower.

# References

[1] A. Author. A latency of 3 ms. In Proc. Conf., 2020.

# Acknowledgements

We thank the questions of our reviewers.

# A Appendix

More latency figures follow.
"""


def words(text: str, kind: Kind) -> list[str]:
    return [text[p.start : p.end] for p in split(text) if p.kind is kind]


def test_sections_kinds_and_what_is_never_read() -> None:
    found = split(PAPER)
    assert words(PAPER, Kind.OPENING) == [
        "CacheMoE: experts in a cache",
        "CacheMoE is a mixture-of-experts server.",
    ]
    assert words(PAPER, Kind.SKIPPED) == [
        "[1] A. Author. A latency of 3 ms. In Proc. Conf., 2020.",
        "We thank the questions of our reviewers.",
    ]
    assert [text.partition("\n")[0] for text in words(PAPER, Kind.TABLE)] == [
        "Table 1: Accuracy on MMBench with batch size 1."
    ]
    sections = {PAPER[p.start : p.end][:12]: p.section for p in found}
    assert sections["We collected"] == "2 Experiments > 2.1 Setup"
    assert sections["More latency"] == "A Appendix"
    assert [p.of_others for p in found if "slower" in PAPER[p.start : p.end]] == [True]


def test_plain_text_without_marks_has_headings_too() -> None:
    plain = "Title of It\n\nAbstract\nA short one.\n\n1. Introduction\nWe begin.\n"
    plain += "REFERENCES\n[1] X. Y. 2019. In Proc. Z.\n"
    found = [(p.kind, p.section, plain[p.start : p.end]) for p in split(plain)]
    assert found == [
        (Kind.OPENING, "Abstract", "A short one."),
        (Kind.PARAGRAPH, "1. Introduction", "We begin."),
        (Kind.SKIPPED, "REFERENCES", "[1] X. Y. 2019. In Proc. Z."),
    ]


def test_a_page_without_blank_lines_is_cut_at_sentence_ends() -> None:
    page = "This is a sentence of a page. " * 1000
    found = split(page)
    assert len(found) > 5
    assert all(p.end - p.start <= LONGEST and page[p.start : p.end].endswith("page.") for p in found)


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="ab .\n#|:T1é\t\u3042", max_size=300), st.integers(0, 20))
def test_passages_lie_in_order_inside_the_text_and_overlap_nowhere(text: str, start: int) -> None:
    here = min(start, len(text))
    for passage in split(text, here):
        assert here <= passage.start < passage.end <= len(text)
        assert not text[passage.start].isspace() and not text[passage.end - 1].isspace()
        here = passage.end


def test_a_question_finds_what_papers_call_it() -> None:
    passages = split(PAPER)
    best = rank(PAPER, passages, "Where does their data come from?")[0]
    assert PAPER[best.start : best.end].startswith("We collected a corpus")
    best = rank(PAPER, passages, "How much does latency improve?")
    assert [p.section for p in best[:2]] == ["2 Experiments > 2.2 Results"] * 2
    assert all(p.kind is not Kind.SKIPPED for p in rank(PAPER, passages, "reviewers"))


def test_of_a_long_text_the_opening_the_best_passages_and_the_tables_are_read() -> None:
    filler = "\n\n".join(f"Paragraph {n} tells of gardens, rivers and other things." for n in range(2000))
    text = PAPER.replace("# 3 Related work", f"# 2.9 Gardens\n\n{filler}\n\n# 3 Related work")
    read = to_read(text, 0, planned("CacheMoE", metric=("latency",)))
    told = [text[p.start : p.end] for p in read]
    assert len(text) > 100_000 and len(read) == 2 + PARAGRAPHS + 1
    assert "CacheMoE is a mixture-of-experts server." in told
    assert any(one.startswith("Table 1") for one in told)
    assert [p.start for p in read] == sorted(p.start for p in read)
