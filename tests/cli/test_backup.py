"""A backup gives the same workspace back, also one taken while others write; what is damaged or unsafe is refused."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from sovereign.backup import MANIFEST, back_up, restore
from sovereign.check import check_path
from sovereign.records import BadInput, NotFound, StorageError
from sovereign.workflow import ask
from sovereign.workspace import Workspace

QUESTION = "What is the impact of top-k routing on the latency of mixture-of-experts models?"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    made = Workspace.create(tmp_path_factory.mktemp("backup") / "w")
    ask(made, QUESTION)
    return made


def test_a_restored_workspace_answers_the_same_from_the_same(workspace: Workspace, tmp_path: Path) -> None:
    made = back_up(workspace, tmp_path / "b.zip", with_keys=True)
    assert made.records == 1 and stat.S_IMODE((tmp_path / "b.zip").stat().st_mode) == 0o600
    restore(tmp_path / "b.zip", tmp_path / "again")
    again = Workspace.open(tmp_path / "again")
    archive = again.archive()
    first = archive.load(archive.list()[0])
    assert not check_path(again.records_path / first.folder, trust=[again.key().fingerprint]).faults
    with again.library() as ours, workspace.library() as theirs:
        assert ours.digest() == theirs.digest() and len(ours.search("routing")) == len(theirs.search("routing"))
    assert ask(again, QUESTION, fresh=True).body_digest == first.body_digest
    assert again.key().fingerprint == workspace.key().fingerprint
    assert stat.S_IMODE(again.key_path.stat().st_mode) == 0o600


def test_private_keys_stay_out_unless_asked_for(workspace: Workspace, tmp_path: Path) -> None:
    back_up(workspace, tmp_path / "b.zip")
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        assert not any(b"PRIVATE KEY" in archive.read(name) for name in archive.namelist())
    restore(tmp_path / "b.zip", tmp_path / "again")
    with pytest.raises(NotFound):
        Workspace.open(tmp_path / "again").key()


def test_a_backup_taken_while_others_write_is_whole(tmp_path: Path) -> None:
    workspace = Workspace.create(tmp_path / "w")
    call = [sys.executable, "-m", "sovereign", "ask", "--fresh", QUESTION, "--workspace", str(workspace.path)]
    writing = [subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(2)]
    taken = 0
    while any(process.poll() is None for process in writing) or taken == 0:
        back_up(workspace, tmp_path / f"b{taken}.zip")
        taken += 1
    for number in range(taken):
        restore(tmp_path / f"b{number}.zip", tmp_path / f"r{number}")
        again = Workspace.open(tmp_path / f"r{number}")
        archive = again.archive()
        for name in archive.list():
            assert not check_path(again.records_path / archive.load(name).folder).faults
        if again.journal_path.exists():
            with again.journal() as journal:
                assert all(run.state.value in ("done", "interrupted") for run in journal.list())
        shutil.rmtree(tmp_path / f"r{number}")


def remade(source: Path, target: Path, **changes: bytes | None) -> Path:
    """The backup with entries replaced, added or (None) left out."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = changes.pop(name, old.read(name))
            if content is not None:
                new.writestr(name, content)
        for name, added in changes.items():
            new.writestr(name, added or b"")
    return target


def test_what_is_damaged_unsafe_or_no_backup_is_refused_and_nothing_written(
    workspace: Workspace, tmp_path: Path
) -> None:
    good = tmp_path / "b.zip"
    back_up(workspace, good)
    with zipfile.ZipFile(good) as archive:
        manifest = json.loads(archive.read(MANIFEST))
    moved = {**manifest, "files": {**manifest["files"], "../outside": "0" * 64}}
    absolute = {**manifest, "files": {**manifest["files"], "/etc/outside": "0" * 64}}
    strange = {**manifest, "files": {**manifest["files"], "site/x.html": "0" * 64}}
    cases = [
        remade(good, tmp_path / "1.zip", **{"policy.toml": b"revise_below = 0.0\n"}),
        remade(good, tmp_path / "2.zip", **{"policy.toml": None}),
        remade(good, tmp_path / "3.zip", **{"added": b"x"}),
        remade(good, tmp_path / "4.zip", **{MANIFEST: b"{}"}),
        remade(good, tmp_path / "5.zip", **{MANIFEST: json.dumps(moved).encode(), "../outside": b"x"}),
        remade(good, tmp_path / "6.zip", **{MANIFEST: json.dumps(absolute).encode(), "/etc/outside": b"x"}),
        remade(good, tmp_path / "7.zip", **{MANIFEST: json.dumps(strange).encode(), "site/x.html": b"x"}),
    ]
    (tmp_path / "8.zip").write_bytes(good.read_bytes()[: good.stat().st_size // 2])
    (tmp_path / "9.zip").write_bytes(b"not a zip")
    with zipfile.ZipFile(tmp_path / "10.zip", "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("policy.toml", b"\0" * (64 << 20))
        bomb.writestr(MANIFEST, json.dumps({**manifest, "files": {"policy.toml": "0" * 64}}))
    for case in [*cases, *(tmp_path / f"{number}.zip" for number in (8, 9, 10))]:
        with pytest.raises(BadInput):
            restore(case, tmp_path / "again")
        assert not (tmp_path / "again").exists() and not list(tmp_path.glob(".restoring-*")), case
    assert not (tmp_path / "outside").exists()


def test_places_that_will_not_do(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="inside the workspace"):
        back_up(workspace, workspace.path / "b.zip")
    back_up(workspace, tmp_path / "b.zip")
    with pytest.raises(BadInput, match="exists"):
        back_up(workspace, tmp_path / "b.zip")
    with pytest.raises(StorageError):
        back_up(workspace, tmp_path / "none" / "b.zip")
    with pytest.raises(BadInput, match="not empty"):
        restore(tmp_path / "b.zip", workspace.path)
    with pytest.raises(NotFound):
        restore(tmp_path / "none.zip", tmp_path / "again")


def test_the_verbs(workspace: Workspace, tmp_path: Path) -> None:
    call = [sys.executable, "-m", "sovereign"]
    made = subprocess.run(
        [*call, "backup", str(tmp_path / "b.zip"), "--workspace", str(workspace.path), "--json"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(made.stdout)["records"] == 1
    back = subprocess.run(
        [*call, "restore", str(tmp_path / "b.zip"), str(tmp_path / "again")], capture_output=True, text=True, check=True
    )
    assert "keys/owner.pem" in back.stdout
