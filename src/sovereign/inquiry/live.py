"""Live search: the plan's queries asked of services, every answer stored by its hash, and the works that came of it.

Three stages, none of them pure: `scout` plans over the library as it is, `fetch SERVICE N` holds one answer as it
came, `gather` is what all of them came to. The works are then added to the library, and the question is answered from
there by the same stages as offline. A run that is killed and resumed repeats no request that was answered.
"""

from __future__ import annotations

import hashlib
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field

from sovereign.library.connectors import Connector, Wanted, Work, merge
from sovereign.net import Answer, Client, NetError, Offline, Request
from sovereign.records import Document, Search, SearchHit

from . import documents as doc
from .pipeline import STAGE_MODULES, _module_digest
from .plan import plan
from .runs import Run
from .vocabulary import shipped

if TYPE_CHECKING:
    from sovereign.library import Library, Stored

#: Queries of one question to one service, at least.
LEAST_QUERIES = 4
#: After so many failures in a row a service is left alone for this run.
_GIVE_UP = 2
_MODULES = tuple(
    f"sovereign.library.connectors.{name}"
    for name in ("arxiv", "semantic_scholar", "openalex", "crossref", "fetching", "_port", "_work")
)
Progress = Callable[[str], None]


class Asked(Document):
    """One query to one service: what it stands for, and the request that it became."""

    service: str
    purpose: str
    query: str
    require: tuple[tuple[str, ...], ...]
    url: str


class Heard(Document):
    """One answer as it came, with the address that was asked (without keys) and the SHA-256 of the body."""

    url: str
    status: int
    sha256: str
    body: str


class Found(Document):
    """A work that services described, as a source that the library can hold."""

    id: str
    title: str
    text: str
    text_level: str
    authors: tuple[str, ...]
    year: int | None
    address: str | None
    meta: dict[str, Any]
    reader: str

    def source(self) -> Stored:
        """The work as the library stores it."""
        from sovereign.library import Stored

        return Stored(
            id=self.id, title=self.title, kind="work", text_level=self.text_level, text=self.text, authors=self.authors,
            sha256=hashlib.sha256(self.text.encode()).hexdigest(), year=self.year, address=self.address, meta=self.meta,
            reader=self.reader,
        )  # fmt: skip


class Outside(Document):
    """What a live search came to."""

    services: tuple[str, ...]
    searches: tuple[Search, ...] = Field(description="numbered from q1; the record numbers them after the library's")
    found: tuple[Found, ...]
    limitations: tuple[str, ...]


def look_outside(
    library: Library,
    question: str,
    run: Run,
    client: Client,
    connectors: Mapping[str, Connector],
    progress: Progress = lambda _: None,
    queries: Sequence[str] = (),
) -> Outside:
    """Ask the services; a service that fails is named in the limitations and stops nothing.

    Args:
        client: sends the requests; its limits, cache and budget hold.
        connectors: whom to ask, by name, in order.
        queries: what to ask instead of a plan's queries: plain words, for a method that has its own.

    Raises:
        StorageError: an answer or a limit cannot be stored; what was stored is kept.
    """
    code = _code()
    services = tuple(connectors)
    if queries:
        asked = [one for connector in connectors.values() for one in _as_given(queries, connector)]
    else:
        progress("planning what to ask outside")
        scouted = run.stage(
            "scout", code, {"question": question}, lambda: plan(question, library, tuple(shipped())), doc.Plan
        )
        asked = [one for connector in connectors.values() for one in live_queries(scouted, connector)]
    inputs = {"services": list(services), "asked": [one.to_json() for one in asked]}
    return run.stage(
        "gather", code, inputs, lambda: _Asking(run, client, connectors, code, progress).gather(asked), Outside
    )


