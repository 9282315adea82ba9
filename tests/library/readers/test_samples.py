"""The readers on real papers, where the sample data is present."""

from __future__ import annotations

from pathlib import Path

import pytest

from sovereign.inquiry import extract, passages, sentences
from sovereign.judge import quote_fault
from sovereign.library import Library
from sovereign.library.readers import Paper, read_bytes

SAMPLES = Path(__file__).resolve().parents[4] / "shared" / "data" / "fulltext-parse-samples"
pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="../shared/data/fulltext-parse-samples is not there")


def paper(name: str) -> Paper:
    path = SAMPLES / name
    return read_bytes(path.read_bytes(), path.name)


def cell(found: Paper, label: str, row: tuple[str, ...], column: tuple[str, ...]) -> list[str]:
    """The words of a cell, by the table's label and the headers beside and over it."""
    tables = [table for table in found.tables if table.label == label]
    return [
        found.text[c.start : c.end] for table in tables for c in table.cells if c.row == row and c.column == column
    ]  # fmt: skip


def test_values_of_real_tables_stand_under_their_headers() -> None:
    scifact = paper("latex/2004.14974.gz")
    assert cell(scifact, "Table 4", ("Open", "VeriSci"), ("Sentence-level", "Selection+Label", "F1")) == ["39.5"]
    assert cell(scifact, "Table 4", ("Oracle abstract", "Zero-shot"), ("Abstract-level", "Label-Only", "P")) == ["86.9"]
    s2orc = paper("latex/1911.02782.gz")
    assert cell(s2orc, "Table 5", ("Biomed", "SciERC", "Luan et al. (2018)"), ("S2ORC-SciBERT",)) == ["68.93 ± 0.19"]
    drug = paper("jats/PMC5828200.nxml")
    assert cell(drug, "Table 1", ("CSP",), ("T_max (min)",)) == ["75±42", "55±7"]


def test_a_pdf_in_two_columns_reads_on() -> None:
    found = paper("pdf/2020.acl-main.207.pdf")
    assert found.title == "SPECTER: Document-level Representation Learning using Citation-informed Transformers"
    assert (
        "these models are targeted towards token- and sentence-level training objectives and do not leverage "
        "information on inter-document relatedness"
    ) in found.text
    titles = [s.title for s in found.sections]
    assert (
        titles[:4] == ["Abstract", "1 Introduction", "2 Model", "2.1 Overview"]
        and "8 Conclusions and Future Work" in titles
    )
    assert len(found.references) > 40
    assert "\n2270\n" not in found.text and "\n2275\n" not in found.text


def test_every_sentence_of_a_library_of_them_is_quoted_exactly(tmp_path: Path) -> None:
    with Library.open(tmp_path / "library", create=True) as library:
        for name in ("latex", "jats", "paperqa_pasa.pdf", "paperqa_bates.txt"):
            assert library.add(SAMPLES / name).failed == ()
        assert {library.get(one).text_level for one in library.ids()} == {"full_text"}
        assert "arxiv:2501.10120" in library.ids(), "arXiv's stamp names the paper"
        for one in library.ids():
            stored = library.get(one)
            drawn = [(p.start, p.end) for p in sentences.sentences(stored.text, stored.body_start)]
            drawn += [(p.start, p.end) for p in passages.split(stored.text, stored.body_start)]
            assert len(drawn) > 20
            for start, end in drawn:
                quote = extract.span_quote(one, stored.sha256, stored.text, start, end)
                assert quote_fault(quote, stored.text) is None and quote.text.strip()
