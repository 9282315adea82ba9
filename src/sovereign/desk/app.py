"""The desk as a web application: what it shows, in reading order, then what it does."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from sovereign.hand import listed
from sovereign.inquiry import STAGE_MODULES
from sovereign.inquiry.runs import RunInfo, RunState
from sovereign.publish import archive_metrics, page_values, render
from sovereign.publish.contracts import CONTRACTS
from sovereign.records import BadInput, Busy, NotFound, SovereignError, StorageError
from sovereign.records.event import CORRECTION_TYPES
from sovereign.workspace import Workspace

from .actions import MEANING, POSSIBLE, decide, read_decision, read_seen, start_again, start_ask, start_resume
from .grid import AXES, MOST_SHOWN, STATES, Choice, lay_out, read_choice
from .guard import Guard
from .marking import ASKED, FACETS, MARKS, mark
from .progress import grow, is_under_way, what_next

_STATUS = {BadInput: 400, NotFound: 404, Busy: 409, StorageError: 507}
_TEXT = re.compile(r"([0-9a-f]{64}|others)\.html")
_AROUND = re.compile(r"[a-z][a-z0-9-]*\.(html|json|xml|txt)")
_FOLDER = re.compile(r"srch-[0-9a-f]{8}")
_RUNS_SHOWN = 50


def desk(workspace: Workspace, guard: Guard) -> Starlette:
    """The application for one workspace; every request passes `guard`."""
    pages = Desk(workspace, guard)
    routes = [
        Route("/enter", pages.enter),
        Route("/", pages.queue),
        Route("/runs", pages.runs),
        Route("/runs/{run}", pages.run, methods=["GET"]),
        Route("/matrix", pages.matrix),
        Route("/metrics", pages.metrics),
        Route("/records/{folder}/matrix", pages.matrix),
        Route("/records/{folder}/hand", pages.hand, methods=["GET"]),
        Route("/records/{folder}/hand", pages.mark, methods=["POST"]),
        Route("/records/{folder}/again", pages.again, methods=["POST"]),
        Route("/records/{folder}/", pages.record, methods=["GET"]),
        Route("/records/{folder}/index.html", pages.whole),
        Route("/records/{folder}/sources/{name}", pages.stored),
        Route("/records/{folder}/v{version:int}/sources/{name}", pages.stored),
        Route("/records/{folder}/v{version:int}/{name}", pages.stored),
        Route("/records/{folder}/{name}", pages.stored),
        Route("/records/{name}", pages.around),
        Route("/records/{folder}/decide", pages.decide, methods=["POST"]),
        Route("/ask", pages.ask, methods=["POST"]),
        Route("/runs/{run}/resume", pages.resume, methods=["POST"]),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=guard)],
        exception_handlers={SovereignError: pages.said, 404: pages.nowhere},
    )


class Desk:
    """The handlers. Each reads what is stored anew: what another process did is seen at the next request."""

    def __init__(self, workspace: Workspace, guard: Guard) -> None:
        self._workspace = workspace
        self._guard = guard

    async def enter(self, request: Request) -> Response:
        return self._guard.enter(request)

    async def queue(self, _: Request) -> Response:
        """Records, those that await a decision first; the question box; what runs now."""
        rows, runs = await run_in_threadpool(lambda: (self._rows(), self._runs()))
        waiting = [row for row in rows if row["state"].standing == "draft"]
        others = [row for row in rows if row["state"].standing != "draft"]
        live = [run for run in runs if run.state is RunState.RUNNING]
        return self._page("queue.html.j2", waiting=waiting, others=others, live=live)

    async def runs(self, _: Request) -> Response:
        """Runs, newest first, with the stages that are complete."""
        found = await run_in_threadpool(self._runs)
        shown = found[:_RUNS_SHOWN]
        return self._page(
            "runs.html.j2", runs=shown, total=len(found), next={run.id: what_next(run) for run in shown}
        )

    async def run(self, request: Request) -> Response:
        """One run. While it goes on, the page grows by the stages that are completed."""
        name, begun = str(request.path_params["run"]), "begun" in request.query_params
        info = await run_in_threadpool(self._run, name)
        page = partial(self._html, "run.html.j2", round=len(STAGE_MODULES))
        if is_under_way(info, begun):
            pieces = grow(partial(self._run, name), page, self._html, begun)
            return StreamingResponse(pieces, media_type="text/html; charset=utf-8")
        return HTMLResponse("".join([piece async for piece in grow(partial(self._run, name), page, self._html, False)]))

    async def matrix(self, request: Request) -> Response:
        """Cells of one record, or of all, by the facets that the reader chose for rows and columns."""
        folder = _checked(request) if "folder" in request.path_params else ""
        return await run_in_threadpool(self._matrix, folder, dict(request.query_params))

    async def record(self, request: Request) -> Response:
        """A record with what can be decided on it, and all its evidence on the same page."""
        folder = _checked(request)
        return await run_in_threadpool(self._record, folder, "", {}, 200)

    async def metrics(self, _: Request) -> Response:
        """Searches, drops, claims and scores over all records, and how long the stages of runs took."""
        found = await run_in_threadpool(
            lambda: archive_metrics(self._workspace.archive(), self._workspace.site_path, self._runs())
        )
        return self._page("metrics.html.j2", metrics=found, up="/records/", record_at="/records/%s/")

    async def whole(self, request: Request) -> Response:
        """Pages of texts link back to the record's page by this name."""
        return RedirectResponse(f"/records/{_checked(request)}/", status_code=303)

    async def stored(self, request: Request) -> Response:
        """A stored text's page or a contract of a record, or an earlier version's, from the workspace's own pages."""
        folder, name = _checked(request), str(request.path_params["name"])
        place, version = self._workspace.site_path / folder, request.path_params.get("version")
        if version is not None:
            place /= f"v{version}"
        if _TEXT.fullmatch(name):
            return self._file(place / "sources" / name)
        if name == "index.json" or name in (file for _, file in CONTRACTS.values()):
            return self._file(place / name)
        if name == "index.html" and version is not None:
            return self._file(place / name)
        raise NotFound("there is no such page", "go back to the queue")

    async def around(self, request: Request) -> Response:
        """The pages around the records, to which those of texts and of earlier versions lead."""
        name = str(request.path_params["name"])
        if not _AROUND.fullmatch(name):
            raise NotFound("there is no such page", "go back to the queue")
        return self._file(self._workspace.site_path / name)

    async def decide(self, request: Request) -> Response:
        """Sign what the owner decided. What cannot be done is said on the record's page, the note kept in its box."""
        folder, form = _checked(request), await self._form(request)
        try:
            run = await run_in_threadpool(lambda: decide(self._workspace, folder, read_decision(form)))
        except (BadInput, Busy) as error:
            said = f"{error.message}: {error.remedy}" if error.remedy else error.message
            return await run_in_threadpool(self._record, folder, said, form, 409)
        if run is not None:
            return RedirectResponse(f"/runs/{run}?begun", status_code=303)
        return RedirectResponse(f"/records/{folder}/?done={form['action']}", status_code=303)

    async def hand(self, request: Request) -> Response:
        """The owner's hand for a record's question: entries, and what can be marked."""
        folder, chosen = _checked(request), request.query_params.get("claim", "")
        form = {"claim": chosen[:100]} if chosen else {}
        return await run_in_threadpool(self._hand, folder, "", form, 200, "done" in request.query_params)

    async def mark(self, request: Request) -> Response:
        """Sign what the owner marked. What cannot be done is said beside the form, and what was written is kept."""
        folder, form = _checked(request), await self._form(request)
        try:
            await run_in_threadpool(mark, self._workspace, folder, form)
        except (BadInput, NotFound, Busy) as error:
            return await run_in_threadpool(self._hand, folder, f"{error.message}: {error.remedy}", form, 409)
        return RedirectResponse(f"/records/{folder}/hand?done", status_code=303)

    async def again(self, request: Request) -> Response:
        folder, form = _checked(request), await self._form(request)
        try:
            run = await run_in_threadpool(lambda: start_again(self._workspace, folder, read_seen(form)))
        except (BadInput, Busy) as error:
            return await run_in_threadpool(self._hand, folder, f"{error.message}: {error.remedy}", form, 409)
        return RedirectResponse(f"/runs/{run}?begun", status_code=303)

    async def ask(self, request: Request) -> Response:
        form = await self._form(request)
        run = await run_in_threadpool(start_ask, self._workspace, form.get("question", ""))
        return RedirectResponse(f"/runs/{run}?begun", status_code=303)

    async def resume(self, request: Request) -> Response:
        await self._form(request)
        run = await run_in_threadpool(start_resume, self._workspace, request.path_params["run"])
        return RedirectResponse(f"/runs/{run}?begun", status_code=303)

    async def said(self, _: Request, error: Exception) -> Response:
        """An error as a page: cause and remedy."""
        assert isinstance(error, SovereignError)
        status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 500)
        return self._page("error.html.j2", status=status, cause=error.message, remedy=error.remedy)

    async def nowhere(self, _: Request, __: Exception) -> Response:
        return self._page("error.html.j2", status=404, cause="there is no such page", remedy="go back to the queue")

    async def _form(self, request: Request) -> dict[str, str]:
        """The fields of a form that this desk made. Raises BadInput for any other."""
        async with request.form(max_files=0, max_fields=20) as form:
            if not self._guard.holds_key(form):
                raise BadInput("the form is not of this desk, or of an earlier start of it", "load the page again")
            return {name: value for name, value in form.items() if isinstance(value, str)}

    def _file(self, path: Path) -> Response:
        if not path.is_file():
            raise NotFound(f"{path.name} has not been written", "any decision writes the pages again")
        return FileResponse(path)

    def _rows(self) -> list[dict[str, Any]]:
        archive = self._workspace.archive()
        rows: list[dict[str, Any]] = [
            {"state": archive.state(name), "record": archive.load(name)} for name in archive.list()
        ]
        return sorted(rows, key=lambda row: str(row["state"].last_event_at), reverse=True)

    def _runs(self) -> tuple[Any, ...]:
        try:
            with self._workspace.journal(create=False) as journal:
                return tuple(journal.list())
        except NotFound:
            return ()

    def _run(self, name: str) -> RunInfo:
        with self._workspace.journal(create=False) as journal:
            return journal.show(name)

    def _open_of(self, record_id: str) -> tuple[RunInfo, ...]:
        """Runs that make a version of a record and are not done."""
        try:
            with self._workspace.journal(create=False) as journal:
                return journal.open_of(record_id)
        except NotFound:
            return ()

    def _matrix(self, folder: str, asked: dict[str, str]) -> Response:
        archive, problem = self._workspace.archive(), ""
        try:
            choice = read_choice(asked)
        except BadInput as error:
            choice, problem = Choice(), f"{error.message}: {error.remedy}"
        records = [archive.load(name) for name in ([folder] if folder else archive.list())]
        return self._page(
            "matrix.html.j2",
            status=400 if problem else 200,
            problem=problem,
            record=records[0] if folder else None,
            records=len(records),
            many=not folder,
            address=f"/records/{folder}/matrix" if folder else "/matrix",
            grid=lay_out(records, choice),
            choice=choice,
            axes=AXES,
            states=STATES,
            most=MOST_SHOWN,
        )

    def _hand(self, folder: str, problem: str, form: dict[str, str], status: int, done: bool = False) -> Response:
        archive = self._workspace.archive()
        record = archive.load(folder)
        return self._page(
            "hand.html.j2",
            status=status,
            problem=problem,
            form=form,
            done=done,
            folder=folder,
            record=record,
            state=archive.state(folder),
            lines=listed(self._workspace, record.id),
            making=self._open_of(record.id),
            chosen=form.get("claim", ""),
            marks=MARKS,
            facets=FACETS,
            asked=ASKED,
        )

    def _record(self, folder: str, problem: str, form: dict[str, str], status: int) -> Response:
        archive = self._workspace.archive()
        state, record, events = archive.state(folder), archive.load(folder), archive.events(folder)
        values = page_values(
            record,
            state,
            texts=archive.texts(folder, record.version),
            versions=archive.versions(folder),
            links=[(one, "" if one == record.version else f"v{one}/index.html") for one in archive.versions(folder)],
            events=events,
            signer=events[-1].by,
        )
        return self._page(
            "decide.html.j2",
            status=status,
            problem=problem,
            possible=POSSIBLE.get(state.standing, ()),
            meaning=MEANING,
            making=self._open_of(record.id),
            evidence={item.claim.id: item for item in values["claims"]},
            corrections=[name.lower() for name in CORRECTION_TYPES],
            note=form.get("note", ""),
            kind=form.get("kind", ""),
            folder=folder,
            **values,
        )

    def _page(self, name: str, *, status: int = 200, **values: Any) -> Response:
        return HTMLResponse(self._html(name, **values), status_code=status)

    def _html(self, name: str, **values: Any) -> str:
        return render(
            name,
            indexed=False,
            forms="'self'",
            package=__package__,
            key=self._guard.form_key,
            workspace=str(self._workspace.path),
            **values,
        )


def _checked(request: Request) -> str:
    folder = str(request.path_params["folder"])
    if not _FOLDER.fullmatch(folder):
        raise NotFound("there is no such record", "see the queue")
    return folder
