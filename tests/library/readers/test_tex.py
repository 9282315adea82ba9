"""TeX: what papers do with it, and what is done to its reader."""

# ruff: noqa: E501 (whole documents)

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from tests.support.papers import tar_gz, tex

from sovereign.library import Library
from sovereign.library.readers import Paper, Unreadable, read_bytes


def body(source: str, preamble: str = "") -> str:
    """The text under the title."""
    paper = read_bytes(tex(source, preamble), "a.tex")
    return paper.text.removeprefix("A Paper on Routing\n\n").rstrip("\n")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("A speed-up of $2.3\\times$ at $\\alpha_{i}=0.5$ and 95.4\\%.", "A speed-up of 2.3× at α_i=0.5 and 95.4%."),
        ("``Quoted'' words --- and a range 3--5.", "“Quoted” words — and a range 3–5."),
        ("M\\\"uller, Erd\\H{o}s, na\\\"{\\i}ve, \\'Etude, \\c{c}a", "Müller, Erdős, naïve, Étude, ça"),
        ("One % a remark\ntwo.", "One two."),
        ("One.\n% a remark\n\nTwo.", "One.\n\nTwo."),
        ("\\textbf{Bold \\emph{and} \\textsc{small}} words", "Bold and small words"),
        ("See \\url{https://a.b/c_d%20e} and \\href{https://x.y}{here}.", "See https://a.b/c_d%20e and here."),
        ("It takes \\SI{5.2}{\\milli\\second} or \\num{3e-4}.", "It takes 5.2 ms or 3×10^-4."),
        ("Before\\footnote{A note.} after.", "Before after.\n\nFootnote: A note."),
        ("\\iffalse hidden \\else shown \\fi end", "shown end"),
        ("\\begin{comment}hidden\\end{comment}shown", "shown"),
        ("\\begin{verbatim}\na_b  {c}\n\\end{verbatim}", "a_b {c}"),
        ("x\\verb|\\foo{}|y", "x\\foo{}y"),
        ("\\begin{itemize}\\item One\\item[b)] Two\\end{itemize}", "- One\n\nb) Two"),
        ("\\section{First}\\label{s}\nSee Section~\\ref{s}.", "# 1 First\n\nSee Section 1."),
        ("\\[ L = \\frac{a+b}{2} \\sum_{i=1}^{n} x_i^2 \\]", "L = (a+b)/2 ∑_{i=1}^n x_i^2"),
        ("\\begin{equation}a \\le b\\end{equation}", "a ≤ b"),
        ("See \\eqref{e}: \\begin{align}a &= b \\label{e}\\end{align}", "See (1): a = b"),
        ("Seen \\todo[inline]{hidden} and \\twocolumn[\\title{Again} Wide] text", "Seen and Wide text"),
    ],
)  # fmt: skip
def test_what_the_page_says(source: str, said: str) -> None:
    assert body(source) == said


def test_macros_are_expanded() -> None:
    preamble = (
        "\\newcommand{\\ours}{RouteNet\\xspace}\\newcommand{\\gain}[2][points]{#2~#1}\\def\\pair#1#2{#1 and #2}\n"
        "\\DeclareMathOperator{\\softmax}{softmax}\\newif\\ifdraft\\drafttrue\\let\\old\\ours\n"
        "\\newenvironment{quoteme}{Begin: }{ :End}"
    )
    said = body(
        "\\ours gains \\gain{3} or \\gain[percent]{4}. \\pair{A}{B}. $\\softmax(x)$. \\ifdraft Draft\\fi. \\old.\n\n"
        "\\begin{quoteme}inner\\end{quoteme}",
        preamble,
    )
    assert said == "RouteNet gains 3 points or 4 percent. A and B. softmax(x). Draft. RouteNet.\n\nBegin: inner :End"


def test_citations_by_author_or_number() -> None:
    named = "\\begin{thebibliography}{9}\\bibitem[{Fedus et~al.(2022)Fedus, Zoph}]{f} W. Fedus. Switch. 2022.\\end{thebibliography}"
    numbered = "\\begin{thebibliography}{9}\\bibitem{a} A. One.\\bibitem{f} W. Fedus.\\end{thebibliography}"
    assert body("As \\citet{f} and others \\citep[see][p.~3]{f} say." + named) == (
        "As Fedus et al. (2022) and others (see Fedus et al., 2022, p. 3) say."
    )
    assert body("As others \\cite{f,a} say." + numbered) == "As others [2, 1] say."
    assert read_bytes(tex("Words." + numbered), "a.tex").references == ("A. One.", "W. Fedus.")


