"""SIGKILL between results, attestation, library and record, and at random times: never a verdict from a partial run,
`resume` finishes, and no run that was signed is made again."""

from __future__ import annotations

import base64
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.cli.test_verdicts import PACK_TOML, QUESTION, RUN
from tests.support.inquire import work, write_works

from sovereign import workflow
from sovereign.check import check_path
from sovereign.inquiry.runs import RunInfo, RunState
from sovereign.records import GateStatus, NotFound
from sovereign.seal import digest, verify
from sovereign.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]
PACK = "tiny-latency"
REPEAT = 2
#: Each run is a little different and takes a moment, so that kills fall into it, too.
SCRIPT = RUN.replace("MS", '4.0 + int(os.environ["SOVEREIGN_SEED"]) / 100', 1).replace("ERROR", "0.01", 1)
SCRIPT = f"import time\ntime.sleep(0.15)\n{SCRIPT}"
PLACES = [
    ("results", "before", 1), ("results", "after", 1), ("attestation", "before", 2), ("attestation", "after", 1),
    ("stored run", "before", 1), ("stored run", "after", 1), ("stored run", "after", 2),
    ("together", "before", 1), ("together", "after", 1), ("library", "before", 1), ("library", "after", 1),
    ("record", "before", 1), ("record", "after", 1), ("pages", "before", 1), ("pages", "after", 1),
    ("finish", "before", 1), ("finish", "before", 2),
]  # fmt: skip


