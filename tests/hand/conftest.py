"""A workspace in which a question was asked, made once and copied for each test."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support import zebra

from sovereign.records import Record
from sovereign.workflow import ask, judge_again
from sovereign.workspace import VARIABLE, Workspace


@dataclass
class Owner:
    """An owner with a workspace and its first record."""

    workspace: Workspace
    record: Record
    folder: Path

    def again(self) -> Record:
        """The next version, with the hand that is in force now."""
        return judge_again(self.workspace, self.record.id, purpose="again")

    @property
    def path(self) -> Path:
        return self.workspace.records_path / self.record.folder

    @property
    def events(self) -> list[str]:
        return [event.type.value for event in self.workspace.archive().events(self.record.id)]


@pytest.fixture(autouse=True)
def _no_outer_workspace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("zebra")
    ask(zebra.workspace(folder), zebra.QUESTION)
    return folder / "w"


@pytest.fixture
def owner(made: Path, tmp_path: Path) -> Owner:
    workspace = Workspace.open(shutil.copytree(made, tmp_path / "w"))
    (name,) = workspace.archive().list()
    return Owner(workspace, workspace.archive().load(name), tmp_path)
