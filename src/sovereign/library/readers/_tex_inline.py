"""Running text of TeX: words, formulas, accents, citations, notes; what hides or wraps; conditions; parts read in."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import PurePosixPath

from ._decode import decode
from ._paper import Unreadable
from ._tex_cites import Citations, Labels
from ._tex_commands import SHAPES, UNITS
from ._tex_lex import PAR, Token, lex, source_text
from ._tex_macros import Gullet
from ._tex_math import MathReader, scripted
from ._tex_symbols import FUNCTIONS, SIGNS, TEXT_ACCENTS, accented, ding
from ._writer import Writer

Load = Callable[[str], "bytes | None"]
_DEPTH = 60
_MAX_PARTS, _MAX_SOURCE = 500, 24_000_000
_QUOTES = re.compile(r"``|''|---|--|`|'")
_QUOTED = {"``": "“", "''": "”", "---": "—", "--": "–", "`": "‘", "'": "’"}
_CITES = re.compile(r"[a-zA-Z]*[cC]ite[a-zA-Z]*")
_REFS = frozenset("ref cref Cref autoref eqref pageref vref subref Autoref nameref labelcref".split())
_IFS = frozenset(
    """if ifx ifnum ifdim ifcase ifodd ifmmode iftrue iffalse ifdefined ifcsname ifhmode ifvmode ifeof ifcat ifinner
    ifpdf ifxetex ifluatex ifPDFTeX ifvoid""".split()
)
_ACRONYMS = frozenset("ac acs acl acf acp gls glspl Gls Glspl acrshort acrlong acrfull acrshortpl acrlongpl Ac".split())
_INPUTS = frozenset("input include subfile subfileinclude import subimport InputIfFileExists @input".split())
#: Commands that keep our meaning whatever a paper or its style redefines.
KEPT = frozenset(
    """section subsection subsubsection paragraph subparagraph chapter part caption label ref cite citet citep begin
    end item title author date abstract footnote footnotetext input include bibliography bibitem maketitle appendix
    documentclass usepackage multicolumn multirow hline toprule midrule bottomrule cmidrule cline textbf textit emph
    texttt url href text frac sqrt left right includegraphics newcommand renewcommand def let thanks and par \\ cref
    Cref autoref eqref tableofcontents subfile import printbibliography mbox textcolor resizebox scalebox
    centering""".split()
)


class InlineReader:
    """Reads tokens into `buffer`; what structures a paper is added in `tex.py`."""

    def __init__(self, load: Load) -> None:
        self.writer = Writer()
        self.gullet = Gullet(KEPT)
        self.labels = Labels()
        self.citations = Citations("")
        self.buffer: list[str] = []
        self.notes: list[str] = []
        self.preamble = True
        self.number = ("", "")  # what a label stands at: (kind, number)
        self._load = load
        self._math = MathReader(self.gullet, self.render, self._in_math)
        self._switches: dict[str, bool] = {}
        self._acronyms: dict[str, tuple[str, str]] = {}
        self._inline = self._parts = self._size = 0

    # -- the loop

    def run(self) -> None:
        """Read up to the end of what was pushed."""
        while (token := self.gullet.next()) is not None:
            kind, value = token
            if kind == "end":
                return
            if kind == "cs":
                self.command(value)
            elif self.preamble:
                continue
            elif kind == "text":
                self.buffer.append(_QUOTES.sub(lambda m: _QUOTED[m[0]], value))
            elif kind == "par":
                self.paragraph_ends()
            elif kind in (" ", "~", "&"):
                self.buffer.append(" ")
            elif kind == "$":
                self._dollar()
            elif kind in ("^", "_"):
                self.buffer.append(value)
            elif kind == "raw":
                self.raw(value)

    def render(self, tokens: list[Token]) -> str:
        """The words of some tokens, as part of a line."""
        self._inline += 1
        if self._inline > _DEPTH:
            raise Unreadable("has groups nested deeper than any that people write", "add the PDF")
        kept, self.buffer, preamble, self.preamble = self.buffer, [], self.preamble, False
        self.gullet.isolated(tokens)
        self.run()
        text = "".join(self.buffer)
        self.buffer, self.preamble = kept, preamble
        self._inline -= 1
        return " ".join(text.split())

    def paragraph_ends(self) -> None:
        """A blank line: the paragraph is written, unless it is part of a line."""
        if self._inline:
            self.buffer.append(" ")
        else:
            self.flush()

    def flush(self) -> None:
        """Write the paragraph so far, and the notes to it."""
        text = "".join(self.buffer)
        self.buffer.clear()
        if text.strip(" -"):
            self.put(text)
        notes, self.notes = self.notes, []
        for note in notes:
            self.put(f"Footnote: {note}")

    def put(self, text: str) -> None:
        """Write a paragraph."""
        self.writer.paragraph(text)

    def raw(self, code: str) -> None:
        """Verbatim text."""
        if self._inline:
            self.buffer.append(code)
        else:
            self.flush()
            self.writer.lines(code.split("\n"))

    # -- formulas

    def _dollar(self) -> None:
        display = self.gullet.peek() == ("$", "$")
        if display:
            self.gullet.raw()
        tokens: list[Token] = []
        depth = 0
        while (token := self.gullet.raw()) is not None:
            if token[0] == "end":
                self.gullet.push([token])
                break
            if token[0] == "$" and depth <= 0:
                if display and self.gullet.peek() == ("$", "$"):
                    self.gullet.raw()
                break
            depth += (token[0] == "{") - (token[0] == "}")
            if token == PAR and not display:
                break  # a dollar that opens nothing
            tokens.append(token)
        self.math(tokens, display)

    def math(self, tokens: list[Token], display: bool = False) -> None:
        """A formula."""
        text = self._math.read(tokens)
        if text.startswith("±") and self.buffer and self.buffer[-1][-1:].isdigit():
            text = f" {text}"
        self.buffer.append(f" {text} " if display else text)

    def until(self, ends: Callable[[Token], bool]) -> list[Token]:
        """The tokens up to one, which is read."""
        tokens: list[Token] = []
        while (token := self.gullet.raw()) is not None and token[0] != "end" and not ends(token):
            tokens.append(token)
        return tokens

    def _in_math(self, name: str) -> str | None:
        if name in _REFS or _CITES.fullmatch(name) or name in SHAPES:
            kept, self.buffer = self.buffer, []
            self.command(name)
            text, self.buffer = "".join(self.buffer), kept
            return text
        return "" if self.aside(name) else None

    # -- commands

    def command(self, name: str) -> None:
        """One command of running text; what it is not is dropped."""
        gullet = self.gullet
        if self.aside(name):
            return
        if self.preamble:
            if name in SHAPES:
                self._shaped(SHAPES[name])
        elif name in SIGNS:
            self.buffer.append(SIGNS[name])
        elif name in TEXT_ACCENTS:
            self.buffer.append(accented(name, self.render(gullet.argument())))
        elif name in SHAPES:
            self._shaped(SHAPES[name] if not (name == "resizebox" and gullet.star()) else "mmK")
        elif name in FUNCTIONS:
            self.buffer.append(name)
        elif name in ("par", "newline", "\\", "tabularnewline", "linebreak"):
            gullet.star()
            if name == "\\":
                gullet.optional()
            self.paragraph_ends() if name == "par" else self.buffer.append(" ")
        elif name in (
            " ",
            ",",
            ";",
            ":",
            ">",
            "quad",
            "qquad",
            "enspace",
            "thinspace",
            "space",
            "hfill",
            "hskip",
            "medspace",
        ):
            self.buffer.append(" ")
        elif name in ("(", "["):
            close = ("cs", ")" if name == "(" else "]")
            self.math(self.until(lambda token: token == close), name == "[")
        elif name == "ensuremath":
            self.math(gullet.argument())
        elif name in ("footnote", "footnotetext", "sidenote", "marginpar", "tablefootnote", "blfootnote"):
            gullet.optional()
            if note := self.render(gullet.argument()):
                self.notes.append(note)
        elif name in _REFS:
            gullet.star()
            self.buffer.append(self.labels.place(name, source_text(gullet.argument())))
        elif _CITES.fullmatch(name):
            self._cite(name)
        elif name in ("textsuperscript", "textsubscript"):
            self.buffer.append(scripted("^" if name == "textsuperscript" else "_", self.render(gullet.argument())))
        elif name in ("url", "path", "nolinkurl"):
            self.buffer.append(source_text(gullet.argument()))
        elif name == "href":
            gullet.optional()
            gullet.argument()
            gullet.push(gullet.argument())
        elif name in ("num", "SI", "qty", "si", "unit", "SIrange", "qtyrange", "numrange", "ang"):
            self._quantity(name)
        elif name == "ding":
            self.buffer.append(ding(source_text(gullet.argument())))
        elif name == "xspace":
            following = gullet.peek()
            if following and (
                following[0] in ("$", "cs") or (following[0] == "text" and following[1][0] not in ".,;:!?)'’-/")
            ):
                self.buffer.append(" ")
        elif name in _ACRONYMS:
            gullet.star()
            key = source_text(gullet.argument())
            short, long = self._acronyms.get(key, (key, key))
            self.buffer.append(long if name in ("acl", "acrlong", "acrlongpl") else short)
            self.buffer.append("s" if name.endswith("pl") or name == "acp" else "")
        elif name in ("diagbox", "backslashbox"):
            self.buffer.append(f"{self.render(gullet.argument())} / {self.render(gullet.argument())}")
        elif name in ("makecell", "shortstack", "thead", "specialcell", "tabincell"):
            gullet.star()
            gullet.optional()
            self.buffer.append(self.render(gullet.argument()))
        elif name == "char":
            gullet.spaces()
        elif name in ("today", "LaTeXe"):
            return

    def aside(self, name: str) -> bool:
        """Definitions, conditions, parts and labels: done wherever they stand; False if `name` is none of these."""
        gullet = self.gullet
        if gullet.define(name):
            return True
        if name.startswith("if") and (name in _IFS or name[2:] in self._switches):
            self._condition(name)
        elif name in ("else", "or"):  # the end of a branch that was read
            self._skip_branch(to_else=False)
        elif name in (
            "fi",
            "expandafter",
            "noexpand",
            "relax",
            "protect",
            "leavevmode",
            "endgroup",
            "begingroup",
            "unskip",
        ):
            return True
        elif name == "newif":
            token = gullet.raw()
            if token and token[0] == "cs":
                self._switches.setdefault(token[1][2:], False)
        elif name.endswith("true") and name[:-4] in self._switches:
            self._switches[name[:-4]] = True
        elif name.endswith("false") and name[:-5] in self._switches:
            self._switches[name[:-5]] = False
        elif name == "ifthenelse":
            test, then = source_text(gullet.argument()), gullet.argument()
            other = gullet.argument()
            switch = re.fullmatch(r"\\boolean(\w+)", test)
            gullet.push(then if switch and self._switches.get(switch[1]) else other)
        elif name in _INPUTS:
            self._input(name)
        elif name == "label":
            self.labels.set(source_text(gullet.argument()), *self.number)
        elif name == "csname":
            tokens = self.until(lambda token: token == ("cs", "endcsname"))
            gullet.push([("cs", source_text(tokens))])
        elif name in ("newacronym", "acro", "acrodef"):
            self._acronym(name)
        else:
            return False
        return True

    def _shaped(self, shape: str) -> None:
        gullet = self.gullet
        kept: list[Token] = []
        for letter in shape:
            if letter == "s":
                gullet.star()
            elif letter == "o":
                gullet.optional()
            elif letter == "m":
                gullet.argument()
            else:
                kept = gullet.argument()
        if kept and not self.preamble:
            gullet.push(kept)

    def _cite(self, name: str) -> None:
        gullet = self.gullet
        gullet.star()
        first = gullet.optional()
        second = gullet.optional() if first is not None else None
        keys = [key.strip() for key in source_text(gullet.argument()).split(",") if key.strip()]
        if name == "nocite" or not keys:
            return
        before = self.render(first) if first and second is not None else ""
        after = self.render(second if second is not None else first or [])
        self.buffer.append(self.citations.cite(name.rstrip("*"), keys, before, after))

    def _quantity(self, name: str) -> None:
        gullet = self.gullet
        gullet.optional()
        numbers = [] if name in ("si", "unit") else [self.render(gullet.argument())]
        if name.endswith("range"):
            numbers.append(self.render(gullet.argument()))
        unit = ""
        if name in ("SI", "qty", "si", "unit", "SIrange", "qtyrange"):
            for kind, value in gullet.argument():
                unit += UNITS.get(value, value) if kind == "cs" else value if kind == "text" else ""
        joined = "–".join(
            number.replace("e", "×10^") if re.fullmatch(r"[\d.]+e[-\d]+", number) else number for number in numbers
        )
        gap = "" if unit in ("%", "°") or not joined or not unit else " "
        self.buffer.append(joined + gap + unit + ("°" if name == "ang" else ""))

    def _acronym(self, name: str) -> None:
        gullet = self.gullet
        if name == "newacronym":
            gullet.optional()
            key, short, long = (source_text(gullet.argument()) for _ in range(3))
        else:
            key = source_text(gullet.argument())
            given = gullet.optional()
            short, long = source_text(given) if given else key, source_text(gullet.argument())
        self._acronyms[key] = (short, long)

    # -- conditions

    def _condition(self, name: str) -> None:
        gullet = self.gullet
        true = name == "iftrue" or self._switches.get(name[2:], False)
        if name == "ifdefined":
            token = gullet.raw()
            true = bool(token and token[0] == "cs" and token[1] in gullet.macros)
        elif name == "ifx":
            left, right = gullet.raw(), gullet.raw()
            true = left == right or bool(
                left and right and left[0] == right[0] == "cs"
                and gullet.macros.get(left[1]) is not None and gullet.macros.get(left[1]) == gullet.macros.get(right[1])
            )  # fmt: skip
        if not true:
            self._skip_branch(to_else=True)

    def _skip_branch(self, to_else: bool) -> None:
        depth = 0
        while (token := self.gullet.raw()) is not None:
            if token[0] == "end":
                self.gullet.push([token])
                return
            if token[0] != "cs":
                continue
            if token[1] in _IFS or (token[1].startswith("if") and token[1][2:] in self._switches):
                depth += 1
            elif token[1] == "fi":
                if depth == 0:
                    return
                depth -= 1
            elif token[1] == "else" and depth == 0 and to_else:
                return

    # -- parts

    def _input(self, name: str) -> None:
        gullet = self.gullet
        folder = source_text(gullet.argument()).strip() if name in ("import", "subimport") else ""
        following = gullet.peek()
        if following and following[0] == "text" and not following[1].startswith("{"):  # \input file
            gullet.raw()
            wanted = following[1]
        else:
            wanted = source_text(gullet.argument()).strip().strip('"')
        if name == "InputIfFileExists":
            gullet.argument(), gullet.argument()
        wanted = f"{folder}/{wanted}" if folder else wanted
        if wanted and (source := self.part(wanted)) is not None:
            gullet.push([*lex(source), (" ", " ")], f"input{{{wanted[:40]}}}")

    def part(self, wanted: str, ending: str = ".tex") -> str | None:
        """The source of a part, if it lies inside the paper's own folder."""
        path = PurePosixPath(wanted.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or wanted.startswith(("~", "|")):
            self.leave_out(f"the part {wanted[:80]!r} lies outside the paper's folder: move it in")
            return None
        self._parts += 1
        data = self._load(str(path) + ending) if path.suffix != ending else None
        data = data if data is not None else self._load(str(path))
        if data is None:
            if ending == ".tex" and path.suffix in ("", ".tex"):
                self.leave_out(f"the part {wanted[:80]!r} is not there: add it to the folder")
            return None
        self._size += len(data)
        if self._parts > _MAX_PARTS or self._size > _MAX_SOURCE:
            raise Unreadable("reads in parts without end", "correct its \\input commands, or add the PDF")
        return decode(data)

    def leave_out(self, reason: str) -> None:
        """Note something that is missing, once, and not more than twenty."""
        if reason not in self.writer.left_out and len(self.writer.left_out) < 20:
            self.writer.left_out.append(reason)
