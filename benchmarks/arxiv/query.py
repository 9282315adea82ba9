"""arXiv's query language, as its manual has it: fields, phrases, AND, OR, ANDNOT, parentheses; into SQLite's FTS5.

https://info.arxiv.org/help/api/user-manual.html (5.1). Words without an operator between them are joined by OR, as the
service does. A field holds for the term or the parentheses that follow it.
"""

from __future__ import annotations

import re

FIELDS = {"ti": "title", "au": "authors", "abs": "summary", "cat": "categories", "co": "comment", "all": ""}
_TOKEN = re.compile(r'\s*(?:(\()|(\))|"([^"]*)"|([^\s()":]+:)|([^\s()"]+))')
_MOST = 2000


class Malformed(ValueError):
    """A query that is none."""


def to_fts(query: str) -> str:
    """The FTS5 expression of a query; empty for an empty one. Raises Malformed."""
    if len(query) > 20_000:
        raise Malformed("the query is too long")
    tokens: list[tuple[str, str]] = []
    at = 0
    query = query.strip()
    while at < len(query):
        match = _TOKEN.match(query, at)
        if match is None or match.end() == at:
            raise Malformed(f"cannot read the query at character {at}")
        at = match.end()
        opened, closed, phrase, field, word = match.groups()
        if opened:
            tokens.append(("(", "("))
        elif closed:
            tokens.append((")", ")"))
        elif phrase is not None:
            tokens.append(("term", phrase))
        elif field:
            name = field[:-1].lower()
            if name not in FIELDS:
                raise Malformed(f"there is no field {name}")
            tokens.append(("field", name))
        elif word in ("AND", "OR", "ANDNOT"):
            tokens.append(("op", word))
        else:
            tokens.append(("term", word))
    if len(tokens) > _MOST:
        raise Malformed("the query has too many terms")
    if not tokens:
        return ""
    parser = _Parser(tokens)
    found = parser.expression()
    if parser.at != len(tokens):
        raise Malformed("a parenthesis is closed that was not opened")
    return found


class _Parser:
    """Left to right; AND and ANDNOT bind tighter than OR."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens, self.at, self.field, self.depth = tokens, 0, "all", 0

    def expression(self) -> str:
        parts = [self.conjunction()]
        while (token := self.peek()) is not None and token[0] != ")":
            if token == ("op", "OR"):
                self.at += 1
            parts.append(self.conjunction())
        return parts[0] if len(parts) == 1 else "(" + " OR ".join(parts) + ")"

    def conjunction(self) -> str:
        found = self.factor()
        while (token := self.peek()) is not None and token in (("op", "AND"), ("op", "ANDNOT")):
            self.at += 1
            found = f"({found} {'AND' if token[1] == 'AND' else 'NOT'} {self.factor()})"
        return found

    def factor(self) -> str:
        token = self.peek()
        if token is None:
            raise Malformed("the query ends where a term should be")
        self.at += 1
        if token[0] == "field":
            before, self.field = self.field, token[1]
            found = self.factor()
            self.field = before
            return found
        if token[0] == "(":
            self.depth += 1
            if self.depth > 50:
                raise Malformed("the query is nested too deeply")
            found = self.expression()
            if self.peek() != (")", ")"):
                raise Malformed("a parenthesis is not closed")
            self.at += 1
            self.depth -= 1
            return found
        if token[0] != "term":
            raise Malformed(f"{token[1]} has no term before it")
        return self.term(token[1])

    def term(self, text: str) -> str:
        words = re.findall(r"\w+", text)
        column = FIELDS[self.field]
        if self.field == "cat":
            words = [text.replace(".", "").replace("-", "").rstrip("*").lower()]
        quoted = '"' + " ".join(words) + '"' if words else '"zqnothing"'
        star = "*" if text.endswith("*") and words else ""
        return f"{column} : {quoted}{star}" if column else f"{quoted}{star}"

    def peek(self) -> tuple[str, str] | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None
