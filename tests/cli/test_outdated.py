"""Records that may be outdated: each cause is found, told apart by how serious it is, and nothing is written."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sovereign.outdated import outdated, read_retractions
from sovereign.records import BadInput, NotFound, Record
from sovereign.workflow import ask
from sovereign.workspace import Workspace

QUESTION = "Does ZebraRoute lower the latency of mixture-of-experts models against top-k routing?"
HEADER = "Record ID,Title,OriginalPaperDOI,RetractionNature,RetractionDate,Reason\n"


def note(folder: Path, name: str, about: str, says: str) -> None:
    text = f"---\nkind: note\nabout: {about}\ntitle: {name} routing\nsystems: [{name}]\n---\n\n{says}\n"
    (folder / f"{name.lower()}.md").write_text(text, encoding="utf-8")


@pytest.fixture
def asked(tmp_path: Path) -> tuple[Workspace, Record, Path]:
    notes = tmp_path / "notes"
    notes.mkdir()
    says = "ZebraRoute routes mixture-of-experts models. ZebraRoute lowers latency by 12% against top-k routing."
    note(notes, "ZebraRoute", "arxiv:2601.00001", says)
    workspace = Workspace.create(tmp_path / "w", starter=False)
    with workspace.library() as library:
        library.add(notes)
    return workspace, ask(workspace, QUESTION), notes


def kinds(workspace: Workspace, **more: object) -> dict[str, bool]:
    (found,) = outdated(workspace, **more)  # type: ignore[arg-type]
    return {cause.kind: cause.serious for cause in found.causes}


def test_a_record_over_an_unchanged_library_is_not_outdated(asked: tuple[Workspace, Record, Path]) -> None:
    workspace, record, _ = asked
    assert record.claims, "the record must rest on something"
    assert kinds(workspace) == {}


def test_a_changed_and_a_removed_source(asked: tuple[Workspace, Record, Path]) -> None:
    workspace, record, notes = asked
    note(notes, "ZebraRoute", "arxiv:2601.00001", "ZebraRoute routes mixture-of-experts. It lowers latency by 2%.")
    with workspace.library() as library:
        library.add(notes)
    assert kinds(workspace)["source changed"] is True
    with workspace.library() as library:
        library.remove(record.sources[0].id)
    assert kinds(workspace)["source gone"] is True


def test_a_library_that_grew_by_something_that_matters_and_by_something_that_does_not(
    asked: tuple[Workspace, Record, Path],
) -> None:
    workspace, _, notes = asked
    note(notes, "Bakery", "arxiv:2601.00009", "Bread rises at 30 degrees. It takes two hours.")
    with workspace.library() as library:
        library.add(notes)
    assert "library grew" not in kinds(workspace)
    says = "We measure ZebraRoute, a router for mixture-of-experts models. Latency falls by 9% against top-k routing."
    note(notes, "ZebraRouteAgain", "arxiv:2601.00002", says)
    with workspace.library() as library:
        library.add(notes)
    assert kinds(workspace)["library grew"] is True


def test_another_policy_is_told_and_is_not_serious(asked: tuple[Workspace, Record, Path]) -> None:
    workspace, _, _ = asked
    text = workspace.policy_path.read_text(encoding="utf-8")
    workspace.policy_path.write_text(text.replace("revise_below = 6.5", "revise_below = 7.0"), encoding="utf-8")
    assert kinds(workspace) == {"policy changed": False}


def test_a_retracted_source_is_named_and_a_reinstated_one_is_not(
    asked: tuple[Workspace, Record, Path], tmp_path: Path
) -> None:
    workspace, _, _ = asked
    row = "1,ZebraRoute,10.48550/arXiv.2601.00001,Retraction,7/12/2026 0:00,+Unreliable Results;\n"
    file = tmp_path / "rw.csv"
    file.write_text(HEADER + row + "2,Other,10.1/x,Retraction,1/1/2026,\n", encoding="utf-8")
    (found,) = outdated(workspace, known=read_retractions(file))
    (cause,) = found.causes
    assert cause.kind == "source retracted" and cause.serious
    assert "2026-07-12" in cause.what and "Unreliable Results" in cause.what
    back = row.replace("Retraction,", "Reinstatement,").replace("7/12/2026", "8/1/2026")
    for rows in (back, row + back, back + row):  # the file is in no order
        file.write_text(HEADER + rows, encoding="utf-8")
        assert kinds(workspace, known=read_retractions(file)) == {}
    concern = row.replace("Retraction,", "Expression of concern,")
    file.write_text(HEADER + concern + row.replace("Retraction,", "Correction,"), encoding="utf-8")
    assert kinds(workspace, known=read_retractions(file)) == {"source of concern": True, "source corrected": False}
    file.write_text(HEADER + row.replace("Retraction,", "Something new,"), encoding="utf-8")
    assert kinds(workspace, known=read_retractions(file)) == {}


def test_files_that_are_no_retraction_watch_data(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        read_retractions(tmp_path / "none.csv")
    for content in (b"", b"a,b\n1,2\n", b"\xff\xfe\x00", HEADER.encode() + b'1,"never closed'):
        (tmp_path / "x.csv").write_bytes(content)
        with pytest.raises(BadInput):
            read_retractions(tmp_path / "x.csv")


def test_real_rows_are_read() -> None:
    sample = Path(__file__).resolve().parents[3] / "shared" / "data" / "retractions" / "retraction_watch_sample.csv"
    if not sample.is_file():
        pytest.skip("../shared/data/retractions is not here")
    found = read_retractions(sample).notices
    assert len(found) >= 15 and all(doi.startswith("10.") for doi in found)
    dates = [one.date for notices in found.values() for one in notices]
    assert all(re.fullmatch(r"20[12]\d-\d\d-\d\d", date or "") for date in dates)


def test_the_verb_says_so_by_its_exit_code_and_writes_nothing(asked: tuple[Workspace, Record, Path]) -> None:
    workspace, record, notes = asked
    call = [sys.executable, "-m", "sovereign", "outdated", record.id, "--workspace", str(workspace.path), "--json"]
    assert subprocess.run(call, capture_output=True).returncode == 0
    note(notes, "ZebraRoute", "arxiv:2601.00001", "ZebraRoute is a router of mixture-of-experts. It is slow.")
    with workspace.library() as library:
        library.add(notes)
    before = sorted(path for path in workspace.records_path.rglob("*"))
    done = subprocess.run(call, capture_output=True, text=True)
    assert done.returncode == 11
    assert json.loads(done.stdout)[0]["causes"][0]["kind"] == "source changed"
    assert sorted(path for path in workspace.records_path.rglob("*")) == before


def test_ask_again_writes_a_version_only_when_something_has_changed(asked: tuple[Workspace, Record, Path]) -> None:
    workspace, record, notes = asked
    place = ["--workspace", str(workspace.path), "--json"]
    call = [sys.executable, "-m", "sovereign", "ask", *place, "--again", record.id]
    same = json.loads(subprocess.run(call, capture_output=True, text=True, check=True).stdout)
    assert same["version"] == 1
    note(notes, "ZebraRoute", "arxiv:2601.00001", "ZebraRoute routes mixture-of-experts. It lowers latency by 2%.")
    with workspace.library() as library:
        library.add(notes)
    done = subprocess.run(call, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["version"] == 2 and "source changed" in done.stderr
    archive = workspace.archive()
    assert [event.type.value for event in archive.events(record.id)] == ["drafted", "revised"]
    told = subprocess.run(
        [sys.executable, "-m", "sovereign", "diff", record.id, "--workspace", str(workspace.path)],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "its text changed" in told
    beside = subprocess.run([*call, "another question here"], capture_output=True, text=True)
    assert beside.returncode == 2
