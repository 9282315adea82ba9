"""The stack of tokens that TeX is read from, with the author's own macros expanded under a budget."""

from __future__ import annotations

from dataclasses import dataclass

from ._paper import Unreadable
from ._tex_lex import PAR, SPACE, Token

MAX_EXPANSIONS, MAX_TOKENS = 300_000, 4_000_000
_MAX_STACK = 3_000_000
_DELIMITED = 4000
_NO: Token = ("end", "")


@dataclass(slots=True)
class Macro:
    """What a command stands for: its body, and its parameters as TeX reads them."""

    body: list[Token]
    arguments: int = 0
    default: list[Token] | None = None
    pattern: list[Token] | None = None  # of \def: what stands between and around the parameters
    kinds: str = ""  # of \NewDocumentCommand: one letter per parameter


class Gullet:
    """Hands out tokens with macros expanded. `fixed` are commands that no redefinition changes."""

    def __init__(self, fixed: frozenset[str] = frozenset()) -> None:
        self.macros: dict[str, Macro] = {}
        self.fixed = fixed
        self._stack: list[Token] = []
        self._expansions = self._pushed = 0

    def push(self, tokens: list[Token], of: str = "") -> None:
        """Put tokens in front of what is still to be read.

        Raises:
            Unreadable: there are more of them than any paper has.
        """
        self._pushed += len(tokens)
        if self._pushed > MAX_TOKENS or len(self._stack) + len(tokens) > _MAX_STACK:
            what = f"its macro \\{of[:40]} grows without end" if of else "it reads itself in, or is far too long"
            raise Unreadable(f"cannot be expanded: {what}", "correct the macro, or add the PDF")
        self._stack.extend(reversed(tokens))

    def raw(self) -> Token | None:
        """The next token as it stands, or None at the end."""
        return self._stack.pop() if self._stack else None

    def next(self) -> Token | None:
        """The next token that is no macro of the author's."""
        while self._stack:
            token = self._stack.pop()
            if token[0] != "cs":
                return token
            macro = self.macros.get(token[1])
            if macro is None or token[1] in self.fixed:
                return token
            self._expand(token[1], macro)
        return None

    def _expand(self, name: str, macro: Macro) -> None:
        self._expansions += 1
        if self._expansions > MAX_EXPANSIONS:
            raise Unreadable(
                f"cannot be expanded: its macro \\{name[:40]} calls itself without end",
                "correct the macro, or add the PDF",
            )
        arguments = self._arguments(macro)
        if not arguments:
            self.push(macro.body, name)
            return
        body: list[Token] = []
        for token in macro.body:
            if token[0] == "param" and 0 < int(token[1]) <= len(arguments):
                body += arguments[int(token[1]) - 1]
                if len(body) > MAX_TOKENS:
                    break
            else:
                body.append(token)
        self.push(body, name)

    def _arguments(self, macro: Macro) -> list[list[Token]]:
        if macro.kinds:
            return [self._by_kind(kind) for kind in macro.kinds]
        if macro.pattern is not None:
            return self._delimited(macro.pattern)
        found: list[list[Token]] = []
        if macro.default is not None:
            given = self.optional()
            found.append(macro.default if given is None else given)
        while len(found) < macro.arguments:
            found.append(self.argument())
        return found

    def _by_kind(self, kind: str) -> list[Token]:
        if kind == "s":
            return [("text", "*")] if self.star() else []
        if kind in "oOdD":
            return self.optional() or []
        return self.argument()

    def _delimited(self, pattern: list[Token]) -> list[list[Token]]:
        found: list[list[Token]] = []
        for at, token in enumerate(pattern):
            following = pattern[at + 1] if at + 1 < len(pattern) else _NO
            if token[0] != "param":
                if at == 0 or pattern[at - 1][0] != "param":
                    self._skip(token)
            elif following[0] in ("param", "end"):
                found.append(self.argument())
            else:
                found.append(self._until(following))
        return found

    def _skip(self, wanted: Token) -> None:
        token = self.raw()
        if token is not None and token != wanted:
            self._stack.append(token)

    def _until(self, stop: Token) -> list[Token]:
        taken: list[Token] = []
        depth = 0
        while (token := self.raw()) is not None and len(taken) < _DELIMITED:
            depth += (token[0] == "{") - (token[0] == "}")
            if token == stop and depth <= 0:
                return taken
            if token[0] == stop[0] == "text" and depth <= 0 and stop[1] in token[1]:
                before, _, after = token[1].partition(stop[1])
                if after:
                    self._stack.append(("text", after))
                return [*taken, ("text", before)] if before else taken
            taken.append(token)
        return taken

    def environment(self, name: str) -> bool:
        """Expand an environment of the author at its beginning or end (`begin X`, `end X`); False if it is none."""
        macro = self.macros.get(name)
        if macro is not None:
            self._expand(name, macro)
        return macro is not None

    # -- arguments

    def spaces(self) -> None:
        """Read over spaces."""
        while self._stack and self._stack[-1][0] in (" ", "par") and self._stack[-1] != PAR:
            self._stack.pop()

    def peek(self) -> Token | None:
        """The token that is next, without reading it."""
        return self._stack[-1] if self._stack else None

    def star(self) -> bool:
        """Whether a star follows; it is read."""
        if self._stack and self._stack[-1][0] == "text" and self._stack[-1][1].startswith("*"):
            rest = self._stack.pop()[1][1:]
            if rest:
                self._stack.append(("text", rest))
            return True
        return False

    def argument(self) -> list[Token]:
        """The next argument: a group without its braces, or one token (of a run of text, one sign)."""
        self.spaces()
        token = self.raw()
        if token is None:
            return []
        if token[0] == "{":
            return self.group()
        if token[0] in ("}", "end") or token == PAR:
            self._stack.append(token)
            return []
        if token[0] == "text" and len(token[1]) > 1:
            self._stack.append(("text", token[1][1:]))
            return [("text", token[1][0])]
        return [token]

    def group(self) -> list[Token]:
        """The tokens up to the brace that closes one already read."""
        taken: list[Token] = []
        depth = 1
        while (token := self.raw()) is not None:
            if token[0] == "{":
                depth += 1
            elif token[0] == "}":
                depth -= 1
                if depth == 0:
                    break
            elif token[0] == "end":
                self._stack.append(token)
                break
            taken.append(token)
        return taken

    def optional(self) -> list[Token] | None:
        """An optional argument in square brackets, or None where there is none."""
        at = len(self._stack) - 1
        while at >= 0 and self._stack[at] == SPACE:
            at -= 1
        if at < 0 or self._stack[at][0] != "text" or not self._stack[at][1].startswith("["):
            return None
        del self._stack[at + 1 :]
        rest = self._stack.pop()[1][1:]
        if rest:
            self._stack.append(("text", rest))
        taken: list[Token] = []
        depth = 0
        while (token := self.raw()) is not None:
            if token[0] == "end" or (token == PAR and depth == 0 and len(taken) > 400):
                self._stack.append(token)
                break
            depth += (token[0] == "{") - (token[0] == "}")
            if token[0] == "text" and depth == 0 and "]" in token[1]:
                before, _, after = token[1].partition("]")
                if before:
                    taken.append(("text", before))
                if after:
                    self._stack.append(("text", after))
                break
            taken.append(token)
        return taken

    def isolated(self, tokens: list[Token]) -> None:
        """Push tokens with an end after them, at which a reader of a part stops."""
        self.push([*tokens, _NO])

    # -- definitions

    def define(self, name: str) -> bool:
        r"""Read the definition that follows a command like \newcommand or \def; False if `name` is none of these."""
        if name in ("newcommand", "renewcommand", "providecommand", "DeclareRobustCommand", "newcommandx"):
            self._newcommand()
        elif name in ("def", "gdef", "edef", "xdef"):
            self._def()
        elif name == "let":
            self._let()
        elif name in ("DeclareMathOperator", "DeclareMathOperatorX"):
            self.star()
            command, body = self._command(), self.argument()
            self._keep(command, Macro([("cs", "operatorname"), ("{", "{"), *body, ("}", "}")]))
        elif name in ("NewDocumentCommand", "RenewDocumentCommand", "ProvideDocumentCommand", "DeclareDocumentCommand"):
            command = self._command()
            kinds = "".join(v for k, v in self.argument() if k == "text")
            self._keep(command, Macro(self.argument(), kinds="".join(k for k in kinds if k in "msoO")[:9]))
        elif name in ("newenvironment", "renewenvironment"):
            self.star()
            environment = "".join(v for _, v in self.argument())
            arguments, default = self._numbers()
            begin, end = self.argument(), self.argument()
            self._keep(f"begin {environment}", Macro(begin, arguments, default))
            self._keep(f"end {environment}", Macro(end))
        else:
            return False
        return True

    def _newcommand(self) -> None:
        self.star()
        command = self._command()
        arguments, default = self._numbers()
        self._keep(command, Macro(self.argument(), arguments, default))

    def _numbers(self) -> tuple[int, list[Token] | None]:
        number = "".join(v for _, v in self.optional() or [])
        arguments = int(number) if number.isdigit() else 0
        return min(arguments, 9), self.optional() if arguments else None

    def _command(self) -> str:
        named = [v for k, v in self.argument() if k == "cs"]
        return named[0] if named else ""

    def _def(self) -> None:
        command = self.raw()
        pattern: list[Token] = []
        while (token := self.raw()) is not None and token[0] != "{" and len(pattern) < 40:
            if token != SPACE:
                pattern.append(token)
        if token is None or token[0] != "{":
            return
        body = self.group()
        if command and command[0] == "cs":
            plain = all(k == "param" for k, _ in pattern)
            self._keep(command[1], Macro(body, len(pattern) if plain else 0, None, None if plain else pattern))

    def _let(self) -> None:
        command = self.raw()
        self.spaces()
        token = self.raw()
        if token == ("text", "="):
            self.spaces()
            token = self.raw()
        if command and token and command[0] == "cs":
            old = self.macros.get(token[1]) if token[0] == "cs" else None
            self._keep(command[1], old or Macro([token] if token != ("cs", command[1]) else []))

    def _keep(self, name: str, macro: Macro) -> None:
        if name and name not in self.fixed:
            self.macros[name] = macro
