"""A published record over a small library, made once and copied for each test; a Crossref of our own."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from tests.support import zebra
from tests.support.server import Reply, Seen, Server

from sovereign.check import check_path
from sovereign.publish import write_site
from sovereign.records import EventType, Record
from sovereign.workflow import ask, review
from sovereign.workspace import VARIABLE, Workspace

BASE = "https://records.example.org/"


@dataclass
class Published:
    """A workspace with one published record, and its public site."""

    workspace: Workspace
    record: Record
    folder: Path

    @property
    def path(self) -> Path:
        return self.workspace.records_path / self.record.folder

    def site(self) -> Path:
        """The public site, written anew."""
        write_site(self.workspace.archive(), self.folder / "site", public_only=True, base_url=BASE)
        return self.folder / "site"

    def notes(self) -> list[str]:
        """What `check` says beside faults, of which there must be none."""
        report = check_path(self.path)
        assert report.faults == []
        return report.notes

    @property
    def events(self) -> list[str]:
        return [event.type.value for event in self.workspace.archive().events(self.record.id)]


@dataclass
class Crossref:
    """What our Crossref knows: DOI -> its `updated-by`; a DOI that is not here is 404, one of None a broken answer."""

    updates: dict[str, list[dict[str, object]] | None] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def answer(self, seen: Seen, _: int) -> Reply:
        doi = unquote(urlsplit(seen.path).path.removeprefix("/works/"))
        self.asked.append(doi)
        if doi not in self.updates:
            return Reply(404, b"Resource not found.", {"Content-Type": "text/plain"})
        updates = self.updates[doi]
        if updates is None:
            return Reply(200, b"<html>down for maintenance</html>", {"Content-Type": "text/html"})
        message = {"DOI": doi, "title": ["A paper"], **({"updated-by": updates} if updates else {})}
        body = {"status": "ok", "message-type": "work", "message-version": "1.0.0", "message": message}
        return Reply(200, json.dumps(body).encode(), {"Content-Type": "application/json"})


def update(kind: str, day: tuple[int, int, int], notice: str = "10.5555/notice.1") -> dict[str, object]:
    """An entry of `updated-by`, in the form in which Crossref gives it out."""
    moment = f"{day[0]:04d}-{day[1]:02d}-{day[2]:02d}T00:00:00Z"
    updated = {"date-parts": [list(day)], "date-time": moment, "timestamp": 1430697600000}
    return {"updated": updated, "DOI": notice, "type": kind, "source": "retraction-watch", "label": kind.title()}


@pytest.fixture(autouse=True)
def _no_outer_workspace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.fixture
def crossref(monkeypatch: pytest.MonkeyPatch) -> Iterator[Crossref]:
    known = Crossref()
    with contextlib.closing(Server(known.answer)) as server:
        monkeypatch.setenv("SOVEREIGN_CROSSREF_URL", server.origin)
        yield known


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    workspace = zebra.workspace(folder)
    (folder / "w" / "services.toml").write_text("cache_days = 0\n[crossref]\ninterval_s = 0.0\ntries = 1\n")
    record = ask(workspace, zebra.QUESTION)
    review(workspace, record.id, EventType.APPROVED, "read and agreed")
    return folder / "w"


@pytest.fixture
def published(made: Path, tmp_path: Path) -> Published:
    workspace = Workspace.open(shutil.copytree(made, tmp_path / "w"))
    (name,) = workspace.archive().list()
    return Published(workspace, workspace.archive().load(name), tmp_path)
