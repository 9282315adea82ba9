"""Calling verbs in this process, on a small workspace."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sovereign.cli import main
from sovereign.records import Record
from sovereign.starter import note_paths
from sovereign.workspace import Workspace

QUESTION = "How do AnyExperts and MoE-CLIP compare to top-k routing in latency on VQAv2?"
NOTES = ("anyexperts", "smoes", "expertflow-a", "lynx", "dynmoe", "gemoe", "expected-distinct-experts")


@dataclass(frozen=True)
class Answer:
    """What a verb left: exit code, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Call:
    """`call("ask", QUESTION)` runs a verb on one workspace."""

    def __init__(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.path = path
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Answer:
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--workspace", str(self.path)])
        out, err = self._capsys.readouterr()
        return Answer(int(ended.value.code or 0), out, err)

    @property
    def workspace(self) -> Workspace:
        return Workspace.open(self.path)

    @property
    def record(self) -> Record:
        """The one record of the workspace."""
        archive = self.workspace.archive()
        (name,) = archive.list()
        return archive.load(name)


def make_workspace(path: Path) -> Workspace:
    workspace = Workspace.create(path, starter=False)
    with workspace.library() as library:
        for note in note_paths():
            if note.stem in NOTES:
                library.add(note)
    return workspace