def test_title_authors_abstract_sections() -> None:
    paper = read_bytes(
        tex(
            "\\begin{abstract}We route.\\end{abstract}\n\\section{Intro}\nText.\n\\subsection*{Aside}\nMore.\n\\appendix"
            "\\section{Proof}Done.",
            "\\author{Ada B. Lovelace$^1$\\thanks{x} \\and Charles Babbage \\\\ University of Somewhere}\\date{May 2021}",
        ),
        "2105.01234v2.tex",
    )
    assert (paper.title, paper.authors, paper.year) == (
        "A Paper on Routing",
        ("Ada B. Lovelace", "Charles Babbage"),
        2021,
    )
    assert paper.abstract == "We route."
    assert [(s.depth, s.title) for s in paper.sections] == [
        (1, "Abstract"), (1, "1 Intro"), (2, "Aside"), (1, "A Proof"),
    ]  # fmt: skip
    assert all(paper.text[s.start : s.end].startswith("#" * s.depth + " " + s.title) for s in paper.sections)
    assert paper.ids == {"arxiv": "2105.01234"}


def test_a_bundle_reads_its_parts_and_its_bibliography() -> None:
    files = {
        "paper.tex": tex("\\input{sec/one}\\include{two.tex}\\bibliography{refs}"),
        "sec/one.tex": b"Part one cites \\citep{k}.",
        "two.tex": b"Part two.",
        "paper.bbl": b"\\begin{thebibliography}{1}\\bibitem[Knuth(1984)]{k} D. Knuth.\\end{thebibliography}",
        "old/draft.tex": tex("An old draft.", "\\author{Nobody At All}"),
        "fig.pdf": b"%PDF-1.4 a figure",
    }
    paper = read_bytes(tar_gz(files), "2105.01234.gz")
    assert paper.text == "A Paper on Routing\n\nPart one cites (Knuth, 1984). Part two.\n"
    assert paper.references == ("D. Knuth.",) and paper.left_out == ()


@pytest.mark.parametrize("part", ["../secret", "/etc/passwd", "a/../../secret", "~/secret", "|ls"])
def test_parts_outside_the_folder_are_not_read(tmp_path: Path, part: str) -> None:
    (tmp_path / "secret.tex").write_text("SECRET")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.tex").write_bytes(tex(f"Before \\input{{{part}}} after."))
    with Library.open(tmp_path / "library", create=True) as library:
        report = library.add(tmp_path / "in")
        assert report.added == 1
        assert library.get("work:a").text == "A Paper on Routing\n\nBefore after.\n"
        (failure,) = report.failed
        assert "outside the paper's folder" in failure.reason and "move it in" in failure.reason


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.tex").write_text("SECRET")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.tex").write_bytes(tex("Before \\input{link} after."))
    (tmp_path / "in" / "link.tex").symlink_to(tmp_path / "secret.tex")
    with Library.open(tmp_path / "library", create=True) as library:
        library.add(tmp_path / "in" / "a.tex")
        assert "SECRET" not in library.get("work:a").text


@pytest.mark.parametrize(
    "source",
    [
        "\\def\\a{\\a}\\a",
        "\\def\\a{x\\a}\\a",
        "\\def\\a{\\b}\\def\\b{\\a\\a}\\a",
        "\\newcommand{\\a}[1]{\\a{#1#1}}\\a{x}",
        "$\\def\\a{y\\a}\\a$",
        "\\newenvironment{e}{\\begin{e}}{}\\begin{e}x\\end{e}",
    ],
)
def test_endless_macros_end(source: str) -> None:
    with pytest.raises(Unreadable, match="without end") as said:
        read_bytes(tex(source), "a.tex")
    assert "correct the macro" in said.value.remedy


def test_exponential_macros_end() -> None:
    names = [f"\\m{chr(97 + n)}" for n in range(20)]
    defined = "".join(f"\\def{a}{{{b * 10}}}" for a, b in itertools.pairwise(names)) + f"\\def{names[-1]}{{boom }}"
    with pytest.raises(Unreadable, match="without end"):
        read_bytes(tex(defined + names[0]), "a.tex")


def test_a_file_that_reads_itself_in_ends() -> None:
    with pytest.raises(Unreadable, match=r"without end|reads itself in"):
        read_bytes(tar_gz({"a.tex": tex("word " * 500 + "\\input{b}"), "b.tex": b"more \\input{b}"}), "a.tar.gz")


