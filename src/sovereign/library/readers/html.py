"""HTML into a paper: arXiv's own (LaTeXML) and ordinary pages. Scripts never run, and what a page hides is not read."""

from __future__ import annotations

import re
from typing import Any

from ._decode import decode
from ._formats import HTML
from ._identity import arxiv_id, doi
from ._inline import Inline, entity_text, local
from ._markup_table import read_table
from ._paper import Paper, Unreadable
from ._writer import Writer

_GONE = frozenset(
    """script style noscript template nav header footer aside form button select input textarea iframe object embed
    canvas audio video dialog svg head menu datalist map area link meta img picture source""".split()
)
_GONE_ROLES = frozenset("navigation banner contentinfo search complementary menu toolbar dialog alert".split())
_GONE_CLASSES = frozenset(
    """navbox toc mw-editsection catlinks printfooter noprint mw-jump-link sidebar breadcrumb breadcrumbs cookie-banner
    vector-header vector-column-start ltx_page_navbar ltx_page_footer ltx_page_logo ltx_TOC ltx_dates sr-only
    visually-hidden share-buttons advertisement hatnote metadata mbox-small navigation-not-searchable ltx_note_mark
    ltx_pagination mw-hidden-catlinks reflist-lower-alpha-hidden ltx_ERROR""".split()
)
_MAIN_CLASSES = ("ltx_document", "mw-parser-output", "article-content", "article-body", "post-content", "entry-content")
_MAIN_IDS = ("mw-content-text", "content", "main", "main-content", "article")
_HIDDEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d]*[1-9])|opacity\s*:\s*0(?![.\d])", re.I
)
_HIDES = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.I)
_MAX_STYLE = 1_000_000
_PARAGRAPHS = frozenset("p dd dt figcaption caption summary address".split())
_CONTAINERS = (
    frozenset(
        """div section article main body html ul ol dl center fieldset details blockquote figure hgroup td th tr tbody
    thead tfoot table menu li pre h1 h2 h3 h4 h5 h6 hr dialog""".split()
    )
    | _PARAGRAPHS
)
_HEADINGS = frozenset("h1 h2 h3 h4 h5 h6".split())
_DEPTH = 200
_ARXIV_PAGE = re.compile(
    r"https?://(?:www\.|export\.)?(?:arxiv\.org/(?:abs|html|pdf)|ar5iv(?:\.labs\.arxiv)?\.org/(?:html|abs))/(\S+)"
)


