"""TeX source into tokens. Verbatim text is one token; pictures and comments are none.

A token is (kind, value): `cs` a command without its backslash, `text` a run of letters and signs, ` ` a space, `par` a
blank line, `param` a parameter's number, `raw` verbatim text, and each of `{ } $ & # ^ _ ~` as itself.
"""

from __future__ import annotations

import re

Token = tuple[str, str]

_RAW = "verbatim|Verbatim|lstlisting|minted|alltt|BVerbatim|LVerbatim|spverbatim|code"
_DROPPED = (
    "comment|tikzpicture|pgfpicture|filecontents|CCSXML|picture|asy|forest|tikzcd|overpic|pspicture|axis|chronology|"
    "tikz-cd|dot2tex|feynman|fmffile|circuitikz|wordcloud"
)
_RAW_NAMES = frozenset(_RAW.split("|"))
_TOKEN = re.compile(
    r"""
      \\begin\s*\{(?P<env>(?:"""
    + f"{_RAW}|{_DROPPED}"
    + r""")\*?)\}
    | \\(?P<verb>verb|lstinline)\*?(?:\[[^\]\n]*\])?(?P<bar>[^A-Za-z\s{*])(?P<inner>[^\n]{0,2000}?)(?P=bar)
    | \\(?P<link>url|path|nolinkurl|href)[ \t]*\{(?P<address>[^{}\n]*)\}
    | (?P<paragraph>%[^\n]*\n(?:[ \t]*\n)+[ \t]*|[ \t]*\n[ \t]*(?:\n[ \t]*)+)
    | (?P<comment>%[^\n]*(?:\n[ \t]*)?)
    | \\(?P<word>[A-Za-z@]+)[ \t]*(?:\n(?![ \t]*\n)[ \t]*)?
    | \\(?P<sign>.|\n)
    | (?P<space>[ \t\n]+)
    | \#(?P<param>\d)
    | (?P<special>[{}$&\#^_~])
    | (?P<text>[^\\%{}$&\#^_~ \t\n]+)
    """,
    re.X | re.S,
)
SPACE: Token = (" ", " ")
PAR: Token = ("par", "")


def lex(source: str) -> list[Token]:
    """The tokens of some TeX."""
    tokens: list[Token] = []
    add = tokens.append
    source = source.replace("\r\n", "\n").replace("\r", "\n").replace("\f", " ")
    at, open_ended = 0, set[str]()
    while match := _TOKEN.match(source, at):
        at = match.end()
        kind = match.lastgroup
        if kind == "text":
            add(("text", match[0]))
        elif kind == "space":
            add(SPACE)
        elif kind == "word":
            add(("cs", match["word"]))
        elif kind == "special":
            add((match[0], match[0]))
        elif kind == "sign":
            add(("cs", " " if match["sign"] == "\n" else match["sign"]))
        elif kind == "paragraph":
            add(PAR)
        elif kind == "param":
            add(("param", match["param"]))
        elif kind == "env":
            end = -1 if match["env"] in open_ended else source.find(f"\\end{{{match['env']}}}", at)
            if end < 0:  # never closed: there is none further on either
                open_ended.add(match["env"])
                tokens += [("cs", "begin"), ("{", "{"), ("text", match["env"]), ("}", "}")]
                continue
            name, code = match["env"].rstrip("*"), source[at:end]
            at = end + len(match["env"]) + 6
            if name in ("lstlisting", "minted", "Verbatim"):
                code = re.sub(r"\A[ \t]*(?:\[[^\]]*\])?[ \t]*(?:\{[^}]*\})?", "", code)
            if name in _RAW_NAMES:
                add(("raw", code))
        elif match["address"] is not None:  # a percent sign in an address opens no remark
            tokens += [("cs", match["link"]), ("{", "{"), ("text", match["address"]), ("}", "}")]
        elif match["inner"] is not None:
            add(("text", match["inner"]))
    return tokens


def source_text(tokens: list[Token]) -> str:
    """Tokens written back, for keys, names and addresses."""
    return "".join(f"\\{v}" if k == "cs" else "" if k == "par" else f"#{v}" if k == "param" else v for k, v in tokens)
