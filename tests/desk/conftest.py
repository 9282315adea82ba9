"""A workspace with one draft, and a desk over it without a port of its own."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette", reason="the extra [desk] is not installed")

from starlette.testclient import TestClient

from sovereign.desk import desk
from sovereign.desk.guard import Guard
from sovereign.records import Record
from sovereign.workflow import ask
from sovereign.workspace import Workspace

QUESTION = "What is the impact of top-k routing on the latency of mixture-of-experts models?"


@dataclass
class Owner:
    """A browser that has been let in."""

    workspace: Workspace
    record: Record
    guard: Guard
    client: Any

    @property
    def page(self) -> str:
        return f"/records/{self.record.folder}/"

    @property
    def standing(self) -> str:
        return self.workspace.archive().state(self.record.id).standing

    def fields(self, action: str, **more: str) -> dict[str, str]:
        """The form as the page gives it, with what the owner fills in."""
        html = self.client.get(self.page).text
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', html))
        return {**hidden, "action": action, **more}

    def send(self, fields: dict[str, str], **more: Any) -> Any:
        return self.client.post(f"{self.page}decide", data=fields, follow_redirects=False, **more)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    workspace = Workspace.create(tmp_path_factory.mktemp("desk") / "w")
    ask(workspace, QUESTION)
    return workspace.path


@pytest.fixture
def workspace(made: Path, tmp_path: Path) -> Workspace:
    """A copy of the workspace, for one test alone."""
    shutil.copytree(made, tmp_path / "w")
    return Workspace.open(tmp_path / "w")


@pytest.fixture
def owner(workspace: Workspace) -> Iterator[Owner]:
    archive = workspace.archive()
    guard = Guard("127.0.0.1", 8765)
    with TestClient(desk(workspace, guard), base_url=guard.origin, raise_server_exceptions=False) as client:
        client.get(guard.entrance)
        yield Owner(workspace, archive.load(archive.list()[0]), guard, client)
