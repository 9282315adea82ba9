"""PDF: columns, running heads, broken words; scans, passwords, ruins; a parser that crashes, loops or eats memory."""

from __future__ import annotations

import io
import textwrap
from pathlib import Path

import pypdf
import pytest
from tests.support.papers import Line, column, pdf

from sovereign.library import Library
from sovereign.library.readers import Unreadable, _pdf_run, read_bytes
from sovereign.library.readers.pdf import read_pdf

WORDS = (
    "Routing tokens to experts costs little when the batch is small and much when every expert of a layer is touched "
    "by some token of the step so that all weights must be read from memory before the next layer can begin its work"
).split()


def prose(seed: int, lines: int, width: int = 44) -> list[str]:
    """Lines of running text, different for each seed."""
    words = [f"{word}{seed}" if n % 9 == 4 else word for n, word in enumerate(WORDS[seed % 7 :] + WORDS)] * 6
    return textwrap.wrap(" ".join(words), width)[:lines]


def paper_pages() -> list[list[Line]]:
    """Three pages of two columns with a running head and page numbers."""
    pages = []
    for number in range(3):
        page: list[Line] = [(72, 760, 8, "Journal of Routing, vol. 3", False), (300, 30, 8, str(number + 11), False)]
        top = 700.0
        if number == 0:
            page += [(120, 720, 18, "Experts Touched per Step", True), (72, 680, 11, "Abstract", True)]
            top = 660
        page += column(72, top, prose(number * 2, 40))
        page += column(320, top, prose(number * 2 + 1, 40))
        pages.append(page)
    return pages


def test_two_columns_are_read_one_after_the_other() -> None:
    paper = read_bytes(pdf(paper_pages()), "a.pdf")
    assert paper.title == "Experts Touched per Step" and paper.reader.startswith("pdf ")
    whole = " ".join(paper.text.split())
    for number in range(6):
        assert " ".join(prose(number, 40)) in whole, f"column {number}"
    assert [whole.index(" ".join(prose(n, 3))) for n in range(6)] == sorted(
        whole.index(" ".join(prose(n, 3))) for n in range(6)
    )
    assert "Journal of Routing" not in whole and " 11 " not in whole and " 12 " not in whole
    assert paper.sections[0].title == "Abstract" and paper.text.startswith("Experts Touched per Step\n\n# Abstract\n\n")


def test_words_broken_at_a_line_end_are_mended() -> None:
    lines = [
        "The mixture-of-experts layer has a routing function that is learned with the",
        "well-known method. Its parameters are opti-",
        "mised with the others, and the routing func-",
        "tion is state-of-the-art. We use the mixture-",
        "of-experts layer with a gate of the low-",
        "est cost, Cafe\u0301 and \u0152uvre included, as state-",
        "of-the-art work does.",
    ]
    text = read_bytes(pdf([column(72, 700, [line.replace("e\u0301", "\u00e9") for line in lines])]), "a.pdf").text
    assert "optimised with the others, and the routing function is" in text
    assert "mixture-of-experts layer with a gate of the lowest cost, Café and Œuvre" in text
    assert "state-of-the-art work" in text


def test_headings_captions_notes_and_rows_of_a_table() -> None:
    page: list[Line] = [(72, 730, 16, "A Title of the Paper", True), (72, 700, 12, "1 Introduction", True)]
    page += column(72, 680, prose(1, 8, 80))
    page += [
        (72, 560, 12, "2 Results", True),
        *column(72, 540, prose(2, 3, 80)),
        (72, 480, 9, "Table 1: Hit rates of two caches.", False),
    ]
    for row, cells in enumerate([("Cache", "Hit", "Miss"), ("LRU", "0.91", "0.09"), ("Belady", "0.97", "0.03")]):
        page += [(72 + 120 * n, 465 - 12 * row, 9, cell, False) for n, cell in enumerate(cells)]
    page += [*column(72, 400, prose(3, 10, 80)), (72, 60, 7, "1 We thank the reviewers of this work.", False)]
    paper = read_bytes(pdf([page]), "a.pdf")
    assert [s.title for s in paper.sections] == ["1 Introduction", "2 Results"]
    assert "\nTable 1: Hit rates of two caches.\n" in paper.text
    assert "\nCache Hit Miss\nLRU 0.91 0.09\nBelady 0.97 0.03\n" in paper.text
    assert "\nFootnote: 1 We thank the reviewers of this work.\n" in paper.text


def test_a_scan_has_no_text_layer() -> None:
    with pytest.raises(Unreadable, match="no text layer") as said:
        read_bytes(pdf([[], [], []]), "scan.pdf")
    assert "OCR" in said.value.remedy


def test_pages_without_text_are_named() -> None:
    paper = read_bytes(pdf([column(72, 700, prose(1, 30)), [], [], []]), "a.pdf")
    assert paper.left_out and "3 of 4 pages have no text (2, 3, 4)" in paper.left_out[0] and "OCR" in paper.left_out[0]


def encrypted(user: str) -> bytes:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf([column(72, 700, prose(1, 30))])))
    writer.encrypt(user, "owner", algorithm="AES-256")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def test_a_password_is_asked_for_only_where_there_is_one() -> None:
    assert prose(1, 1)[0] in read_bytes(encrypted(""), "a.pdf").text
    with pytest.raises(Unreadable, match="encrypted") as said:
        read_bytes(encrypted("secret"), "a.pdf")
    assert "qpdf --decrypt" in said.value.remedy


