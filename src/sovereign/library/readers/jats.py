"""JATS and NXML, as PubMed Central and publishers give papers. Entities, DTDs and the network stay off."""

from __future__ import annotations

import re
from typing import Any

from ._formats import JATS
from ._identity import doi
from ._inline import Inline, local
from ._markup_table import read_table
from ._paper import Paper, Unreadable
from ._writer import Writer

_SKIPPED = frozenset(
    """graphic inline-graphic media supplementary-material object-id alt-text long-desc permissions processing-meta
    related-article related-object email""".split()
)
_DEPTH = 60


def parse_xml(data: bytes) -> Any:
    """The root of an XML document.

    Raises:
        Unreadable: it is malformed, or declares entities of its own (a bomb, or a way to other files).
    """
    from lxml import etree

    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False, remove_pis=True,
        remove_comments=True,
    )  # fmt: skip
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        if re.search(r"entit", str(error), re.I) and b"<!ENTITY" in data[:100_000]:
            raise _entities() from error
        raise Unreadable(f"is not well-formed XML ({str(error)[:160]})", "fetch it again, or add the PDF") from error
    except ValueError as error:
        raise Unreadable(f"is XML that we cannot parse ({str(error)[:160]})", "convert it to UTF-8") from error
    subset = root.getroottree().docinfo.internalDTD
    if subset is not None and any(True for _ in subset.iterentities()):
        raise _entities()
    return root


def read_jats(data: bytes) -> Paper:
    """The paper in a JATS document.

    Raises:
        Unreadable: it is no JATS, malformed, or without text.
    """
    root = parse_xml(data)
    article = root if local(root) == "article" else next((e for e in root.iter() if local(e) == "article"), None)
    if article is None:
        raise Unreadable(f"is XML with the root <{local(root)}>, and no JATS", "add the paper as HTML, PDF or text")
    others = sum(local(e) == "article" for e in root.iter()) - 1 if root is not article else 0
    paper = _Reader().read(article)
    if others > 0 and not paper.left_out:
        from dataclasses import replace

        return replace(paper, left_out=(f"{others} further articles of this file: split it, one article a file",))
    return paper


