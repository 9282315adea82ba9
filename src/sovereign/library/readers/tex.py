"""TeX into a paper: sections, lists, floats and tables, the abstract, titles, theorems, the bibliography."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from ._decode import decode
from ._formats import TEX
from ._grid import Grid
from ._paper import Paper, Unreadable
from ._tex_cites import Citations
from ._tex_commands import ENVIRONMENT_SHAPES, FLOATS, LISTS, MATH_ENVIRONMENTS, TABULARS, THEOREMS
from ._tex_inline import InlineReader, Load
from ._tex_lex import Token, lex, source_text
from ._tex_macros import Gullet
from ._tex_table import read_tabular

_DEPTHS = {
    "part": 0,
    "chapter": 0,
    "section": 1,
    "subsection": 2,
    "subsubsection": 3,
    "paragraph": 4,
    "subparagraph": 5,
}
_TITLES = frozenset("title icmltitle Title papertitle".split())
_WITHDRAWN = re.compile(rb"%auto-ignore|\bThis (?:paper|submission) has been withdrawn", re.I)
_PERSON = re.compile(r"[^\W\d_][^\W\d_]*[.’'-]?(?:[ -][^\W\d_][^\W\d_’'-]*\.?){1,4}")
_PLACE = re.compile(
    r"Universi|Institut|Depart|Laborator|Research|School|College|Cent(?:er|re)|Inc\b|\bLabs?\b|^[a-z]|Google|Meta"
)
_NO_NAMES = frozenset(
    "thanks footnote textsuperscript inst email url texttt hspace vspace footnotemark ref href".split()
)
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_UNNUMBERED = "Table unnumbered"
_PACKAGE = 200_000


@dataclass(slots=True)
class _Float:
    name: str
    kind: str
    captions: list[str] = field(default_factory=list)
    grids: list[tuple[Grid, str]] = field(default_factory=list)
    marks: list[tuple[int, int]] = field(default_factory=list)  # captions and grids before each part
    texts: list[str] = field(default_factory=list)
    number: str = ""


def read_tex(data: bytes, name: str = "main.tex", load: Load | None = None) -> Paper:
    """The paper of a main TeX file. `load` gives the other files of its folder by name, or None.

    Raises:
        Unreadable: it is binary, without text, or a macro expands without end.
    """
    if len(data) < 4000 and _WITHDRAWN.search(data):
        raise Unreadable("is the notice of a withdrawn paper", "look for another version")
    source = decode(data)
    if not re.search(r"\\[A-Za-z]{2,}", source):
        raise Unreadable("is named TeX and holds none", "rename it to .txt if it is plain text")
    reader = _TexReader(load or (lambda _: None))
    return reader.read(source, name)


class _TexReader(InlineReader):
    def __init__(self, load: Load) -> None:
        super().__init__(load)
        self._floats: list[_Float] = []
        self._lists: list[tuple[str, int]] = []
        self._counters = {"section": [0] * 6, "Table": 0, "Figure": 0, "Algorithm": 0, "Equation": 0}
        self._theorems = dict(THEOREMS)
        self._theorem_numbers: dict[str, int] = {}
        self._appendix = self._chapters = self._done = False

    def read(self, source: str, name: str) -> Paper:
        stem = name.rpartition("/")[2].rpartition(".")[0] or name
        bibliography = self._bibliography(source, stem)
        self.citations = Citations(bibliography + source)
        self.citations.clean(lambda name: self.render(lex(name)))
        self._chapters = "\\chapter" in source
        self.preamble = "\\begin{document}" in re.sub(r"\\begin\s*\{\s*document\s*\}", r"\\begin{document}", source)
        self._bbl = bibliography
        self.gullet.push(lex(source))
        while self.gullet.peek() is not None and not self._done:
            self.run()
        self.flush()
        while self._floats:
            self._end_float()
        if self._bbl:
            self._read_bibliography()
        if self.writer.empty:
            raise Unreadable("gives no text", "add the PDF, or the file that holds the text")
        self.writer.resolve(self.labels.resolve)
        self.writer.references = [self.labels.resolve(one) for one in self.writer.references]
        return self.writer.paper(TEX.reader)

    def _bibliography(self, source: str, stem: str) -> str:
        if "\\bibitem" in source:
            return ""
        data = self._load(f"{stem}.bbl")
        return decode(data) if data else ""

    def put(self, text: str) -> None:
        if self._floats:
            self._floats[-1].texts.append(text)
        else:
            super().put(text)

    # -- commands

    def command(self, name: str) -> None:
        gullet = self.gullet
        if name == "begin":
            self._begin(source_text(gullet.argument()).strip())
        elif name == "end":
            self._end(source_text(gullet.argument()).strip())
        elif name in _DEPTHS and not self.preamble:
            self._section(name)
        elif name in ("caption", "captionof", "subcaption", "topcaption") and not self.preamble:
            self._caption(name)
        elif name == "item" and not self.preamble:
            self._item()
        elif name in _TITLES:
            gullet.optional()
            title = self.render(gullet.argument())
            self.writer.title = self.writer.title or title
        elif name in ("author", "icmlauthor", "authors"):
            gullet.optional()
            self._authors(gullet.argument())
            if name == "icmlauthor":
                gullet.argument()
        elif name == "date":
            if match := _YEAR.search(self.render(gullet.argument())):
                self.writer.year = int(match[0])
        elif name == "abstract" and (following := gullet.peek()) and following[0] == "{":
            self._abstract(gullet.argument())
        elif name in ("usepackage", "RequirePackage") and self.preamble:
            gullet.optional()
            for package in source_text(gullet.argument()).split(","):
                self._package(package.strip())
        elif name == "newtheorem":
            self._new_theorem()
        elif name in ("twocolumn", "onecolumn"):
            gullet.push(gullet.optional() or [])
        elif name == "appendix" and not self.preamble:
            self._appendix = True
            self._counters["section"] = [0] * 6
        elif name == "bibliography" or (name == "printbibliography" and not self.preamble):
            gullet.optional()
            if name == "bibliography":
                gullet.argument()
            self.flush()
            self._read_bibliography()
        elif name == "bibitem":
            self.flush()
            gullet.optional()
            gullet.argument()
        elif name in (
            "State",
            "Statex",
            "If",
            "For",
            "While",
            "Require",
            "Ensure",
            "Return",
            "Else",
            "EndFor",
            "EndIf",
            "STATE",
        ):
            self.buffer.append(" ; ")
        else:
            super().command(name)

    def _section(self, name: str) -> None:
        gullet = self.gullet
        starred = gullet.star()
        gullet.optional()
        title = self.render(gullet.argument())
        self.flush()
        depth = max(1, _DEPTHS[name] + (1 if self._chapters else 0))
        number = ""
        if not starred and depth < 4 and name != "part":
            counts = self._counters["section"]
            assert isinstance(counts, list)
            counts[depth] += 1
            counts[depth + 1 :] = [0] * (5 - depth)
            told = counts[1 : depth + 1]
            first = chr(64 + min(told[0], 26)) if self._appendix and told[0] else str(told[0])
            number = ".".join([first, *map(str, told[1:])])
            self.number = ("Appendix" if self._appendix else "Section", number)
        if not self._floats:
            self.writer.heading(f"{number} {title}", depth)

    def _caption(self, name: str) -> None:
        gullet = self.gullet
        kind = source_text(gullet.argument()) if name == "captionof" else ""
        gullet.star()
        gullet.optional()
        tokens = gullet.argument()
        opened = self._floats[-1] if self._floats else None
        if opened is None or kind:
            what = "Table" if kind == "table" else "Figure"
            number = self._count(what)
            text = f"{what} {number}: {self.render(tokens)}"
            self.put(text)
            return
        if not opened.number:
            opened.number = self._count(opened.kind)
        self.number = (opened.kind, opened.number)
        opened.captions.append(self.render(tokens))

    def _count(self, kind: str) -> str:
        count = self._counters.get(kind, 0)
        assert isinstance(count, int)
        self._counters[kind] = count + 1
        return str(count + 1)

    def _item(self) -> None:
        given = self.gullet.optional()
        label = self.render(given) if given else ""
        if self._inline:
            self.buffer.append(f" {label} ")
            return
        self.flush()
        name, number = self._lists[-1] if self._lists else ("itemize", 0)
        if self._lists:
            self._lists[-1] = (name, number + 1)
        mark = label or (f"{number + 1}." if name in ("enumerate", "compactenum") else "-")
        self.buffer.append(f"{mark} ")

    def _abstract(self, tokens: list[Token]) -> None:
        text = self.render(tokens)
        self.writer.heading("Abstract")
        self.writer.paragraph(text)
        self.writer.end_abstract()

    def _authors(self, tokens: list[Token]) -> None:
        """Names, where they stand plainly; affiliations, marks and addresses are not names."""
        if len(tokens) > 4000:
            return
        small, parts = Gullet(), [[]]  # type: tuple[Gullet, list[list[Token]]]
        small.push(tokens)
        skipping = False  # after the first line of an author's block
        while (token := small.raw()) is not None:
            if token[0] == "cs" and token[1].lower() in ("and", "\\", "quad", "qquad"):
                skipping = token[1] == "\\" or (skipping and "quad" in token[1])
                parts.append([])
            elif skipping:
                continue
            elif token[0] == "cs" and token[1].lower() in _NO_NAMES:
                small.star()
                small.optional()
                if token[1] != "footnotemark":
                    small.argument()
            elif token[0] == "$":
                while (inner := small.raw()) is not None and inner[0] != "$":
                    continue
            else:
                parts[-1].append(token)
        for part in parts:
            for name in re.split(r",|;|\band\b", self.render([t for t in part if t[0] not in ("{", "}", "^", "_")])):
                plain = re.sub(r"[\d*†‡§¶∗]+", "", name).strip(" .")
                if _PERSON.fullmatch(plain) and not _PLACE.search(plain) and len(self.writer.authors) < 500:
                    self.writer.authors.append(plain)

    def _package(self, package: str) -> None:
        """The macros of a style of the paper's own; what it does besides is not read."""
        source = self._load(f"{package}.sty") if re.fullmatch(r"[\w-]+", package) else None
        if source is None or len(source) > _PACKAGE:
            return
        style = Gullet(self.gullet.fixed)
        try:
            style.push(lex(decode(source)))
        except Unreadable:
            return
        while (token := style.raw()) is not None:
            if token[0] == "cs":
                style.define(token[1])
        for name, macro in style.macros.items():
            if "@" not in name and not any(k == "cs" and "@" in v for k, v in macro.body):
                self.gullet.macros.setdefault(name, macro)

    def _new_theorem(self) -> None:
        gullet = self.gullet
        gullet.star()
        name = source_text(gullet.argument())
        gullet.optional()
        self._theorems[name] = self.render(gullet.argument())
        gullet.optional()

    def _read_bibliography(self) -> None:
        source, self._bbl = self._bbl, ""
        self.writer.heading("References")
        if self.citations.entries:
            for entry in self.citations.entries:
                self.writer.paragraph(self.render(lex(entry)))
        elif source:
            self.gullet.isolated(lex(source))
            self.run()
            self.flush()

    # -- environments

    def _begin(self, name: str) -> None:
        gullet, plain = self.gullet, name.rstrip("*")
        if name == "document":
            self.preamble = False
            return
        if gullet.environment(f"begin {name}"):
            return
        if self.preamble and plain != "abstract":
            return
        if plain in MATH_ENVIRONMENTS:
            self._display(name)
            return
        if name in FLOATS:
            self._begin_float(name)
        if name in TABULARS:
            self._tabular(name)
            if name in FLOATS:
                self._end_float()
            return
        for letter in ENVIRONMENT_SHAPES.get(name, ""):
            if letter == "o":
                gullet.optional()
            else:
                gullet.argument()
        if plain == "abstract":
            self.preamble = False
            self.flush()
            self.writer.heading("Abstract")
        elif name in LISTS:
            self.paragraph_ends()
            self._lists.append((name, 0))
        elif name == "thebibliography":
            self.flush()
            self.writer.heading("References")
        elif plain in self._theorems:
            self._theorem(plain)
        elif name in ("subtable", "subfigure", "minipage") and self._floats:
            self._floats[-1].marks.append((len(self._floats[-1].captions), len(self._floats[-1].grids)))
        elif name in ("center", "quote", "quotation", "appendices", "minipage", "algorithmic"):
            self._appendix = self._appendix or name == "appendices"
            self.paragraph_ends()

    def _end(self, name: str) -> None:
        plain = name.rstrip("*")
        if name == "document":
            self.flush()
            self._done = True
            while self.gullet.raw() is not None:
                continue
        elif self.gullet.environment(f"end {name}"):
            return
        elif plain == "abstract":
            self.flush()
            self.writer.end_abstract()
        elif name in LISTS:
            self.paragraph_ends()
            if self._lists:
                self._lists.pop()
        elif self._floats and name == self._floats[-1].name:
            self._end_float()
        elif name in ("subtable", "subfigure", "minipage") and self._floats and self._floats[-1].marks:
            self._end_part(self._floats[-1])
        elif plain in self._theorems or name in (
            "center",
            "quote",
            "quotation",
            "thebibliography",
            "minipage",
            "algorithmic",
        ):
            self.paragraph_ends()

    def _display(self, name: str) -> None:
        ends: Callable[[Token], bool] = lambda token: token == ("cs", "end")  # noqa: E731
        tokens: list[Token] = []
        while True:
            tokens += self.until(ends)
            if self.gullet.peek() is None:
                break
            closing = source_text(self.gullet.argument()).strip()
            if closing == name:
                break
            tokens += [("cs", "end"), ("{", "{"), ("text", closing), ("}", "}")]
        if name.rstrip("*") == "alignat":
            tokens = tokens[3:]
        if not name.endswith("*"):
            self.number = ("Equation", self._count("Equation"))
        self.math(tokens, display=True)

    def _theorem(self, name: str) -> None:
        self.flush()
        given = self.gullet.optional()
        title = self._theorems[name]
        if name != "proof":
            number = self._theorem_numbers[title] = self._theorem_numbers.get(title, 0) + 1
            self.number = (title, str(number))
            title = f"{title} {number}"
        self.buffer.append(f"{title}{f' ({self.render(given)})' if given else ''}. ")

    # -- floats and tables

    def _begin_float(self, name: str) -> None:
        if not self._inline:
            self.flush()
        kind = "Figure" if "fig" in name or "Fig" in name else "Algorithm" if name[:4] in ("algo", "list") else "Table"
        self._floats.append(_Float(name, kind))

    def _end_float(self) -> None:
        if not self._inline:
            self.flush()
        opened = self._floats.pop()
        caption = " ".join(opened.captions)
        label = f"{opened.kind} {opened.number}" if opened.number else opened.kind
        table = label if opened.kind == "Table" else f"Table {opened.kind}-{opened.number}"  # one that a figure shows
        table = table if opened.number else _UNNUMBERED
        for at, (grid, own) in enumerate(opened.grids, 1):
            if self._floats:
                self._floats[-1].grids.append((grid, own))
            else:
                self.writer.table(grid, f"{own} {caption}", self.writer.part(table, at, len(opened.grids) > 1))
        if not opened.grids and caption:
            self.put(f"{label}: {caption}" if opened.number else caption)
        elif self._floats and caption:
            self._floats[-1].captions.append(caption)
        for text in opened.texts:
            self.put(text)

    def _end_part(self, opened: _Float) -> None:
        """A caption of a part of a float belongs to the part's tables."""
        captions, grids = opened.marks.pop()
        if own := " ".join(opened.captions[captions:]):
            if len(opened.grids) > grids:
                del opened.captions[captions:]
            opened.grids[grids:] = [(grid, own) for grid, _ in opened.grids[grids:]]

    def _tabular(self, name: str) -> None:
        grid = read_tabular(self, name, lambda found: found == name)
        if grid.empty:
            return
        if self._inline:
            self.buffer.append(" ".join(" ".join(c.text for c in row if c.text) for row in grid.rows))
        elif self._floats:
            self._floats[-1].grids.append((grid, ""))
        else:
            self.flush()
            self.writer.table(grid, "", _UNNUMBERED)