def read_html(data: bytes, media_type: str = "") -> Paper:
    """The paper in a page.

    Raises:
        Unreadable: the page says nothing, or is nested beyond reason.
    """
    from lxml import etree
    from lxml import html as lxml_html

    text = decode(data, media_type, markup=True)
    text = re.sub(r"\A\s*<\?xml[^>]*\?>", "", text)
    parser = lxml_html.HTMLParser(no_network=True, remove_comments=True, remove_pis=True, huge_tree=False)
    try:
        root = lxml_html.document_fromstring(text, parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
        raise Unreadable(f"is HTML that we cannot parse ({str(error)[:120]})", "add the PDF") from error
    return _Reader(root).read()


class _Reader:
    def __init__(self, root: Any) -> None:
        self._root = root
        self.writer = Writer()
        self._inline = Inline(self._aside)
        self._notes: list[str] = []
        self._pending: list[Any] = []  # tables inside cells, to be read after their own table
        self._top = 1
        self._hidden = {
            name
            for style in root.iter("style")
            for selector, _, says in (rule.rpartition("{") for rule in (style.text or "")[:_MAX_STYLE].split("}"))
            if _HIDES.search(says)
            for name in re.findall(r"(?:^|,)\s{0,9}[a-z]*\.([\w-]+)\s{0,9}(?=,|$)", selector.strip())
        }

    def read(self) -> Paper:
        self._meta()
        main = self._main()
        levels = [int(e.tag[1]) for e in main.iter(*_HEADINGS) if not self._is_title(e)]
        self._top = min(levels, default=1)
        self._walk(main, 0)
        if self.writer.empty:
            raise Unreadable(
                "is a page without text of its own (made by a script, perhaps)", "save it as PDF, or as text"
            )
        abstract = next(iter(self._root.xpath("//blockquote[contains(concat(' ', @class, ' '), ' abstract ')]")), None)
        if abstract is not None and not self._root.xpath("//*[contains(@class, 'ltx_document')]"):
            self.writer.text_level = "abstract"  # the page about a paper, not the paper
        return self.writer.paper(HTML.reader)

    # -- what the page says of itself

    def _meta(self) -> None:
        writer, found = self.writer, {}  # type: Writer, dict[str, list[str]]
        for meta in self._root.iter("meta"):
            name = (meta.get("name") or meta.get("property") or "").lower()
            if meta.get("content"):
                found.setdefault(name, []).append(meta.get("content"))
        for name in ("citation_title", "dc.title", "og:title"):
            writer.title = writer.title or (found.get(name) or [""])[0]
        for heading in self._root.iter("h1"):
            if "ltx_title_document" in (heading.get("class") or ""):
                writer.title = self._inline.text(heading)
        titles = [" ".join(e.text_content().split()) for name in ("h1", "title") for e in self._root.iter(name)]
        # The name of a site after a title is no part of it.
        shorter = next((one for one in titles if len(one) > 3 and one in writer.title), "")
        writer.title = shorter or writer.title or next(filter(None, titles), "")
        for person in found.get("citation_author", []):
            last, _, given = person.partition(",")
            writer.authors.append(f"{given.strip()} {last.strip()}".strip())
        if not writer.authors:
            for person in self._root.xpath("//span[contains(concat(' ', @class, ' '), ' ltx_personname ')]"):
                text = re.sub(r"[\d*†‡§¶∗]+|\^\S*", "", self._inline.text(person))
                writer.authors += [n for n in map(str.strip, re.split(r",|\s&\s|\band\b|\n", text)) if 3 < len(n) < 60]
        for name in (
            "citation_date",
            "citation_publication_date",
            "citation_online_date",
            "dc.date",
            "article:published_time",
        ):
            if writer.year is None and (match := re.search(r"[12]\d{3}", (found.get(name) or [""])[0])):
                writer.year = int(match[0])
        for name in ("citation_doi", "dc.identifier", "prism.doi"):
            if "doi" not in writer.ids and (number := doi((found.get(name) or [""])[0])):
                writer.ids["doi"] = number
        pages = [link.get("href") or "" for link in self._root.iter("link") if link.get("rel") == "canonical"]
        numbers: list[str] = [
            *found.get("citation_arxiv_id", []),
            *(m[1] for p in pages + found.get("og:url", []) if (m := _ARXIV_PAGE.match(p))),
        ]
        if ours := next(filter(None, map(arxiv_id, numbers)), None):
            writer.ids["arxiv"] = ours

    def _main(self) -> Any:
        """The part of the page that is the text: the largest that calls itself so, if it holds a third of the page."""
        body = next(self._root.iter("body"), self._root)
        whole = self._length(body)
        named = [e for e in body.iter() if isinstance(e.tag, str) and self._calls_itself_main(e)]
        named.sort(key=self._length, reverse=True)
        return named[0] if named and self._length(named[0]) * 3 >= whole else body

    def _calls_itself_main(self, element: Any) -> bool:
        classes = (element.get("class") or "").split()
        return (
            element.tag in ("article", "main") or element.get("role") == "main" or element.get("id") in _MAIN_IDS
            or any(name in classes for name in _MAIN_CLASSES)
        )  # fmt: skip

    def _length(self, element: Any) -> int:
        return sum(len(text) for e in element.iter("p", "td", "li", "figcaption") for text in e.itertext())

    # -- what is not read

    def _gone(self, element: Any) -> bool:
        name = element.tag
        if name in _GONE:
            # A page's header or an aside may be a part of an article; there it is read.
            return not (name in ("header", "aside") and any(a.tag == "article" for a in element.iterancestors()))
        if element.get("hidden") is not None or _HIDDEN.search(element.get("style") or ""):
            return True
        if element.get("aria-hidden") == "true" or element.get("role") in _GONE_ROLES:
            return True
        classes = set((element.get("class") or "").split())
        return bool(classes & _GONE_CLASSES or classes & self._hidden)

    def _aside(self, element: Any) -> str | None:
        name = element.tag
        if name == "math":
            return None
        if self._gone(element):
            return ""
        classes = (element.get("class") or "").split()
        if "ltx_note" in classes and "ltx_role_footnote" in classes:
            inner = next((e for e in element.iter() if "ltx_note_content" in (e.get("class") or "").split()), element)
            words = self._inline.text(inner)
            tag = next((e for e in inner.iter() if "ltx_tag_note" in (e.get("class") or "").split()), None)
            self._notes.append(words.strip().removeprefix("".join(tag.itertext()) if tag is not None else "").strip())
            return ""
        if "ltx_tag_note" in classes:
            return ""
        if name == "table":
            self._pending.append(element)
            return " "
        if name == "br":
            return " "
        if name == "q":
            return f"“{self._inline.text(element)}”"
        return None

    # -- blocks

    def _walk(self, parent: Any, depth: int) -> None:
        """The blocks of an element; words between blocks are paragraphs of their own."""
        if depth > _DEPTH:
            self.writer.paragraph(" ".join(parent.itertext()))
            return
        words = [parent.text or ""]
        for element in parent:
            if not isinstance(element.tag, str):
                words.append(entity_text(element))
            elif self._gone(element):
                pass
            elif element.tag in _CONTAINERS or self._holds_blocks(element):
                self._paragraph("".join(words))
                words = []
                self._block(element, depth + 1)
            else:
                words.append(self._inline.one(element))
            words.append(element.tail or "")
        self._paragraph("".join(words))

    def _holds_blocks(self, element: Any) -> bool:
        if element.tag == "math" or "ltx_note" in (element.get("class") or ""):
            return False
        return any(child.tag in _CONTAINERS for child in element.iter(*_CONTAINERS) if child is not element)

    def _block(self, element: Any, depth: int) -> None:
        name, classes = element.tag, set((element.get("class") or "").split())
        if name in _HEADINGS:
            self._heading(element)
        elif "ltx_abstract" in classes:
            self.writer.heading("Abstract")
            for child in element:
                if isinstance(child.tag, str) and child.tag not in _HEADINGS:
                    self._block(child, depth)
            self.writer.end_abstract()
        elif classes & {"ltx_bibliography", "ltx_biblist"} or (name == "ol" and "references" in classes):
            for item in element.iter("li"):
                if text := " ".join(self._inline.text(item).split()).lstrip("^ "):
                    self.writer.references.append(text)
        elif (
            "ltx_authors" in classes
            or "ltx_equationgroup" in classes
            or "ltx_eqn_table" in classes
            or "ltx_equation" in classes
        ):
            if "ltx_authors" not in classes:
                self._formula(element)
        elif name == "table" or (name in ("span", "div") and "ltx_tabular" in classes):
            self._table(element, "", "")
        elif name == "figure" or "ltx_float" in classes:
            self._figure(element, depth)
        elif name == "pre":
            self.writer.lines("".join(element.itertext()).split("\n"))
        elif name == "li":
            self._item(element, depth)
        elif name in _PARAGRAPHS and not any(child.tag in _CONTAINERS for child in element):
            self._paragraph(self._inline.text(element))
        else:
            self._walk(element, depth)

    def _is_title(self, heading: Any) -> bool:
        words = " ".join("".join(heading.itertext()).split())
        return heading.tag == "h1" and bool(words) and words in " ".join(self.writer.title.split())

    def _heading(self, element: Any) -> None:
        if "ltx_title_document" in (element.get("class") or "") or self._is_title(element):
            return
        self.writer.heading(self._inline.text(element), int(element.tag[1]) - self._top + 1)

    def _item(self, element: Any, depth: int) -> None:
        if any(child.tag in _CONTAINERS for child in element.iter(*_CONTAINERS) if child is not element):
            tag = next((e for e in element if "ltx_tag_item" in (e.get("class") or "")), None)
            mark = " ".join("".join(tag.itertext()).split()) if tag is not None else "-"
            if tag is not None:
                tag.drop_tree()
            element.text = f"{mark if mark not in ('•', '–', '') else '-'} {(element.text or '').lstrip()}"
            first = next((e for e in element.iter("p") if not element.text.strip("- \n")), None)
            if first is not None:
                first.text, element.text = element.text.strip() + " " + (first.text or ""), None
            self._walk(element, depth)
        else:
            self._paragraph(f"- {self._inline.text(element)}")

    def _formula(self, element: Any) -> None:
        self._paragraph(" ".join(self._inline.text(element).split()))

    def _paragraph(self, text: str) -> None:
        if text.strip(" \t\r\n-"):
            self.writer.paragraph(text)
        notes, self._notes = self._notes, []
        for note in notes:
            self.writer.paragraph(f"Footnote: {note}")
        tables, self._pending = self._pending, []
        for table in tables:
            self._table(table, "", "")

    def _figure(self, element: Any, depth: int) -> None:
        caption = next((e for e in element if local(e) == "figcaption"), None)
        tables = [
            e for e in element.iter("table", "span", "div") if self._is_table(e) and not self._inside_table(e, element)
        ]
        if not tables:
            if caption is None or any(local(e) in ("figure", "p") for e in element):
                self._walk(element, depth)
            else:
                self._paragraph(self._inline.text(caption))
            return
        words = self._inline.text(caption) if caption is not None else ""
        match = re.match(r"\s*(Table\s+[\w.]+)\s*[:.]?\s*", words)
        for number, table in enumerate(tables):
            label = self.writer.part(match[1], number + 1, len(tables) > 1) if match else ""
            self._table(table, words[match.end() :] if match else words, label)

    def _is_table(self, element: Any) -> bool:
        classes = (element.get("class") or "").split()
        if "ltx_eqn_table" in classes or "ltx_equationgroup" in classes:
            return False
        return element.tag == "table" or "ltx_tabular" in classes

    def _inside_table(self, element: Any, root: Any) -> bool:
        for above in element.iterancestors():
            if above is root:
                return False
            if self._is_table(above):
                return True
        return False

    def _table(self, table: Any, caption: str, label: str) -> None:
        own = next((e for e in table if local(e) == "caption"), None)
        if own is not None and not caption:
            caption = self._inline.text(own)
            if match := re.match(r"\s*(Table\s+[\w.]+)\s*[:.]\s*", caption):
                label, caption = label or match[1], caption[match.end() :]
        rows = [row for row in table.iter("tr") if next(row.iterancestors("table"), None) is table]
        cells = [len([c for c in row if local(c) in ("td", "th")]) for row in rows]
        layout = table.get("role") in ("presentation", "none") or (rows and max(cells, default=0) <= 1)
        layout = layout or (next(table.iter("th"), None) is None and any(t is not table for t in table.iter("table")))
        if layout and "ltx_tabular" not in (table.get("class") or ""):
            for row in rows:
                for cell in row:
                    if isinstance(cell.tag, str) and not self._gone(cell):
                        self._walk(cell, 1)
            return
        held, self._pending = self._pending, []
        grid = read_table(table, self._inline.text)
        inner, self._pending = self._pending, held
        if not grid.empty:
            self.writer.table(grid, caption, label)
        for one in inner:
            self._table(one, "", "")