@pytest.mark.parametrize("sign", ["{", "\\textbf{", "\\footnote{", "$\\frac{", "\\begin{itemize}", "\\makecell{", "[", "\\begin{verbatim}", "\\bibitem[", "\\verb!", "%", "\\iffalse", "\\newcommand{\\x}["])
def test_deep_nesting_neither_crashes_nor_loops(sign: str) -> None:
    try:
        paper = read_bytes(tex("Words. " + sign * 20_000), "a.tex")
    except Unreadable as error:
        assert error.remedy
    else:
        assert "Words." in paper.text


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\x00\x01\x02\xff" * 500, "binary"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40, "binary"),
        (b"plain words without a command", "holds none"),
        (tex(""), "no text"),
        (b"%auto-ignore\n\\documentclass{article}\\begin{document}withdrawn\\end{document}", "withdrawn"),
    ],
)
def test_what_is_no_tex(data: bytes, said: str) -> None:
    with pytest.raises(Unreadable, match=said) as error:
        read_bytes(data, "a.tex")
    assert error.value.remedy


def lines(source: str, preamble: str = "") -> tuple[Paper, list[str]]:
    paper = read_bytes(tex(source, preamble), "a.tex")
    table = paper.tables[0]
    return paper, paper.text[table.start : table.end].split("\n")


def test_a_table_with_two_header_rows_and_groups() -> None:
    paper, found = lines(
        r"""\begin{table}\caption{Results on \textbf{two} sets.}\label{t}
        \resizebox{\linewidth}{!}{\begin{tabular}{llcc}\toprule
        \multirow{2}{*}{Model} & \multirow{2}{*}{Size} & \multicolumn{2}{c}{CIFAR-10} \\ \cmidrule(lr){3-4}
        & & Acc $\uparrow$ & F1 \\ \midrule
        \multicolumn{4}{c}{\textit{Closed}} \\
        \multirow{2}{*}{BERT} & base & 81.2$_{\pm0.3}$ & 80 \\
        & large\,\& deep & \textbf{85.1} & -- \\ \cline{1-4}
        \multicolumn{4}{c}{\textit{Open}} \\
        GPT \cite{x} & small & \multicolumn{2}{c}{70} \\ \bottomrule
        \end{tabular}}\end{table} See Table~\ref{t}."""
    )
    assert found == [
        "Table 1: Results on two sets.",
        "Closed > BERT > base | CIFAR-10 > Acc ↑: 81.2 ± 0.3 | CIFAR-10 > F1: 80",
        "Closed > BERT > large & deep | CIFAR-10 > Acc ↑: 85.1 | CIFAR-10 > F1: –",
        "Open > GPT [x] > small | CIFAR-10 > Acc ↑: 70",
    ]
    assert "See Table 1." in paper.text
    cells = {(cell.row, cell.column): paper.text[cell.start : cell.end] for cell in paper.tables[0].cells}
    assert cells[("Closed", "BERT", "base"), ("CIFAR-10", "F1")] == "80"


def test_tables_with_macros_nested_tables_bars_and_longtable() -> None:
    _, found = lines(
        "\\begin{table}\\caption{C}\\begin{tabular}{|l|c|}\\hline A & B \\\\ \\hline \\row{x}{1} \\hline"
        "\\begin{tabular}{c}two\\\\lines\\end{tabular} & $|v|$ \\\\ \\hline\\end{tabular}\\end{table}",
        "\\newcommand{\\row}[2]{#1 & #2 \\\\}",
    )
    assert found == ["Table 1: C", "x | B: 1", "two lines | B: ∣v∣"]
    _, found = lines(
        "\\begin{longtable}{ll}\\caption{Long}\\\\ A & B\\\\ \\hline\\endfirsthead A & B\\\\ \\hline\\endhead foot & \\\\ \\endfoot"
        " x & 1\\\\ y & 2\\\\ \\end{longtable}"
    )
    assert found == ["Table 1: Long", "x | B: 1", "y | B: 2"]


def test_subtables_have_captions_and_letters() -> None:
    paper = read_bytes(
        tex(
            "\\begin{table}\\begin{subtable}{1cm}\\begin{tabular}{lc}M&A\\\\\\hline x&1\\\\\\end{tabular}\\caption{First}\\end{subtable}"
            "\\begin{subtable}{1cm}\\begin{tabular}{lc}M&B\\\\\\hline x&2\\\\\\end{tabular}\\caption{Second}\\end{subtable}"
            "\\caption{Whole}\\end{table}"
        ),
        "a.tex",
    )
    assert [(t.label, t.caption) for t in paper.tables] == [("Table 1a", "First Whole"), ("Table 1b", "Second Whole")]