@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.9, 0.99])
def test_truncated(share: float) -> None:
    whole = pdf(paper_pages())
    try:
        paper = read_bytes(whole[: int(len(whole) * share)], "a.pdf")
    except Unreadable as error:
        assert "damaged or truncated" in error.message or "no text" in error.message
        assert error.remedy
    else:  # what a parser repairs is the file's own text
        known = set(" ".join(" ".join(prose(n, 40)) for n in range(6)).split())
        assert len(set(paper.text.split()) - known) < 20


def test_no_pdf_under_its_name() -> None:
    for data, said in ((b"<html><body>Please log in</body></html>", "HTML page"), (b"garbage" * 99, "no PDF")):
        with pytest.raises(Unreadable, match=said):
            read_bytes(data, "a.pdf")
    with pytest.raises(Unreadable, match="damaged"):
        read_bytes(b"%PDF-1.7\n" + b"garbage " * 999, "a.pdf")


def test_five_thousand_pages_are_read_to_the_limit_and_the_rest_is_named(tmp_path: Path) -> None:
    path = tmp_path / "in" / "long.pdf"
    path.parent.mkdir()
    path.write_bytes(
        pdf([[(72, 700, 10, f"This is what page number {n} says to its reader.", False)] for n in range(1, 5001)])
    )
    (tmp_path / "in" / "note.md").write_text("A note.")
    with Library.open(tmp_path / "library", create=True) as library:
        report = library.add(tmp_path / "in")
        assert report.added == 2
        (failure,) = report.failed
        assert "pages 1,001 to 5,000 were left out" in failure.reason and "split the file" in failure.reason
        text = library.get("work:long").text
        assert "page number 1000 says" in text and "page number 1001 says" not in text


def test_time_is_bounded() -> None:
    pages = [[(72, 700, 10, f"Words of page {n} that are many enough.", False)] for n in range(5000)]
    paper = read_pdf(pdf(pages), pages=5000, seconds=0)
    assert "were left out (time ran out)" in paper.left_out[0]


CRASHES = {
    "crash": ("import os\nos.abort()", "out of memory|crashed"),
    "segfault": ("import ctypes\nctypes.string_at(0)", "crashed"),
    "loop": ("runpy.run_path(CHILD)['limit'](1, 2000)\nwhile True:\n    pass", "no end after"),
    "memory": (
        "runpy.run_path(CHILD)['limit'](60, 400)\nx = [bytearray(10**8) for _ in range(20)]",
        "crashed|out of memory",
    ),
    "flood": ("runpy.run_path(CHILD)['limit'](60, 2000)\nwhile True:\n    sys.stdout.write('x' * 10**6)", "crashed"),
    "nonsense": ('print(\'{"pages": "many"}\')', "not whole"),
    "silence": ("pass", "not whole"),
}


@pytest.mark.parametrize("how", CRASHES)
def test_what_happens_to_the_parser_costs_one_file(how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script, said = CRASHES[how]
    child = tmp_path / "child.py"
    child.write_text(f"import runpy, sys\nCHILD = {str(_pdf_run._CHILD)!r}\n{script}\n")
    monkeypatch.setattr(_pdf_run, "_CHILD", child)
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.pdf").write_bytes(pdf(paper_pages()))
    (folder / "b.md").write_text("A note.")
    with Library.open(tmp_path / "library", create=True) as library:
        report = library.add(folder)
        (failure,) = report.failed
        assert report.added == 1 and library.ids() == ["note:b"]
    assert "damaged" in failure.reason and "fetch it again" in failure.reason
    import re

    assert re.search(said, failure.reason), failure.reason


def test_the_second_parser_stands_in_for_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child = tmp_path / "child.py"
    child.write_text(
        f"import runpy, sys, os\nif sys.argv[1] == 'pdfium':\n    os._exit(1)\n"
        f"runpy.run_path({str(_pdf_run._CHILD)!r}, run_name='__main__')\n"
    )
    monkeypatch.setattr(_pdf_run, "_CHILD", child)
    text = " ".join(read_bytes(pdf([column(72, 700, prose(1, 30))]), "a.pdf").text.split())
    assert " ".join(prose(1, 2)) in text


def test_arxiv_stamp_tells_the_paper(tmp_path: Path) -> None:
    page = [*column(72, 700, prose(1, 30)), (72, 20, 10, "arXiv:2004.07180v4  [cs.CL]  20 May 2020", False)]
    paper = read_bytes(pdf([page]), "downloaded.pdf")
    # Only a stamp at the top or turned at the margin is the paper's own: one at the foot may be cited.
    assert paper.ids == {}
    page[-1] = (72, 770, 20, "arXiv:2004.07180v4 [cs.CL] 20 May 2020", False)
    assert read_bytes(pdf([page]), "downloaded.pdf").ids == {"arxiv": "2004.07180"}
    (tmp_path / "2101.99999.pdf").write_bytes(pdf([page]))
    with Library.open(tmp_path / "library", create=True) as library:
        report = library.add(tmp_path / "2101.99999.pdf")
        assert library.ids() == ["arxiv:2004.07180"]
        assert "is named arxiv:2101.99999 and says it is arxiv:2004.07180" in report.failed[0].reason
