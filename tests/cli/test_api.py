"""The Python API: `from sovereign import Library, ask`."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.calls import QUESTION, Call

import sovereign
from sovereign import Library, Record, SovereignError, Workspace, ask
from sovereign.records import BadInput, NotFound
from sovereign.starter import note_paths


def test_a_library_alone_gives_a_record_that_shows_itself(tmp_path: Path) -> None:
    with Library.open(tmp_path / "library", create=True) as library:
        library.add(next(path for path in note_paths() if path.stem == "anyexperts"))
        before = library.digest()
        record = ask(QUESTION, library=library)
        assert isinstance(record, Record) and record.library_digest == before == library.digest()
        assert library.size == 1, "the library is open still"
    html = record._repr_html_()
    assert record.id in html and "not measured" in html.lower() and "<script" not in html
    assert sorted(path.name for path in tmp_path.iterdir()) == ["library"]


def test_a_workspace_keeps_the_record(empty_call: Call) -> None:
    for given in (empty_call.workspace, str(empty_call.path), empty_call.path):
        record = ask(QUESTION, workspace=given)
        assert empty_call.workspace.archive().load(record.id).body_digest == record.body_digest


def test_the_workspace_of_the_environment_is_used(empty_call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOVEREIGN_WORKSPACE", str(empty_call.path))
    record = ask(QUESTION)
    assert empty_call.record.id == record.id


def test_errors_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotFound, match="sovereign init"):
        ask(QUESTION)
    with Library.open(tmp_path / "library", create=True) as library:
        with pytest.raises(BadInput, match="library of its own"):
            ask(QUESTION, library=library, workspace=tmp_path)
        with pytest.raises(SovereignError, match="empty"):
            ask("", library=library)


def test_the_public_surface() -> None:
    assert set(sovereign.__all__) == {"Library", "Record", "SovereignError", "Workspace", "__version__", "ask"}
    assert sovereign.Workspace is Workspace
    with pytest.raises(AttributeError, match="nonesuch"):
        _ = sovereign.nonesuch  # type: ignore[attr-defined]
