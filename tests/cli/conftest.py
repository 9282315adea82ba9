"""A small workspace, made once and copied for each test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.support.calls import QUESTION, Call, make_workspace

from sovereign import workflow
from sovereign.net import OFFLINE_VARIABLE
from sovereign.workspace import VARIABLE, Workspace


@pytest.fixture(autouse=True)
def _no_outer_workspace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv(OFFLINE_VARIABLE, "0")  # a verb's --offline sets it for its process, which here is ours


@pytest.fixture(scope="package")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_workspace(tmp_path_factory.mktemp("made") / "workspace").path


@pytest.fixture(scope="package")
def asked(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("asked") / "workspace"
    shutil.copytree(made, path)
    workflow.ask(Workspace.open(path), QUESTION)
    return path


@pytest.fixture
def empty_call(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    """A workspace with notes and no record."""
    return Call(Path(shutil.copytree(made, tmp_path / "workspace")), capsys)


@pytest.fixture
def call(asked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    """A workspace in which QUESTION was asked."""
    return Call(Path(shutil.copytree(asked, tmp_path / "workspace")), capsys)
