"""A formula of TeX as one readable line: signs as signs, scripts as ^ and _, fractions as a/b."""

from __future__ import annotations

import re
from collections.abc import Callable

from ._paper import Unreadable
from ._tex_lex import Token, lex
from ._tex_macros import Gullet
from ._tex_symbols import BLACKBOARD, FUNCTIONS, MATH_ACCENTS, SIGNS, SPACED, accented

_DEPTH = 60
_SPACES = frozenset(
    [",", ";", ":", " ", ">", "quad", "qquad", "enspace", "thinspace", "space", "medspace", "hfill", "\n"]
)
_NOTHING = frozenset(
    """! xspace left right big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl Biggr bigm middle displaystyle
    textstyle scriptstyle scriptscriptstyle nonumber notag limits nolimits mathop mathrel mathbin mathord mathopen
    mathclose relax allowbreak boldmath unboldmath centering protect ensuremath smash hphantom vphantom strut
    mathstrut nobreak rm bf it cal mathsurround leavevmode null negthinspace /""".split()
)
_FONTS = frozenset(
    """mathbf mathcal mathrm mathit mathsf mathtt mathfrak mathscr boldsymbol bm bf pmb mathnormal mathds mathbbm
    operatorname underbrace overbrace boxed cancel uline mathlarger fbox hbox""".split()
)
_TEXTS = frozenset(
    "text textrm textbf textit textsf texttt textsc mbox textnormal textup intertext shortintertext".split()
)
_DROP_ONE = frozenset("vspace hspace color phantom mspace hskip kern raisebox rowcolor cellcolor".split())
_FRACTIONS = frozenset("frac dfrac tfrac cfrac nicefrac sfrac".split())
_SIMPLE = re.compile(r"[\w.∞°*′†‡+−-]|[-+−]?[\w.]+")
_HELD = re.compile(r"[\w.∞°′∂∇]+(?:_\w)?|\([^()]*\)|√\w")


def formula(source: str) -> str:
    """A formula given as TeX source, such as the alternative text of a page's formula."""
    gullet = Gullet()
    try:
        return MathReader(gullet, None).read(lex(re.sub(r"(?<!\\)%", "", source)[:20_000]))
    except Unreadable:
        return " ".join(source.split())


def scripted(sign: str, inner: str) -> str:
    """A sub- or superscript as text."""
    inner = inner.strip()
    if not inner:
        return ""
    if inner.startswith(("±", "∓")):
        return f" {inner}"
    if sign == "^":
        if inner in ("∘", "°"):
            return "°"
        if inner in ("th", "st", "nd", "rd", "′", "″") or (
            len(inner) == 1 and not inner.isalnum() and inner not in "+-−"
        ):
            return inner
    return f"{sign}{inner}" if _SIMPLE.fullmatch(inner) else f"{sign}{{{inner}}}"


def held(inner: str) -> str:
    """A part of a fraction or under a root, in brackets where it is more than one thing."""
    inner = inner.strip()
    return inner if _HELD.fullmatch(inner) else f"({inner})"


class MathReader:
    """Reads formulas from a gullet. `text` reads the words inside \\text; `other` a command that is none of ours."""

    def __init__(
        self,
        gullet: Gullet,
        text: Callable[[list[Token]], str] | None,
        other: Callable[[str], str | None] | None = None,
    ) -> None:
        self._gullet = gullet
        self._text = text or self.read
        self._other = other
        self._depth = 0

    def read(self, tokens: list[Token]) -> str:
        """The line of a formula."""
        self._depth += 1
        if self._depth > _DEPTH:
            raise Unreadable("has a formula nested deeper than any that people write", "add the PDF")
        self._gullet.isolated(tokens)
        parts: list[str] = []
        while (token := self._gullet.next()) is not None and token[0] != "end":
            self._one(token, parts)
        self._depth -= 1
        line = " ".join("".join(parts).split())
        return re.sub(r"(?<=[(\[{]) | (?=[)\]},.;])", "", line).strip()

    def _argument(self) -> str:
        return self.read(self._gullet.argument())

    def _one(self, token: Token, parts: list[str]) -> None:
        kind, value = token
        if kind in ("text", "raw"):
            parts.append(value)
        elif kind in ("^", "_"):
            self._gullet.spaces()
            parts.append(scripted(kind, self._argument()))
        elif kind in (" ", "par", "~", "&"):
            parts.append(" ")
        elif kind == "cs":
            self._command(value, parts)

    def _command(self, name: str, parts: list[str]) -> None:
        gullet = self._gullet
        if name in SIGNS:
            parts.append(f" {SIGNS[name]} " if name in SPACED else SIGNS[name])
        elif name in FUNCTIONS:
            before = parts[-1][-1:] if parts else ""
            following = gullet.peek()
            after = (
                " "
                if following and (following[0] == "cs" or (following[0] == "text" and following[1][0].isalnum()))
                else ""
            )
            parts.append((" " if before.isalnum() else "") + name + after)
        elif name in _SPACES:
            parts.append(" ")
        elif name in ("left", "right", "middle", "bigl", "bigr"):
            following = gullet.peek()
            if following and following[0] == "text" and following[1].startswith("."):
                gullet.argument()
        elif name in _NOTHING:
            return
        elif name in _FONTS:
            if name == "operatorname":
                gullet.star()
                parts.append(" ")
            parts.append(self._argument())
            following = gullet.peek() if name == "operatorname" else None
            if following and (following[0] == "cs" or (following[0] == "text" and following[1][0].isalnum())):
                parts.append(" ")
        elif name == "mathbb":
            inner = self._argument()
            parts.append(BLACKBOARD.get(inner, inner))
        elif name in _TEXTS:
            parts.append(self._text(gullet.argument()))
        elif name in MATH_ACCENTS:
            parts.append(accented(name, self._argument()))
        elif name in _FRACTIONS:
            above = self._argument()
            parts.append(f"{held(above)}/{held(self._argument())}")
        elif name == "sqrt":
            degree = gullet.optional()
            inner = held(self._argument())
            parts.append(f"√{inner}" if degree is None else f"{inner}^{{1/{self.read(degree)}}}")
        elif name in ("binom", "dbinom", "tbinom"):
            above = self._argument()
            parts.append(f"({above} choose {self._argument()})")
        elif name in ("overset", "stackrel", "underset"):
            over, base = self._argument(), self._argument()
            parts.append(base + scripted("_" if name == "underset" else "^", over))
        elif name == "not":
            parts.append(self._argument() + "\u0338")
        elif name == "substack":
            parts.append(self._argument())
        elif name in ("\\", "cr", "newline", "tabularnewline"):
            gullet.optional()
            parts.append(" ; ")
        elif name == "tag":
            gullet.star()
            parts.append(f" ({self._argument()})")
        elif name in ("begin", "end"):
            environment = "".join(v for _, v in gullet.argument()).rstrip("*")
            if name == "begin" and environment in ("array", "alignedat", "alignat", "subarray"):
                gullet.optional()
                gullet.argument()
            parts.append(" ")
        elif name in _DROP_ONE:
            gullet.star()
            gullet.optional()
            gullet.argument()
        elif name == "textcolor":
            gullet.argument()
            parts.append(self._argument())
        elif name in ("pmod", "bmod"):
            parts.append(f" (mod {self._argument()})" if name == "pmod" else " mod ")
        elif name == "label" and self._other is None:
            gullet.argument()
        elif self._other is not None and (found := self._other(name)) is not None:
            parts.append(found)
        else:
            parts.append(f"\\{name} " if name[0].isalpha() else name)
