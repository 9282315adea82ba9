"""A strict reading of our pages: balanced tags, ids, links, headings, text."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"meta", "link", "br", "hr", "img", "input"}
_SELF_CLOSING = {"use", "path", "circle", "rect"}


@dataclass
class Tag:
    name: str
    attributes: dict[str, str | None]
    text: str = ""


@dataclass
class Page(HTMLParser):
    """Parses at once; `faults` lists tags that do not close in order and attributes given twice."""

    source: str
    tags: list[Tag] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    _open: list[Tag] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.feed(self.source)
        self.close()
        self.faults += [f"<{tag.name}> is never closed" for tag in self._open]

    def handle_starttag(self, name: str, pairs: list[tuple[str, str | None]]) -> None:
        if len({key for key, _ in pairs}) != len(pairs):
            self.faults.append(f"<{name}> has an attribute twice")
        tag = Tag(name, dict(pairs))
        self.tags.append(tag)
        if name not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, name: str, pairs: list[tuple[str, str | None]]) -> None:
        if name not in _SELF_CLOSING:
            self.faults.append(f"<{name}/> is not self-closing in HTML")
        self.tags.append(Tag(name, dict(pairs)))

    def handle_endtag(self, name: str) -> None:
        if not self._open or self._open[-1].name != name:
            self.faults.append(f"</{name}> closes {self._open[-1].name if self._open else 'nothing'}")
        else:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        for tag in self._open:
            tag.text += data

    def named(self, *names: str) -> list[Tag]:
        return [tag for tag in self.tags if tag.name in names]

    @property
    def ids(self) -> list[str]:
        return [value for tag in self.tags if (value := tag.attributes.get("id"))]

    @property
    def links(self) -> list[str]:
        return [tag.attributes["href"] or "" for tag in self.tags if "href" in tag.attributes]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())