class Driver:
    """The process that kills; see reproducing.py."""

    def __init__(self) -> None:
        path = os.pathsep.join([str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")])
        self._process = subprocess.Popen(
            [sys.executable, str(ROOT / "tests" / "chaos" / "reproducing.py")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path},
        )  # fmt: skip
        self.ready = self._reply()

    def _reply(self) -> dict[str, Any]:
        assert self._process.stdout
        reply: dict[str, Any] = json.loads(self._process.stdout.readline())
        return reply

    def __call__(self, verb: str, workspace: Path, **job: Any) -> dict[str, Any]:
        log = workspace.with_suffix(".log")
        (record,) = Workspace.open(workspace).archive().list()
        job |= {"verb": verb, "workspace": str(workspace), "record": record, "pack": PACK, "repeat": REPEAT}
        assert self._process.stdin
        self._process.stdin.write(json.dumps({**job, "log": str(log)}) + "\n")
        self._process.stdin.flush()
        return {**self._reply(), "log": log.read_text()}

    def close(self) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.wait(timeout=60)
        self._process.stdout.close()


@dataclass(frozen=True)
class Undisturbed:
    """A workspace that nobody killed anything in, and how long its reproduction took."""

    base: Path
    body: str
    library: str
    seconds: float


@pytest.fixture(scope="module")
def driver() -> Iterator[Driver]:
    started = Driver()
    if not started.ready["ok"]:
        started.close()
        pytest.skip(f"no sandbox here: {started.ready['reason']}")
    yield started
    started.close()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, driver: Driver) -> Undisturbed:
    folder = tmp_path_factory.mktemp("base")
    workspace = Workspace.create(folder / "workspace", starter=False)
    works = [work("2401.00001", "TinyRouter: a small router", "TinyRouter is a mixture-of-experts router for VQAv2.")]
    with workspace.library() as library:
        library.add(write_works(folder, works))
    place = workspace.packs_path / PACK
    place.mkdir(parents=True)
    toml = PACK_TOML.replace("{tolerance}", "0.5").replace("{conditions}", "").replace("{more}", "")
    (place / "pack.toml").write_text(toml)
    (place / "run.py").write_text(SCRIPT)
    workflow.ask(workspace, QUESTION)
    whole = Path(shutil.copytree(workspace.path, folder / "undisturbed"))
    reply = driver("reproduce", whole)
    assert reply["code"] == 0, reply["log"]
    opened = Workspace.open(whole)
    (name,) = opened.archive().list()
    record = opened.archive().load(name)
    assert record.version == 2 and record.gate_verdict.status is GateStatus.VERIFIED
    with opened.library() as library:
        held = library.digest()
    return Undisturbed(workspace.path, record.body_digest, held, reply["seconds"])


@pytest.fixture
def workspace(tmp_path: Path, undisturbed: Undisturbed) -> Path:
    return Path(shutil.copytree(undisturbed.base, tmp_path / "workspace"))


def measuring_run(path: Path) -> RunInfo | None:
    with Workspace.open(path).journal() as journal:
        return next((info for info in journal.list() if info.purpose == workflow.MEASURE), None)


def assert_nothing_partial(path: Path, finished: bool = False) -> None:
    """Whatever stands on disk after a kill: a measurement and a verdict only from all runs, each of them signed."""
    opened = Workspace.open(path)
    key = opened.key()
    archive = opened.archive()
    (name,) = archive.list()
    record = archive.load(name)
    info = measuring_run(path)
    done = [row for row in info.stages if row.stage == f"pack {PACK}"] if info is not None else []
    with opened.library() as library:
        try:
            stored = library.get(f"measurement:{PACK}")
        except NotFound:
            stored = None
    if stored is not None:
        assert len(done) == REPEAT and len(stored.meta["runs"]) == REPEAT
        signed = verify(stored.meta["attestation"].encode(), {key.fingerprint: key.public_bytes})
        assert signed.subjects["results.json"] == digest(stored.text)
        for run in stored.meta["runs"]:
            one = verify(run["attestation"].encode(), {key.fingerprint: key.public_bytes})
            assert one.subjects["results.json"] == digest(run["results"])
    if record.version == 1:
        assert record.gate_verdict.status is GateStatus.UNVERIFIED and not record.reproductions
    else:
        assert stored is not None and len(record.reproductions) == 1 and record.reproductions[0].runs == REPEAT
    report = check_path(path / "records" / record.folder, trust=[key.fingerprint])
    # A folder whose event was not yet written is no version: `check` says just that, and the next writer removes it.
    cut_off = [fault for fault in report.faults if "no event opens it: its writing was cut off" in fault.what]
    assert report.faults == (cut_off if record.version == 1 and not finished else []), report.faults


def assert_finished(path: Path, undisturbed: Undisturbed, before: RunInfo | None) -> None:
    opened = Workspace.open(path)
    (name,) = opened.archive().list()
    record = opened.archive().load(name)
    assert (record.version, record.body_digest) == (2, undisturbed.body)
    assert [event.type.value for event in opened.archive().events(name)] == ["drafted", "reproduced"]
    with opened.library() as library:
        assert library.digest() == undisturbed.library
    info = measuring_run(path)
    assert info is not None and info.state is RunState.DONE
    assert [row.stage for row in info.stages] == [f"pack {PACK}"] * REPEAT
    if before is not None:
        assert info.id == before.id
        assert info.stages[: len(before.stages)] == before.stages, "a run that was signed was made again"
    with opened.journal() as journal:
        assert journal.unfinished() == ()
    assert_nothing_partial(path, finished=True)


def go_on(driver: Driver, path: Path) -> RunInfo | None:
    """`resume` after a kill, or `reproduce` where it came before anything was begun."""
    before = measuring_run(path)
    if before is None or before.state is RunState.DONE:
        if before is None:
            again = driver("reproduce", path)
            assert again["code"] == 0, again["log"]
        return before
    again = driver("resume", path)
    assert again["code"] == 0, again["log"]
    return before


@pytest.mark.parametrize(("place", "when", "on_call"), PLACES)
def test_killed_between_results_attestation_library_and_record(
    driver: Driver, workspace: Path, undisturbed: Undisturbed, place: str, when: str, on_call: int
) -> None:
    reply = driver("reproduce", workspace, place=place, when=when, on_call=on_call)
    assert reply["code"] == -signal.SIGKILL, reply["log"]
    assert_nothing_partial(workspace)
    before = go_on(driver, workspace)
    assert before is not None
    assert_finished(workspace, undisturbed, before)


@pytest.mark.parametrize("trial", range(20))
def test_killed_at_a_random_time(driver: Driver, workspace: Path, undisturbed: Undisturbed, trial: int) -> None:
    seconds = random.Random(f"reproduce {trial}").uniform(0, undisturbed.seconds)
    reply = driver("reproduce", workspace, seconds=seconds)
    assert reply["code"] in (0, -signal.SIGKILL), reply["log"]
    assert_nothing_partial(workspace)
    assert_finished(workspace, undisturbed, go_on(driver, workspace))


def test_killed_again_and_again(driver: Driver, workspace: Path, undisturbed: Undisturbed) -> None:
    """Each attempt dies one step further on; every run is made once."""
    first = driver("reproduce", workspace, place="stored run", when="after", on_call=1)
    assert first["code"] == -signal.SIGKILL
    for place in ("attestation", "library", "record", "pages"):
        again = driver("resume", workspace, place=place, when="before")
        assert again["code"] == -signal.SIGKILL, again["log"]
        assert_nothing_partial(workspace)
    assert_finished(workspace, undisturbed, go_on(driver, workspace))


def test_a_stored_run_that_was_edited_gives_no_verdict(
    driver: Driver, workspace: Path, undisturbed: Undisturbed
) -> None:
    """Somebody mends a result in the journal between a kill and `resume`."""
    import sqlite3

    assert driver("reproduce", workspace, place="stored run", when="after", on_call=1)["code"] == -signal.SIGKILL
    with sqlite3.connect(Workspace.open(workspace).journal_path) as db:
        stored = "SELECT sha256, body FROM outputs JOIN audit ON sha256 = output_sha256 WHERE stage = ?"
        sha, body = db.execute(stored, (f"pack {PACK}",)).fetchone()
        changed = bytes(body).replace(b"4.0", b"3.9")
        assert changed != bytes(body)
        db.execute("UPDATE outputs SET body = ? WHERE sha256 = ?", (changed, sha))
    again = driver("resume", workspace)
    assert again["code"] == 1 and "the journal was edited or is damaged" in again["log"]
    assert_nothing_partial(workspace)


def test_the_attestation_of_a_run_is_over_its_own_results(
    driver: Driver, workspace: Path, undisturbed: Undisturbed
) -> None:
    """The positive control of what is asserted above: runs have seeds, results and statements of their own."""
    assert driver("reproduce", workspace)["code"] == 0
    opened = Workspace.open(workspace)
    with opened.library() as library:
        runs = library.get(f"measurement:{PACK}").meta["runs"]
    payloads = [json.loads(base64.b64decode(json.loads(run["attestation"])["payload"])) for run in runs]
    assert [payload["predicate"]["seed"] for payload in payloads] == [3, 4]
    assert len({run["results"] for run in runs}) == REPEAT
