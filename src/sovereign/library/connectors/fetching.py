"""One work by its identifier: what services say of it, and its full text where arXiv has one.

A DOI must lead to the paper that it names: services that describe two papers under one DOI, or a text that begins with
another title, are refused. The e-print source comes before the HTML page and that before the PDF, because results live
in tables and formulas, which source and HTML keep.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from sovereign.net import Answer, Client, HostClosed, NetError, OverBudget, Refused, Request, Stopped
from sovereign.records import BadInput, NotFound

from .._types import Stored
from ..readers import Paper, Unreadable, read_bytes, source_of
from ._port import Connector
from ._settings import Services
from ._work import Work, arxiv_of, doi_of, merge, same_title, words_in

#: Where arXiv keeps the text of a paper, best first.
_FORMS = (("e-print", "e-print/{}"), ("HTML", "html/{}"), ("PDF", "pdf/{}"))
_PREFIX = re.compile(r"(arxiv|doi):", re.IGNORECASE)
_FINAL = (HostClosed, OverBudget, Stopped)
_HEAD = 3000


@dataclass(frozen=True, slots=True)
class Fetched:
    """A work ready for the library, what was read of it, and what could not be had."""

    source: Stored
    read: str
    notes: tuple[str, ...] = ()


def is_identifier(text: str) -> bool:
    """Whether a text is meant as `arxiv:ID` or `doi:ID`."""
    return _PREFIX.match(text) is not None


def fetch_work(
    client: Client,
    settings: Services,
    connectors: Mapping[str, Connector],
    identifier: str,
    progress: Callable[[str], None] = lambda _: None,
) -> Fetched:
    """The work that an identifier names.

    Args:
        identifier: `arxiv:2604.23996`, with a version or without, or `doi:10.1000/x`.
        connectors: whom to ask about a DOI; of an arXiv id, arXiv alone.

    Raises:
        BadInput: no identifier, or one that leads to another paper than it names.
        NotFound: nobody knows it.
        NetError: a service that must answer did not.
    """
    scheme, _, local = identifier.partition(":")
    arxiv, doi = arxiv_of(local), doi_of(local)
    if (scheme.lower() == "arxiv" and arxiv is None) or (scheme.lower() == "doi" and doi is None):
        raise BadInput(f"{identifier[:100]!r} is no identifier", "write arxiv:2604.23996 or doi:10.1000/xyz")
    notes: list[str] = []
    progress(f"asking for {identifier}")
    if arxiv is not None:
        work = _by_arxiv(client, connectors["arxiv"], "".join(arxiv))
    else:
        assert doi is not None
        work = _by_doi(client, connectors, doi, notes)
    read = "metadata" if not work.abstract else "abstract"
    source = work.source()
    if source is None:
        raise BadInput(f"what services say of {identifier} cannot be a source: it has no usable title or id", "")
    if work.arxiv:
        paper, read_as = _full_text(client, settings, work, notes, progress)
        if paper is not None:
            source, read = _joined(source, paper), read_as
    elif work.pdf:
        notes.append(f"an open PDF is at {work.pdf}: fetch it yourself and add the file")
    else:
        notes.append("no open full text is known")
    return Fetched(source, read, tuple(notes))


def _by_arxiv(client: Client, connector: Connector, local: str) -> Work:
    request = connector.lookup(local)
    assert request is not None
    works = connector.read(request, client.send(request, lambda came: connector.read(request, came))).works
    if not works:
        raise NotFound(f"arXiv has no paper {local}", "check the identifier")
    return works[0]


def _by_doi(client: Client, connectors: Mapping[str, Connector], doi: str, notes: list[str]) -> Work:
    """What the services that know the DOI say, as one work; its preprint's abstract where they have none."""
    told: list[Work] = []
    unknown = 0
    for name, connector in connectors.items():
        request = connector.lookup(doi) if name != "arxiv" else None
        if request is None:
            continue
        try:
            answer = client.send(request, _checked(connector, request))
            told += connector.read(request, answer).works
        except Refused as error:
            unknown += error.status == 404
            if error.status != 404:
                notes.append(error.message)
        except _FINAL:
            raise
        except NetError as error:
            notes.append(error.message)
    if not told:
        if unknown:
            raise NotFound(f"no service knows the DOI {doi}", "check it at https://doi.org")
        raise NetError(f"no service answered for {doi}: {'; '.join(notes)}", "try again later")
    for one in told[1:]:
        if not same_title(one.title, told[0].title):
            raise BadInput(
                f"doi:{doi} leads to two papers: {told[0].service} says {told[0].title[:120]!r}, {one.service} says "
                f"{one.title[:120]!r}",
                "check the DOI; nothing was added",
            )
    # All were asked for this DOI and answered for it, so they are one work whatever else they lack.
    (work,) = merge([replace(one, doi=None if arxiv_of(doi) else doi) for one in told])
    if work.arxiv and "arxiv" in connectors:
        preprint = _by_arxiv(client, connectors["arxiv"], work.arxiv)
        if not same_title(preprint.title, work.title):
            raise BadInput(
                f"doi:{doi} is {work.title[:120]!r}, but its arXiv paper {work.arxiv} is {preprint.title[:120]!r}",
                "check the DOI; nothing was added",
            )
        (work,) = merge([replace(preprint, doi=work.doi), work])
    return work


