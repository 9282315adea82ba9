"""Bibliographies: Zotero's exports in, broken ones too, out again, and the same fields after a round trip."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sovereign.library import Library
from sovereign.library.bibliography import _bibtex, _csl, _ris
from sovereign.library.bibliography._entry import Entry, completed, entry_of, source_of
from sovereign.library.bibliography._export import FORMATS, export

ZOTERO_BIB = r"""
@string{nips = {Advances in Neural Information Processing Systems}}
@comment{jabref-meta: databaseType:bibtex;}

@inproceedings{vaswani_attention_2017,
	title = {Attention is {All} {You} {Need} for 50\% of {$x^2$}},
	volume = {30},
	url = {https://papers.nips.cc/paper/2017/hash/3f5e\_x.html},
	abstract = {The dominant {M\"{u}ller} models \& others -- at 95% of $O(n^2)$.},
	urldate = {2024-01-01},
	booktitle = nips # " 30",
	author = {Vaswani, Ashish and van der Berg, Jan and {The OpenAI Team} and G{\'o}mez, Aidan N. and others},
	month = dec,
	year = {2017},
	keywords = {attention, transformers},
	file = {Full Text PDF:files/12/a\:b.pdf:application/pdf;Snapshot:files/13/x.html:text/html},
}

@article{broken, title = {Unclosed {brace}, year = 2001

@misc{dao_flash_2022,
	title = {{FlashAttention}},
	doi = {10.48550/arXiv.2205.14135},
	publisher = {arXiv},
	author = {Dao, Tri},
	year = {2022},
	note = {arXiv:2205.14135 [cs]},
}
@misc{dao_flash_2022, title = {Again}}
@misc{nothing, year = {1999}}
@incollection{part, crossref = {whole}, title = {A Part}, author = {Doe, Jane}}
@proceedings{whole, title = {The Whole}, year = {1999}, publisher = {P \& Sons}}
"""
ZOTERO_RIS = """TY  - JOUR
TI  - Mixture of experts in caches
AU  - van der Berg, Jan
AU  - Müller, Jörg
T2  - Journal of Caches
AB  - We cache experts. The second sentence of it
goes on here.
DA  - 2023/05/17/
PY  - 2023
VL  - 12
IS  - 3
SP  - 101
EP  - 119
DO  - 10.1234/JC.2023.7
UR  - https://example.org/jc/7
KW  - caching
KW  - experts
ER  - 

TY  - JOUR
AU  - Nobody, A.
ER  - 
TY  - THES
TI  - Without an end
"""
ZOTERO_CSL = [
    {
        "id": "http://zotero.org/users/1/items/ABC",
        "type": "article",
        "title": "FlashAttention: <i>fast</i> attention",
        "author": [{"family": "Dao", "given": "Tri"}, {"literal": "A Lab"}],
        "issued": {"date-parts": [["2022", 6, 23]]},
        "abstract": "<jats:p>Transformers are slow.</jats:p>",
        "archive": "arXiv",
        "number": "arXiv:2205.14135",
        "publisher": "arXiv",
        "URL": "http://arxiv.org/abs/2205.14135",
    },
    {"id": "x", "type": "book"},
    "nonsense",
]


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library.open(tmp_path / "library", create=True) as opened:
        yield opened


@pytest.fixture
def added(library: Library, tmp_path: Path) -> Callable[[str, str], tuple[Library, list[str]]]:
    def add(name: str, text: str) -> tuple[Library, list[str]]:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        report = library.add(path)
        return library, [f"{Path(f.where).name}: {f.reason}" for f in report.failed]

    return add


def test_zoteros_bibtex(added: Callable[[str, str], tuple[Library, list[str]]]) -> None:
    library, failed = added("My Library.bib", ZOTERO_BIB)
    assert library.ids() == ["arxiv:2205.14135", "bib:my-library/part", "bib:my-library/vaswani-attention-2017",
                             "bib:my-library/whole"]  # fmt: skip
    source = library.get("bib:my-library/vaswani-attention-2017")
    assert source.title == "Attention is All You Need for 50% of $x^2$"
    assert source.text == f"{source.title}\n\nThe dominant Müller models & others – at 95% of $O(n^2)$."
    assert source.authors == ("Ashish Vaswani", "Jan van der Berg", "The OpenAI Team", "Aidan N. Gómez")
    assert (source.year, source.kind, source.text_level) == (2017, "work", "abstract")
    assert source.address == "https://papers.nips.cc/paper/2017/hash/3f5e_x.html"
    assert source.meta["bib"]["container"] == "Advances in Neural Information Processing Systems 30"
    assert source.meta["bib"]["keywords"] == ["attention", "transformers"]
    part = library.get("bib:my-library/part")
    assert (part.year, part.text_level) == (1999, "metadata")
    assert part.meta["bib"]["container"] == "The Whole" and part.meta["bib"]["publisher"] == "P & Sons"
    flash = library.get("arxiv:2205.14135")
    assert flash.meta["ids"] == {"arxiv": "2205.14135", "doi": "10.48550/arxiv.2205.14135"}
    told = sorted(one.partition(": ")[2] for one in failed)
    assert [one.split("'")[0] for one in told] == [
        "cannot be parsed (", "entry ", "entry ", "has neither title nor author (", "has the key ",
    ]  # fmt: skip
    assert library.search("dominant models")[0].source == source.id


def test_ris_with_a_long_field_a_broken_record_and_no_end(
    added: Callable[[str, str], tuple[Library, list[str]]],
) -> None:
    library, failed = added("lib.ris", ZOTERO_RIS)
    source = library.get("doi:10.1234/jc.2023.7")
    assert source.text.endswith("We cache experts. The second sentence of it goes on here.")
    assert source.authors == ("Jan van der Berg", "Jörg Müller")
    kept = source.meta["bib"]
    assert (kept["pages"], kept["month"], kept["day"], kept["number"]) == ("101-119", 5, 17, "3")
    assert library.ids() == ["bib:lib/without-an-end", "doi:10.1234/jc.2023.7"]
    assert failed == ["lib.ris:20: has no title (TI or T1): give it one"]


def test_csl_json(added: Callable[[str, str], tuple[Library, list[str]]]) -> None:
    library, failed = added("lib.json", json.dumps(ZOTERO_CSL))
    source = library.get("arxiv:2205.14135")
    assert source.title == "FlashAttention: fast attention" and source.text.endswith("\n\nTransformers are slow.")
    assert source.authors == ("Tri Dao", "A Lab") and source.year == 2022
    assert failed == ["lib.json:2: has no title: give it one", "lib.json:3: is not an object: correct or delete it"]


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.bib", b"", "is empty"),
        ("a.bib", b"nothing here", "holds no entry"),
        ("a.bib", "@misc{a, title={M\xfcller}}".encode("latin-1"), "is not UTF-8"),
        ("a.ris", b"no tags\n", "holds no entry"),
        ("a.json", b"[", "is not valid JSON"),
        ("a.json", b"[" * 100_000, "is not valid JSON"),
        ("a.bib", b"@misc{a, title={a\0b}}", "NUL"),
    ],
)
def test_what_cannot_be_read_says_why(
    name: str, data: bytes, reason: str, library: Library, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(data)
    report = library.add(tmp_path / name)
    assert report.added == 0 and reason in report.failed[0].reason


def test_an_attached_paper_is_read_and_one_outside_is_not(library: Library, tmp_path: Path) -> None:
    folder = tmp_path / "export"
    (folder / "files" / "1").mkdir(parents=True)
    paper = "<html><head><title>On the page</title></head><body><h1>Caches</h1><p>{}</p></body></html>"
    (folder / "files" / "1" / "p.html").write_text(paper.format("The whole paper says so. " * 40))
    (tmp_path / "secret.html").write_text(paper.format("Secret. " * 40))
    entry = "@article{{{0}, title={{Title {0}}}, author={{Doe, Jane}}, year=2020, abstract={{Short.}}, file={{{1}}}}}\n"
    text = "".join(
        entry.format(key, path)
        for key, path in [
            ("inside", "Full:files/1/p.html:text/html"),
            ("outside", "Full:../secret.html:text/html"),
            ("absolute", str(tmp_path / "secret.html")),
            ("gone", "files/9/x.pdf"),
        ]
    )
    (folder / "lib.bib").write_text(text)
    report = library.add(folder / "lib.bib")
    inside = library.get("bib:lib/inside")
    assert inside.text_level == "full_text" and "The whole paper says so." in inside.text
    assert (inside.title, inside.authors, inside.year) == ("Title inside", ("Jane Doe",), 2020)
    assert inside.meta["bib"]["abstract"] == "Short."
    assert [library.get(f"bib:lib/{key}").text_level for key in ("outside", "absolute", "gone")] == ["abstract"] * 3
    reasons = [failure.reason for failure in report.failed]
    assert sum("outside the bibliography's folder" in reason for reason in reasons) == 2
    assert sum("is not there" in reason for reason in reasons) == 1


ENTRY = completed(
    Entry(
        key="müller2020x", type="article-journal", title="On {braces}, 50% & #1_a ~ ^ \\ $x_1^2$ – “quoted”",
        authors=(("van der Berg", "Jan A."), ("Müller", "Jörg"), ("The {Big} Team & Sons", "")),
        editors=(("Li", "Wei"),),
        year=2020, month=5, day=7, container="Journal of A & B", volume="12", number="3", pages="101-119",
        publisher="P_Q", doi="10.1234/a_b(c)1", arxiv="2001.00001", pmid="123", issn="1234-5678",
        url="https://example.org/a_b?c=1&d=%20#e", abstract="First line, 5 < 6.\n\nSecond {x} at 100%.",
        keywords=("one", "two words"), language="en", note="A note: 3 $ each",
    )
)  # fmt: skip


@pytest.mark.parametrize("form", FORMATS)
def test_fields_survive_a_round_trip_through_every_format(form: str) -> None:
    parse = {"bibtex": _bibtex.parse, "ris": _ris.parse, "csl-json": _csl.parse}[form]
    (found,) = [completed(one) for one in parse(export([ENTRY], form)) if isinstance(one, Entry)]
    expected = ENTRY if form != "ris" else replace(ENTRY, abstract=" ".join(ENTRY.abstract.split()))
    assert found == expected
    source = source_of(found, "x")
    again = entry_of(source.id, source.title, source.authors, source.year, source.address, source.meta)
    assert again == found


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp", "Co", "Cn", "Mn")), max_size=60))
def test_any_title_can_be_written_and_read_again(title: str) -> None:
    entry = completed(Entry(key="k", title=f"T {title}"))
    for form, parse in (("bibtex", _bibtex.parse), ("csl-json", _csl.parse), ("ris", _ris.parse)):
        found = [completed(one) for one in parse(export([entry], form)) if isinstance(one, Entry)]
        assert len(found) == 1, form
        if "$" not in title and "``" not in title and "''" not in title and "--" not in title and "ˆ" not in title:
            assert _normal(found[0].title) == _normal(entry.title), form


def _normal(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet='@{}",=#\\%$a b\n~-', max_size=200))
def test_no_bibtex_breaks_the_parser(text: str) -> None:
    list(_bibtex.parse("@misc{a, title={" + text))
    list(_bibtex.parse(text))


def test_a_file_of_ten_thousand_entries_with_one_broken_in_the_middle(tmp_path: Path) -> None:
    entries = [f"@misc{{k{n}, title={{Title {n}}}, author={{Doe, J{n}}}}}\n" for n in range(3000)]
    entries[1500] = "@misc{k1500, title={Title 1500, author={Doe}}\n"
    found = list(_bibtex.parse("".join(entries)))
    assert sum(isinstance(one, Entry) for one in found) >= 2998
    assert any(isinstance(one, tuple) and "cannot be parsed" in one[1] for one in found)