def live_queries(planned: doc.Plan, connector: Connector) -> tuple[Asked, ...]:
    """The plan's queries for one service, each request once; four at least, the service's most.

    Named systems come first, with half of the queries at most; then the subject with each facet; last each system with
    each metric, which a service's search for the name alone finds as well. Where the plan has too few that differ,
    parts of the question make up the number.
    """
    made: dict[str, Asked] = {}
    most = max(LEAST_QUERIES, connector.service.queries)

    def add(purpose: str, text: str, require: tuple[tuple[str, ...], ...] = ()) -> None:
        request = connector.search(Wanted(text, require))
        if text.strip() and len(made) < most:
            new = Asked(service=connector.name, purpose=purpose, query=text, require=require, url=request.url)
            made.setdefault(request.url, new)

    named = [query for query in planned.queries if query.purpose.startswith("system ")]
    alone = [query for query in named if ", metric " not in query.purpose]
    about = [query for query in planned.queries if query not in named]
    with_metric = [query for query in named if query not in alone]
    for query in (*alone[: most // 2], *about, *alone[most // 2 :], *with_metric):
        add(query.purpose, query.query, query.require)
    words = planned.question.text.split()
    for first in range(len(words)):
        if len(made) >= LEAST_QUERIES:
            break
        add("part of the question", " ".join(words[first : first + 3]))
    return tuple(made.values())


def _as_given(queries: Sequence[str], connector: Connector) -> tuple[Asked, ...]:
    """Queries of plain words for one service, each request once."""
    made: dict[str, Asked] = {}
    for number, text in enumerate(queries, 1):
        url = connector.search(Wanted(text)).url
        purpose = f"query {number} of {len(queries)}"
        made.setdefault(url, Asked(service=connector.name, purpose=purpose, query=text, require=(), url=url))
    return tuple(made.values())


class _Asking:
    """One thread per service, which asks one query after the other; this thread alone stores what comes back."""

    def __init__(
        self, run: Run, client: Client, connectors: Mapping[str, Connector], code: str, progress: Progress
    ) -> None:
        self._run, self._client, self._connectors, self._code = run, client, connectors, code
        self._progress = progress
        self._came: queue.Queue[tuple[int, Heard | BaseException]] = queue.Queue()

    def gather(self, asked: Sequence[Asked]) -> Outside:
        heard: dict[int, Heard] = {}
        failed: dict[int, str] = {}
        for at in range(len(asked)):
            known = self._run.completed(*self._key(asked, at), Heard)
            if known is not None:
                heard[at] = known
        open_ = [at for at in range(len(asked)) if at not in heard]
        waiting = {name: [at for at in open_ if asked[at].service == name] for name in self._connectors}
        threads = [
            threading.Thread(target=self._ask_all, args=(name, [(at, asked[at]) for at in places]), daemon=True)
            for name, places in waiting.items()
            if places
        ]
        try:
            for thread in threads:
                thread.start()
            for _ in range(sum(len(places) for places in waiting.values())):
                at, came = self._came.get()
                if isinstance(came, Heard):
                    answer = came
                    heard[at] = self._run.stage(*self._key(asked, at), lambda: answer, Heard)  # noqa: B023
                elif isinstance(came, NetError):
                    failed[at] = came.message
                else:
                    raise came
                self._tell(asked, at, heard, failed)
        finally:
            if len(heard) + len(failed) < len(asked):
                self._client.close()  # we were stopped: end what is waiting or under way
            for thread in threads:
                if thread.ident is not None:
                    thread.join(timeout=10)
        return self._outside(asked, heard, failed)

    def _key(self, asked: Sequence[Asked], at: int) -> tuple[str, str, dict[str, Any]]:
        one = asked[at]
        number = [other.url for other in asked if other.service == one.service].index(one.url) + 1
        return f"fetch {one.service} {number}", self._code, {"method": "GET", "url": one.url}

    def _ask_all(self, name: str, places: Sequence[tuple[int, Asked]]) -> None:
        connector, in_a_row = self._connectors[name], 0
        for at, one in places:
            if in_a_row >= _GIVE_UP:
                self._came.put((at, NetError(f"{name} was given up after {_GIVE_UP} queries without an answer")))
                continue
            try:
                request = connector.search(Wanted(one.query, one.require))
                answer = self._client.send(request, lambda came: connector.read(request, came))  # noqa: B023
                self._came.put((at, _heard(one, answer)))
                in_a_row = 0
            except NetError as error:
                self._came.put((at, error))
                in_a_row += not isinstance(error, Offline)
            except BaseException as error:
                self._came.put((at, error))
                return

    def _tell(self, asked: Sequence[Asked], at: int, heard: Mapping[int, Heard], failed: Mapping[int, str]) -> None:
        name = asked[at].service
        mine = [place for place, one in enumerate(asked) if one.service == name]
        done = sum(place in heard for place in mine)
        lost = sum(place in failed for place in mine)
        spent = f"; {_spent(self._client)}" if self._client.budget is not None else ""
        why = f", {lost} failed ({failed[at]})" if at in failed else f", {lost} failed" if lost else ""
        self._progress(f"{name}: {done} of {len(mine)} queries answered{why}{spent}")

    def _outside(
        self, asked: Sequence[Asked], heard: Mapping[int, Heard], failed: Mapping[int, str]
    ) -> Outside:
        """Deterministic in what was heard: services in their order, queries in theirs, works as they were ranked."""
        listed: list[tuple[int, list[Work]]] = []
        for at in sorted(heard):
            request = Request("GET", heard[at].url)
            answer = Answer(heard[at].status, {}, heard[at].body.encode(), heard[at].url, "")
            listed.append((at, list(self._connectors[asked[at].service].read(request, answer).works)))
        together = merge(work for _, works in listed for work in works)
        merged = [work for work in together if work.source() is not None]
        name_of = {name: work.id for work in merged for name in work.known_as}
        searches = []
        for number, (at, works) in enumerate(listed, 1):
            ids = [name_of[(w.service, w.local)] for w in works if (w.service, w.local) in name_of]
            one = asked[at]
            searches.append(
                Search(
                    id=f"q{number}", round=0, purpose=one.purpose, query=one.query, require=one.require,
                    connector=one.service,
                    hits=tuple(SearchHit(source=i, rank=rank) for rank, i in enumerate(dict.fromkeys(ids), 1)),
                )
            )  # fmt: skip
        return Outside(
            services=tuple(self._connectors),
            searches=tuple(searches),
            found=tuple(_found(work) for work in merged),
            limitations=_limitations(self._client, asked, heard, failed, tuple(self._connectors)),
        )


def _heard(one: Asked, answer: Answer) -> Heard:
    # The connectors read UTF-8 alone, so the text is the body; a body that is none was refused before.
    return Heard(url=one.url, status=answer.status, sha256=answer.sha256, body=answer.body.decode("utf-8"))


def _found(work: Work) -> Found:
    source = work.source()
    assert source is not None
    return found_of(source)


def found_of(source: Stored) -> Found:
    """A source as a document of the journal."""
    return Found(
        id=source.id, title=source.title, text=source.text, text_level=source.text_level or "metadata",
        authors=source.authors, year=source.year, address=source.address, meta=dict(source.meta), reader=source.reader,
    )  # fmt: skip


def _limitations(
    client: Client,
    asked: Sequence[Asked],
    heard: Mapping[int, Heard],
    failed: Mapping[int, str],
    services: Sequence[str],
) -> tuple[str, ...]:
    told = []
    silent = []
    for name in services:
        mine = [at for at, one in enumerate(asked) if one.service == name]
        lost = [failed[at] for at in mine if at in failed]
        if not lost:
            continue
        reasons = "; ".join(dict.fromkeys(lost))
        if len(lost) == len(mine):
            silent.append(name)
            told.append(f"{name} answered none of {len(mine)} queries ({reasons}): what it knows was not searched.")
        else:
            told.append(f"{name} answered {len(mine) - len(lost)} of {len(mine)} queries ({reasons}).")
    if len(silent) == len(services):
        told.insert(0, "No service answered: the question is answered from the library alone.")
    answered = ", ".join(f"{name} ({sum(asked[at].service == name for at in heard)})" for name in services)
    if heard:
        told.insert(0, f"Beside the library, queries were answered by {answered}, from titles and abstracts.")
    if client.budget is not None:
        told.append(f"The live search was bounded and used {_spent(client)}.")
    for notice in dict.fromkeys(client.notices):
        told.append(f"Live search: {notice}.")
    return tuple(told)


def _spent(client: Client) -> str:
    assert client.budget is not None
    budget, spent = client.budget, client.budget.spent
    return (
        f"{spent.requests} of {budget.requests} requests, {spent.bytes / 1e6:.1f} of {budget.bytes / 1e6:g} MB, "
        f"{spent.seconds:.0f} of {budget.seconds:g} s"
    )


def _code() -> str:
    modules = sorted({*STAGE_MODULES["plan"], *_MODULES, __name__})
    return hashlib.sha256("".join(_module_digest(name) for name in modules).encode()).hexdigest()