def _full_text(
    client: Client, settings: Services, work: Work, notes: list[str], progress: Callable[[str], None]
) -> tuple[Paper | None, str]:
    base = settings.services["arxiv"].address.rstrip("/")
    named = f"{work.arxiv}{work.version or ''}"
    for form, path in _FORMS:
        progress(f"fetching the {form} of arxiv:{work.arxiv}")
        try:
            answer = client.send(Request("GET", f"{base}/{path.format(named)}"))
            paper = read_bytes(answer.body, _name(path, named), answer.headers.get("content-type", ""))
            if fault := _other_paper(paper, work):
                notes.append(f"the {form} {fault}")
                continue
        except _FINAL as error:
            notes.append(error.message)
            break
        except (Refused, NetError, Unreadable) as error:
            notes.append(f"the {form}: {error.message}")
            continue
        if paper.text_level != "full_text":
            notes.append(f"the {form} holds no more than an abstract")
            continue
        return paper, f"full text ({form})"
    return None, ""


def _other_paper(paper: Paper, work: Work) -> str:
    """Why a text is not the work's; empty where its own identifier or its beginning says that it is."""
    own = paper.ids.get("arxiv")
    if own and (found := arxiv_of(own)) and found[0] != work.arxiv:
        return f"says that it is arxiv:{found[0]}"
    head = words_in(f"{paper.title} {paper.text[:_HEAD]}")
    wanted = words_in(work.title)
    if wanted and sum(word in set(head) for word in wanted) < 0.7 * len(wanted):
        return f"is headed {paper.title[:80]!r}, not {work.title[:80]!r}"
    return ""


def _joined(card: Stored, paper: Paper) -> Stored:
    """The paper's text under the catalogue's title, authors and year."""
    read = source_of(
        paper, card.id, title=card.title, authors=card.authors, year=card.year, address=card.address
    )
    ids = dict(sorted({**dict(paper.ids), **card.meta.get("ids", {})}.items()))
    meta = {**card.meta, **read.meta, "card": card.reader, **({"ids": ids} if ids else {})}
    return replace(read, meta=dict(sorted(meta.items())))


def _name(path: str, named: str) -> str:
    """A file name for the readers: its suffix helps where the bytes do not tell."""
    suffix = {"html/{}": ".html", "pdf/{}": ".pdf"}.get(path, "")
    return named.replace("/", "_") + suffix


def _checked(connector: Connector, request: Request) -> Callable[[Answer], object]:
    return lambda came: connector.read(request, came)
