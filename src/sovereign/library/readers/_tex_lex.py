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
_TOKEN = re.compile(
    r"""
      (?P<raw>\\begin\s*\{(?P<env>(?:"""
    + _RAW
    + r""")\*?)\}(?P<code>.*?)\\end\s*\{(?P=env)\})
    | (?P<gone>\\begin\s*\{(?P<gone_env>(?:"""
    + _DROPPED
    + r""")\*?)\}.*?\\end\s*\{(?P=gone_env)\})
    | \\(?P<verb>verb|lstinline)\*?(?:\[[^\]]*\])?(?P<bar>[^A-Za-z\s{*])(?P<inner>[^\n]*?)(?P=bar)
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
    for match in _TOKEN.finditer(source.replace("\r\n", "\n").replace("\r", "\n").replace("\f", " ")):
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
        elif kind == "raw":
            code = match["code"]
            if match["env"].rstrip("*") in ("lstlisting", "minted", "Verbatim"):
                code = re.sub(r"\A[ \t]*(?:\[[^\]]*\])?[ \t]*(?:\{[^}]*\})?", "", code)
            add(("raw", code))
        elif match["address"] is not None:  # a percent sign in an address opens no remark
            tokens += [("cs", match["link"]), ("{", "{"), ("text", match["address"]), ("}", "}")]
        elif match["inner"] is not None:
            add(("text", match["inner"]))
    return tokens


def source_text(tokens: list[Token]) -> str:
    """Tokens written back, for keys, names and addresses."""
    return "".join(f"\\{v}" if k == "cs" else "" if k == "par" else f"#{v}" if k == "param" else v for k, v in tokens)
