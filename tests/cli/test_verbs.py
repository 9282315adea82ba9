"""Every verb does what its help says, on a small workspace."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.calls import QUESTION, Call

from sovereign.cli import VERBS, main
from sovereign.inquiry.runs import RunState
from sovereign.records import Policy
from sovereign.workspace import Workspace


def test_init_makes_a_workspace_and_completes_it_without_changing_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = Call(tmp_path / "new", capsys)
    first = call("init", "--empty", "--json")
    assert first.code == 0 and first.json["sources"] == 0
    (call.path / "policy.toml").write_text('name = "mine"\n')
    second = call("init", "--json")
    assert second.code == 0 and second.json["sources"] > 40
    assert second.json["key"] == first.json["key"]
    assert Workspace.open(call.path).policy().name == "mine"
    assert oct((call.path / "keys" / "owner.pem").stat().st_mode & 0o777) == "0o600"


def test_library_add_search_status(empty_call: Call, tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "zebra.md").write_text("# ZebraRoute\n\nZebraRoute lowers latency by 12% against top-k routing.\n")
    (folder / "broken.md").write_bytes(b"\xff\xfe\x00")
    added = empty_call("library", "add", str(folder), "--json")
    assert added.code == 0 and added.json["added"] == 1
    assert [Path(one["where"]).name for one in added.json["failed"]] == ["broken.md"]
    assert empty_call("library", "add", str(folder), "--json").json["unchanged"] == 1
    found = empty_call("library", "search", "zebraroute", "--json")
    assert [one["rank"] for one in found.json] == [1] and found.json[0]["title"] == "ZebraRoute"
    assert "ZebraRoute" in empty_call("library", "search", "zebraroute").out
    assert empty_call("library", "search", "qwertyuiop").out == "nothing found\n"
    status = empty_call("library", "status", "--json")
    assert status.json["sources"] == 8 and len(status.json["digest"]) == 64
    assert "broken.md" in empty_call("library", "status").out


def test_ask_prints_the_very_record_that_is_stored(empty_call: Call) -> None:
    answer = empty_call("ask", QUESTION, "--json")
    record = empty_call.record
    assert answer.code == 0
    stored = empty_call.path / "records" / record.folder / "v1" / "record.json"
    assert answer.out.encode() == stored.read_bytes()
    assert "planning" in answer.err
    assert (empty_call.path / "site" / record.folder / "index.html").is_file()
    assert [event.type.value for event in empty_call.workspace.archive().events(record.id)] == ["drafted"]
    told = empty_call("ask", QUESTION)
    assert record.answer.sentences[0].text in told.out and "page" in told.out
    assert record.missing_systems[0].name == "MoE-CLIP" and "MoE-CLIP: named but not found" in told.out


def test_runs_and_resume(call: Call) -> None:
    (run,) = call("runs", "--json").json
    assert run["state"] == "done" and run["record"] == call.record.id and run["question"] == QUESTION
    one = call("runs", run["id"])
    assert all(stage["stage"] in one.out for stage in run["stages"])
    nothing = call("resume")
    assert nothing.code == 3 and "no run is unfinished" in nothing.err
    again = call("resume", run["id"], "--json")
    assert again.json["body_digest"] == call.record.body_digest
    assert len(call("runs", "--json").json) == 1


def test_runs_before_anything_ran(empty_call: Call) -> None:
    assert empty_call("runs").out == "no runs yet\n"
    assert empty_call("runs", "run-12345678").code == 3
    assert not (empty_call.path / "journal.sqlite").exists(), "a reading verb made a journal"


def test_review_from_draft_to_retracted(call: Call) -> None:
    record = call.record
    assert record.decision.policy is Policy.ESCALATE_TO_OWNER
    assert [one["record"] for one in call("review", "list", "--json").json] == [record.id]
    shown = call("review", "show", record.id)
    assert QUESTION in shown.out and "SKEPTIC" in shown.out and "drafted" in shown.out
    assert call("review", "reject", record.id, "--json").json["standing"] == "rejected"
    assert call("review", "list").out == "no drafts\n"
    approved = call("review", "approve", record.id, "--note", "read it", "--json")
    assert approved.json["standing"] == "published" and approved.json["public"] is True
    page = (call.path / "site" / record.folder / "index.html").read_text()
    assert "awaiting its owner" not in page
    assert call("review", "reject", record.id).code == 2
    assert call("review", "retract", record.id).code == 2, "retracting needs a note"
    assert call("review", "retract", record.id, "--note", "wrong", "--json").json["standing"] == "retracted"
    assert record.id in call("review", "list", "--all").out


def test_approving_what_the_policy_turned_down_needs_a_reason(empty_call: Call) -> None:
    (empty_call.path / "policy.toml").write_text("quarantine_below = 10.0\n")
    assert empty_call("ask", QUESTION).code == 0
    record = empty_call.record
    assert record.decision.policy is Policy.QUARANTINE and record.provenance.policy.quarantine_below == 10
    refused = empty_call("review", "approve", record.id)
    assert refused.code == 2 and "QUARANTINE" in refused.err and "--note" in refused.err
    assert empty_call("review", "approve", record.id, "--note", "the gaps are the news").code == 0


def test_a_policy_may_publish_without_the_owner_and_says_so(empty_call: Call) -> None:
    rules = "publish_without_owner = true\npublish_score = 0.0\npublish_claims = 0\nquarantine_below = 0.0\n"
    (empty_call.path / "policy.toml").write_text(rules + 'name = "open"\nrevise_below = 0.0\ndecline_below = 0.0\n')
    assert empty_call("ask", QUESTION).code == 0
    record = empty_call.record
    assert record.decision.policy is Policy.PUBLISH
    events = empty_call.workspace.archive().events(record.id)
    assert [event.type.value for event in events] == ["drafted", "approved"] and "policy 'open'" in events[1].note
    (run,) = empty_call("runs", "--json").json
    assert empty_call("resume", run["id"]).code == 0
    assert len(empty_call.workspace.archive().events(record.id)) == 2


def test_export_and_check(call: Call, tmp_path: Path) -> None:
    output = tmp_path / "record.zip"
    written = call("export", call.record.id, "--output", str(output), "--json")
    assert written.code == 0 and written.json["bytes"] == output.stat().st_size
    assert call("export", call.record.id, "--output", str(output)).code == 2, "overwritten without --force"
    assert call("export", call.record.id, "--output", str(output), "--force").code == 0
    keys = tmp_path / "keys.json"
    keys.write_text(call("keys", "show").out)
    assert call("check", str(output)).code == 4
    assert call("check", str(output), "--trust", written.json["signer"]).code == 0
    assert call("check", str(output), "--trust", str(keys)).code == 0
    data = bytearray(output.read_bytes())
    data[len(data) // 2] ^= 1
    output.write_bytes(bytes(data))
    broken = call("check", str(output), "--trust", str(keys), "--json")
    assert broken.code == 5 and broken.json["faults"] and broken.json["ok"] is False
    assert call("check", str(tmp_path / "none.zip")).code == 3


def test_keys_are_listed_and_the_private_half_is_never_shown(call: Call) -> None:
    (key,) = call("keys", "list", "--json").json
    assert key["fingerprint"] == call.workspace.key().fingerprint
    secret = (call.path / "keys" / "owner.pem").read_text().splitlines()[1]
    assert secret not in call("keys", "show").out + call("keys", "list").out
    assert call("keys", "show", "other").code == 3


def test_doctor_names_what_is_amiss_with_a_remedy(
    call: Call, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = {one["name"]: one for one in call("doctor", "--json").json}
    machine = {"versions", "sandbox", "provers", "disk"}
    assert set(found) == machine | {"workspace", "key", "policy", "library", "records", "runs", "services"}
    assert found["key"]["found"] == call.workspace.key().fingerprint
    (call.path / "policy.toml").write_text("revise_bellow = 3\n")
    (call.path / "keys" / "owner.pem").chmod(0o644)
    (call.path / "records" / call.record.folder / "v1" / "record.json").write_text("{}")
    found = {one["name"]: one for one in call("doctor", "--json").json}
    for name, word in (("policy", "revise_below"), ("key", "chmod"), ("records", "check")):
        assert not found[name]["ok"] and word in found[name]["remedy"], found[name]
    nowhere = Call(tmp_path / "nowhere", capsys)("doctor")
    assert nowhere.code == 0 and "sovereign init" in nowhere.out


def test_version(call: Call) -> None:
    assert call("version", "--json").json == {"version": call("version").out.strip()}


def test_demo_questions_are_answered_and_a_second_demo_adds_no_record(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # no bwrap there: a host without a sandbox
    call = Call(tmp_path / "demo", capsys)
    first = call("demo", "--json")
    assert first.code == 0 and first.json["measured"] == [] and first.json["sandbox"]["remedy"]
    assert len(first.json["records"]) == 4
    for row in first.json["records"]:
        assert row["gate"] == "UNVERIFIED" and row["version"] == 1
        assert f"0 of {row['cells']} cells reproduced" in row["gate_reason"]
        assert Path(row["page"]).is_file()
    told = call("demo")
    assert told.code == 0 and "UNVERIFIED" in told.out and "remedy" in told.out
    assert len(call.workspace.archive().list()) == 4


def test_an_unfinished_run_is_gone_on_with_unless_fresh(empty_call: Call) -> None:
    with (
        empty_call.workspace.journal() as journal,
        journal.start(QUESTION, run_id="run-old", record="SRCH:00000001", version=1),
    ):
        pass
    assert "going on with run-old" in empty_call("ask", QUESTION).err
    with empty_call.workspace.journal() as journal:
        assert journal.show("run-old").state is RunState.DONE
    assert empty_call.record.id == "SRCH:00000001"
    with (
        empty_call.workspace.journal() as journal,
        journal.start(QUESTION, run_id="run-older", record="SRCH:00000002", version=1),
    ):
        pass
    assert "going on" not in empty_call("ask", QUESTION, "--fresh").err
    with empty_call.workspace.journal() as journal:
        assert journal.show("run-older").state is RunState.INTERRUPTED


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])
    text = capsys.readouterr().out
    assert ended.value.code == 0 and text.startswith(f"Usage: sovereign {verb}")
    assert "Example" in text or "Commands:" in text


def test_what_a_source_says_does_not_drive_the_terminal(empty_call: Call, tmp_path: Path) -> None:
    note = tmp_path / "hostile.md"
    note.write_text("# Zebra\x1b[2J\u202eRoute\n\nZebra routing.\n")
    empty_call("library", "add", str(note))
    told = empty_call("library", "search", "zebra").out
    assert "Zebra" in told and "\x1b" not in told and "\u202e" not in told


def test_errors_are_json_on_stdout_when_asked_for(call: Call) -> None:
    for arguments, code in ((("ask", ""), 2), (("runs", "run-none"), 3), (("nonesuch",), 2), (("ask", "--what"), 2)):
        answer = call(*arguments, "--json")
        error = json.loads(answer.out)["error"]
        assert answer.code == error["exit_code"] == code and error["message"] and error["remedy"]
