"""Repeated runs and runs of a pack that was changed since: a forger who holds the right key is named all the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.cli.test_verdicts import QUESTION, pack
from tests.support.forge import Files, judged_again, record_of, repack, resign, unpack, with_record
from tests.support.inquire import work, write_works

from sovereign import workflow
from sovereign.check import Report, check_path
from sovereign.gate import Bubblewrap, add_pack
from sovereign.seal import Key, canonical
from sovereign.workspace import Workspace

VERSION = 3


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Key]:
    """An export whose third version rests on two runs of a pack; with a narrower tolerance it had been refuted."""
    report = Bubblewrap().probe()
    if not report.ok:
        pytest.skip(f"no sandbox here: {report.reason}")
    folder = tmp_path_factory.mktemp("runs")
    workspace = Workspace.create(folder / "workspace", starter=False)
    works = [work("2401.00001", "TinyRouter: a small router", "TinyRouter is a mixture-of-experts router for VQAv2.")]
    with workspace.library() as library:
        library.add(write_works(folder, works))
    record = workflow.ask(workspace, QUESTION)
    add_pack(pack(folder / "pack", ms=5.25), workspace.packs_path)
    workflow.reproduce(workspace, record.id, ["tiny-latency"])
    made = pack(folder / "pack", ms=5.25, tolerance=2.0)
    script = (made / "run.py").read_text().replace('"ms": 5.25', '"ms": 5.2 + int(os.environ["SOVEREIGN_SEED"]) / 100')
    (made / "run.py").write_text(script)
    add_pack(made, workspace.packs_path, replace=True)
    workflow.reproduce(workspace, record.id, ["tiny-latency"], repeat=2)
    key = workspace.key()
    return workspace.archive().export(record.id, folder / "x.zip", key=key).read_bytes(), key


def check(files: Files, folder: str, key: Key, path: Path, record: dict[str, Any] | None = None) -> Report:
    """Everything recomputed and signed again by the owner's own key, then checked."""
    if record is not None:
        files = with_record(files, judged_again(files, record), VERSION)
    return check_path(repack(folder, resign(files, key), path), trust=[key.fingerprint])


def test_the_honest_one_is_sound(honest: tuple[bytes, Key], tmp_path: Path) -> None:
    data, key = honest
    folder, files = unpack(data)
    assert check(files, folder, key, tmp_path / "x.zip").exit_code == 0
    run = record_of(files, VERSION)["reproductions"][0]
    assert (run["runs"], len(run["earlier"])) == (2, 1)


FORGERIES = {
    "a tolerance that was never changed": "earlier[0]",
    "no earlier run at all": "is of no earlier run",
    "an earlier outcome made good": "earlier[0]",
    "one run more": "not the files of 3 runs",
    "a single run's results exchanged": "runs/1/results.json",
    "a run left out": "not the files of 2 runs",
    "another spread": "outcomes[0].spread",
    "another reason": "outcomes[0].reason",
    "more isolation than there was": "isolation",
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forgery_is_named(honest: tuple[bytes, Key], tmp_path: Path, forgery: str) -> None:
    data, key = honest
    folder, files = unpack(data)
    record = record_of(files, VERSION)
    run = record["reproductions"][0]
    prefix = f"v{VERSION}/reproductions/{run['results_sha256']}/"
    if forgery == "a tolerance that was never changed":
        run["earlier"][0]["changed"] = []
    elif forgery == "no earlier run at all":
        run["earlier"] = []
    elif forgery == "an earlier outcome made good":
        run["earlier"][0]["outcomes"]["latency"] = "supported"
    elif forgery == "one run more":
        run["runs"] = 3
    elif forgery == "a single run's results exchanged":
        name = f"{prefix}runs/1/results.json"
        values = json.loads(files[name])
        values["values"]["latency"]["ms"] = 4.0
        files[name] = canonical(values)
    elif forgery == "a run left out":
        files = {name: content for name, content in files.items() if f"{prefix}runs/2/" not in name}
    elif forgery == "another spread":
        run["outcomes"][0]["spread"] = [5.24, 5.24]
    elif forgery == "another reason":
        run["outcomes"][0]["reason"] = "measured with great care"
    else:
        run["isolation"] = "bubblewrap/better-than-full"
    report = check(files, folder, key, tmp_path / "x.zip", record)
    assert report.exit_code == 5
    said = [f"{fault.where}: {fault.what}" for fault in report.faults]
    assert any(FORGERIES[forgery] in line for line in said), said


def test_what_was_dropped_with_its_files_cannot_be_seen_offline(honest: tuple[bytes, Key], tmp_path: Path) -> None:
    """What no check can know: an owner who leaves out a run wholly. docs/packs.md says so; this pins the limit."""
    data, key = honest
    folder, files = unpack(data)
    record = record_of(files, VERSION)
    run = record["reproductions"][0]
    prefix = f"v{VERSION}/reproductions/{run['results_sha256']}/earlier/"
    record["reproductions"][0]["earlier"] = []
    left = {name: content for name, content in files.items() if not name.startswith(prefix)}
    report = check(left, folder, key, tmp_path / "x.zip", record)
    assert not any("earlier" in fault.where for fault in report.faults)