class _Reader:
    def __init__(self) -> None:
        self.writer = Writer()
        self._notes: list[str] = []
        self._inline = Inline(self._aside)

    def read(self, article: Any) -> Paper:
        front = _child(article, "front")
        meta = _child(front, "article-meta") if front is not None else None
        if meta is not None:
            self._card(meta)
            for abstract in (e for e in meta if local(e) == "abstract"):
                if abstract.get("abstract-type") not in ("graphical", "toc"):
                    self.writer.heading(self._title(abstract) or "Abstract")
                    self._blocks(abstract, 1)
        body = _child(article, "body")
        self.writer.end_abstract()
        if body is not None:
            self._blocks(body, 0)
        for part in ("back", "floats-group"):
            if (found := _child(article, part)) is not None:
                self._blocks(found, 0)
        if body is None or not "".join(body.itertext()).strip():
            self.writer.text_level = "abstract"
        if self.writer.empty:
            raise Unreadable("is JATS without an abstract and a body", "add the paper as PDF or HTML")
        return self.writer.paper(JATS.reader)

    def _card(self, meta: Any) -> None:
        writer = self.writer
        for element in meta:
            name = local(element)
            if name == "title-group":
                title, sub = _child(element, "article-title"), _child(element, "subtitle")
                writer.title = self._inline.text(title) if title is not None else ""
                writer.title += f": {self._inline.text(sub)}" if sub is not None else ""
            elif name == "article-id":
                kind, value = element.get("pub-id-type"), "".join(element.itertext()).strip()
                if kind == "doi" and (own := doi(value)):
                    writer.ids["doi"] = own
                elif kind in ("pmc", "pmcid") and (number := re.fullmatch(r"(?:PMC)?(\d{4,9})", value)):
                    writer.ids["pmc"] = f"PMC{number[1]}"
                elif kind == "pmid" and value.isdigit():
                    writer.ids["pmid"] = value
            elif name == "pub-date":
                year = _child(element, "year")
                if year is not None and re.fullmatch(r"[12]\d{3}", (year.text or "").strip()):
                    told = int((year.text or "").strip())
                    writer.year = min(writer.year or told, told)
            elif name == "contrib-group":
                for contrib in element:
                    if local(contrib) == "contrib" and contrib.get("contrib-type") in (None, "author"):
                        writer.authors.append(_person(contrib))

    def _title(self, element: Any) -> str:
        title, label = _child(element, "title"), _child(element, "label")
        words = self._inline.text(title) if title is not None else ""
        number = "".join(label.itertext()).strip() if label is not None and local(element) != "abstract" else ""
        return f"{number} {words}".strip()

    def _blocks(self, parent: Any, depth: int) -> None:
        """The blocks of an element in order; `depth` is that of its heading."""
        if depth > _DEPTH:
            self.writer.paragraph(" ".join(parent.itertext()))
            return
        for element in parent:
            self._block(element, depth)

    def _block(self, element: Any, depth: int) -> None:
        name = local(element)
        if not name or name in _SKIPPED or name in ("title", "label"):
            return
        if name in ("sec", "app", "ack", "notes", "glossary", "bio"):
            if title := self._title(element) or {"ack": "Acknowledgements"}.get(name, ""):
                self.writer.heading(title, depth + 1)
            self._blocks(element, depth + 1)
        elif name == "ref-list":
            self._references(element)
        elif name == "table-wrap":
            self._table(element)
        elif name == "fig":
            self.writer.paragraph(f"{self._caption(element)}")
        elif name == "list":
            for item in element:
                if local(item) == "list-item":
                    self._item(item, depth)
        elif name == "def-list":
            for item in element:
                term, meaning = _child(item, "term"), _child(item, "def")
                if term is not None and meaning is not None:
                    self._paragraph(f"- {self._inline.text(term)}: {self._inline.text(meaning)}")
        elif name in ("p", "disp-formula", "verse-group", "attrib", "preformat", "code", "statement"):
            self._mixed(element, depth)
        else:
            self._blocks(element, depth + 1 if name == "app-group" else depth)

    def _item(self, item: Any, depth: int) -> None:
        first = True
        for element in item:
            if local(element) == "p":
                self._mixed(element, depth, "- " if first else "")
                first = False
            elif local(element) not in ("label", "title"):
                self._block(element, depth + 1)

    def _mixed(self, element: Any, depth: int, prefix: str = "") -> None:
        """A paragraph; tables, figures and lists inside it come after the words before them."""
        words = [prefix, element.text or ""]
        for child in element:
            if local(child) in ("table-wrap", "fig", "fig-group", "list", "def-list", "disp-quote", "boxed-text"):
                self._paragraph("".join(words))
                words = []
                self._block(child, depth)
            else:
                words.append(self._inline.one(child))
            words.append(child.tail or "")
        self._paragraph("".join(words))

    def _paragraph(self, text: str) -> None:
        if text.strip(" -"):
            self.writer.paragraph(text)
        for note in self._notes:
            self.writer.paragraph(f"Footnote: {note}")
        self._notes = []

    def _table(self, wrap: Any) -> None:
        label = _child(wrap, "label")
        name = "".join(label.itertext()) if label is not None else ""
        caption = _child(wrap, "caption")
        words = self._inline.text(caption) if caption is not None else ""
        tables = [e for e in wrap.iter() if local(e) == "table"]
        for number, table in enumerate(tables):
            grid = read_table(table, self._inline.text)
            if not grid.empty:
                self.writer.table(grid, words, self.writer.part(name, number + 1, len(tables) > 1))
        if not tables:
            self.writer.paragraph(f"{name}: {words}")
        if (foot := _child(wrap, "table-wrap-foot")) is not None:
            self._paragraph(self._inline.text(foot))

    def _caption(self, fig: Any) -> str:
        label, caption = _child(fig, "label"), _child(fig, "caption")
        words = self._inline.text(caption) if caption is not None else ""
        return f"{''.join(label.itertext()).rstrip('.: ')}: {words}" if label is not None else words

    def _references(self, element: Any) -> None:
        for ref in element.iter():
            if local(ref) == "ref":
                parts = [e for e in ref if local(e) != "label"]
                text = " ".join(" ".join(" ".join(part.itertext()).split()) for part in parts)
                if text:
                    self.writer.references.append(text)

    def _aside(self, element: Any) -> str | None:
        name = local(element)
        if name in _SKIPPED:
            return ""
        if name == "fn":
            self._notes.append(self._inline.text(element))
            return ""
        if name == "alternatives":
            # The same thing several times: words before a formula's tree, that before its TeX, pictures never.
            kinds = {local(child): child for child in reversed(list(element))}
            best = next((kinds[k] for k in ("textual-form", "math", "tex-math", "table") if k in kinds), None)
            return self._inline.one(best) if best is not None else ""
        if name == "tex-math":
            from ._tex_math import formula

            source = "".join(element.itertext())
            inner = re.search(r"\\begin\{document\}(.*?)\\end\{document\}", source, re.S)
            return formula((inner[1] if inner else source).strip().strip("$"))
        return None


def _child(parent: Any, name: str) -> Any:
    return next((child for child in parent if local(child) == name), None)


def _person(contrib: Any) -> str:
    for element in contrib.iter():
        if local(element) in ("name", "string-name"):
            given, last = _child(element, "given-names"), _child(element, "surname")
            if last is not None:
                return " ".join("".join(e.itertext()).strip() for e in (given, last) if e is not None)
            return " ".join("".join(element.itertext()).split())
        if local(element) == "collab":
            return " ".join("".join(element.itertext()).split())
    return ""


def _entities() -> Unreadable:
    return Unreadable(
        "declares entities of its own, which can grow without end or read other files", "resolve them if you trust it"
    )
