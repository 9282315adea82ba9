"""`library refresh --live`: works that services told of are asked for again; without it nobody is asked."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from benchmarks.arxiv.server import LocalArxiv
from tests.live.conftest import RECORDS

from sovereign.cli import main
from sovereign.library.connectors import Work
from sovereign.workspace import Workspace


def refreshed(workspace: Workspace, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, object]:
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(["library", "refresh", *options, "--workspace", str(workspace.path), "--json"])
    assert not ended.value.code
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_a_work_is_asked_for_again_and_one_that_fails_stays(
    workspace: Workspace, arxiv: Callable[..., LocalArxiv], capsys: pytest.CaptureFixture[str]
) -> None:
    server = arxiv()
    stale = Work("arxiv", "2601.00001", "An old title", ("Ada Palm",), 2026, "An old abstract.", arxiv="2601.00001")
    unknown = Work("arxiv", "2699.99999", "Nobody knows it", ("X Y",), 2026, "Kept as it is.", arxiv="2699.99999")
    sources = [work.source() for work in (stale, unknown)]
    with workspace.library() as library:
        library.put([source for source in sources if source is not None])
    offline = refreshed(workspace, capsys)
    assert offline["asked"] == 0 and server.requests == []
    told = refreshed(workspace, capsys, "--live")
    assert (told["asked"], told["updated"]) == (2, 1)
    assert [failure["where"] for failure in told["failed"]] == ["arxiv:2699.99999"]  # type: ignore[attr-defined]
    with workspace.library() as library:
        assert library.get("arxiv:2601.00001").title == RECORDS[0]["title"]
        assert library.get("arxiv:2699.99999").text.endswith("Kept as it is.")
