"""What a script prints, as text that is safe to show: whole lines, bounded, without control characters."""

from __future__ import annotations

_LINE_BYTES = 4096
_HELD_LINES = 256


def printable(text: bytes) -> str:
    """Text without the control characters by which it could write over a terminal."""
    return "".join(
        c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text.decode("utf-8", "replace")
    )


class Lines:
    """Lines as they come in. Of a flood between two looks only the last are kept; a line without end is cut."""

    def __init__(self) -> None:
        self._held: list[str] = []
        self._partial = b""

    def add(self, data: bytes) -> None:
        """Take what was printed next."""
        *whole, self._partial = (self._partial + data).split(b"\n")
        self._held += [printable(line[:_LINE_BYTES]) for line in whole[-_HELD_LINES:]]
        del self._held[:-_HELD_LINES]
        self._partial = self._partial[:_LINE_BYTES]

    def take(self, *, all_of_it: bool = False) -> tuple[str, ...]:
        """The lines since the last call; with `all_of_it` also one that did not end."""
        if all_of_it and self._partial:
            self._held.append(printable(self._partial))
            self._partial = b""
        taken, self._held = tuple(self._held), []
        return taken
