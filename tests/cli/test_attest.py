"""`sovereign attest` with two workspaces and the real sandbox: request, run, import. Skipped without a sandbox."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.calls import Call
from tests.support.forge import unpack

from sovereign import gate
from sovereign.seal import pack_files
from sovereign.workspace import Workspace

PACK = "expected-distinct-experts"


@pytest.fixture(scope="module", autouse=True)
def _sandbox() -> None:
    report = gate.probe()
    if not report.ok:
        pytest.skip(f"no sandbox here: {report.reason}")


@pytest.fixture
def other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    return Call(Workspace.create(tmp_path / "other", starter=False).path, capsys)


def test_another_party_on_this_very_machine_is_a_repeat(call: Call, other: Call, tmp_path: Path) -> None:
    record = call.record.id
    assert call("reproduce", record, "--pack", PACK).code == 0
    request, answer, keys = (str(tmp_path / name) for name in ("request.zip", "answer.zip", "keys.json"))
    asked = call("attest", "export", record, "--output", request, "--json")
    assert asked.json["record"] == record and [one["name"] for one in asked.json["packs"]] == [PACK]
    ran = other("attest", "run", request, "--output", answer)
    assert ran.code == 0, ran.err
    assert f"{PACK}: supported" in ran.out
    assert other("attest", "run", request, "--output", answer).code == 2  # never over an existing file
    assert other("keys", "export", "-o", keys).code == 0
    assert call("keys", "trust", keys, "--role", "second-party", "--party", "Lab B", "--id", "lab-b").code == 0
    brought = call("attest", "import", answer)
    assert brought.code == 0, brought.err
    assert "a repeat" in brought.out and "same hardware" in brought.out
    exported, trust = str(tmp_path / "x.zip"), str(tmp_path / "owner.json")
    call("keys", "export", "-o", trust)
    call("export", record, "-o", exported)
    checked = call("check", exported, "--trust", trust)
    assert checked.code == 0, checked.out
    assert "cannot be known offline" in checked.out and "verification level" in checked.out
    again = call("attest", "import", answer)
    assert (again.code, "already" in again.err) == (2, True)


def test_a_request_for_a_pack_alone_and_a_forged_one(call: Call, other: Call, tmp_path: Path) -> None:
    request = tmp_path / "request.zip"
    assert call("attest", "export", PACK, "-o", str(request)).code == 0
    folder, files = unpack(request.read_bytes())
    assert folder == "packs"
    forged = {name: data + b"\n# more" if name.endswith("run.py") else data for name, data in files.items()}
    loose = forged.pop("request.json")
    path = tmp_path / "forged.zip"
    path.write_bytes(pack_files({"request.json": loose, **{f"packs/{name}": data for name, data in forged.items()}}))
    refused = other("attest", "run", str(path), "-o", str(tmp_path / "a.zip"))
    assert (refused.code, "not the one that the request names" in refused.err) == (2, True)
    for junk in (b"", b"PK", request.read_bytes()[:-1]):
        path.write_bytes(junk)
        assert other("attest", "run", str(path), "-o", str(tmp_path / "a.zip")).code == 2
    assert call("attest", "export", "no-such-pack", "-o", str(tmp_path / "b.zip")).code == 3
    assert not (tmp_path / "a.zip").exists()


def test_a_review_from_the_command_line(call: Call, other: Call, tmp_path: Path) -> None:
    record = call.record.id
    exported, answer, keys = (str(tmp_path / name) for name in ("x.zip", "review.zip", "keys.json"))
    call("export", record, "-o", exported)
    bare = other("attest", "review", exported, "--verdict", "objected", "-o", answer)
    assert (bare.code, "needs its reason" in bare.err) == (2, True)
    assert other("attest", "review", exported, "--verdict", "endorsed", "--note", "read", "-o", answer).code == 0
    other("keys", "export", "-o", keys)
    call("keys", "trust", keys, "--role", "reviewer", "--party", "Dr R", "--id", "dr-r")
    brought = call("attest", "import", answer)
    assert "an external review" in brought.out
    assert "verification level" in brought.out  # nothing ran behind this answer, so the review lifts nothing
    folder, owner = str(call.workspace.archive().path(record)), call.workspace.key().fingerprint
    assert call("check", folder, "--trust", owner).code == 0
