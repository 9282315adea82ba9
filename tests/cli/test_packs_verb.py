"""`sovereign packs`, and the ways to name packs, records and inputs; an interrupted measurement that `resume` ends."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.calls import Call

from sovereign import measuring
from sovereign.gate import Bubblewrap, load_pack
from sovereign.records import SandboxUnavailable

PACK = "largest-decode-saving"


@pytest.fixture
def _sandbox() -> None:
    report = Bubblewrap().probe()
    if not report.ok:
        pytest.skip(f"no sandbox here: {report.reason}")


def test_list_and_show(call: Call) -> None:
    told = call("packs", "list")
    assert told.code == 0 and PACK in told.out and "scifact" in told.out
    rows = {row["name"]: row for row in call("packs", "list", "--json").json}
    assert rows["tfidf-seed-rule"]["inputs"] == ["scifact"] and rows[PACK]["from"] == "installed"
    shown = call("packs", "show", PACK)
    assert shown.code == 0 and "e128-k8-cut40-b16" in shown.out and "tolerance 0.0501" in shown.out
    whole = call("packs", "show", "tfidf-seed-rule", "--json").json
    assert whole["spec"]["inputs"][0]["name"] == "scifact" and len(whole["digest"]) == 64
    missing = call("packs", "show", "no-such-pack")
    assert missing.code == 3 and PACK in missing.err


def test_packs_are_listed_without_a_workspace(tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                               monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    from sovereign.cli import main

    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["packs", "list"])
    assert not ended.value.code and PACK in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_new_add_and_replace(call: Call, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    assert call("packs", "new", "mine", "-o", str(folder)).code == 0
    added = call("packs", "add", str(folder), "--json")
    assert added.code == 0 and added.json["digest"] == load_pack(folder).digest
    assert "mine" in call("packs", "list").out
    (folder / "run.py").write_text((folder / "run.py").read_text() + "\n# changed\n")
    refused = call("packs", "add", str(folder))
    assert refused.code == 2 and "--replace" in refused.err
    assert call("packs", "add", str(folder), "--replace").code == 0
    assert call("packs", "new", "mine", "-o", str(folder)).code == 2
    assert call("packs", "add", str(tmp_path / "nowhere")).code == 3


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["no-such-pack"], 3, "there is no pack"),
        ([PACK, "--repeat", "0"], 2, "1 to 100 times"),
        ([PACK, "--repeat", "101"], 2, "1 to 100 times"),
        ([PACK, "--input", "data"], 2, "is no NAME=PATH"),
        ([PACK, "--input", "data=x"], 2, "asks for an input 'data'"),
        (["tfidf-seed-rule"], 2, "needs an input of yours: scifact"),
        (["tfidf-seed-rule", "--input", "scifact=/nonexistent"], 3, "is not at /nonexistent"),
        (["tfidf-seed-rule", "--input", "scifact=a", "--input", "scifact=b"], 2, "given twice"),
        ([PACK, "--record", "SRCH:00000000"], 3, "SRCH:00000000"),
    ],
)
@pytest.mark.usefixtures("_sandbox")
def test_bad_calls_change_nothing(call: Call, arguments: list[str], code: int, words: str) -> None:
    with call.workspace.library() as library:
        before = library.digest()
    answer = call("reproduce", *arguments)
    assert answer.code == code and words in answer.err
    with call.workspace.library() as library:
        assert library.digest() == before
    assert call.record.version == 1


def test_without_a_sandbox_nothing_changes(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "default_sandbox", lambda: Bubblewrap("/nonexistent/bwrap"))
    answer = call("reproduce", PACK)
    assert answer.code == SandboxUnavailable.exit_code and call.record.version == 1


@pytest.mark.usefixtures("_sandbox")
def test_reproduce_a_record_runs_the_packs_that_match_it(call: Call) -> None:
    answer = call("reproduce", "--record", call.record.id, "--json")
    assert answer.code == 0, answer.err
    assert [one["pack"] for one in answer.json["measured"]] == ["expected-distinct-experts", PACK]
    assert [record["version"] for record in answer.json["records"]] == [2]
    assert f"{PACK} |" in answer.err, "what a pack prints is shown while it runs"


@pytest.mark.usefixtures("_sandbox")
def test_ask_and_reproduce_says_first_which_packs_and_why(empty_call: Call) -> None:
    question = "How does AnyExperts compare to top-k routing in latency on VQAv2?"
    answer = empty_call("ask", question, "--reproduce")
    assert answer.code == 0, answer.err
    assert f"{PACK} (about 1 s)" in answer.err
    assert "stands beside cell-1: its claim" in answer.err
    assert answer.err.index("stands beside cell-1") < answer.err.index("running the pack")
    assert empty_call.record.version == 2


@pytest.mark.usefixtures("_sandbox")
def test_an_interrupted_measurement_is_listed_and_resumed(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = measuring.run_pack

    def stopped(*args: object, **kwargs: object) -> object:
        if kwargs["repetition"] == 2:
            raise KeyboardInterrupt
        return plain(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(measuring, "run_pack", stopped)
    answer = call("reproduce", PACK, "--record", call.record.id, "--repeat", "2")
    assert answer.code == 130 and "sovereign resume run-" in answer.err
    monkeypatch.setattr(measuring, "run_pack", plain)
    (run,) = [one for one in call("runs", "--json").json if one["purpose"] == "measure"]
    assert run["state"] == "interrupted" and [stage["stage"] for stage in run["stages"]] == [f"pack {PACK}"]
    resumed = call("resume", "--json")
    assert resumed.code == 0, resumed.err
    assert resumed.json["measured"][0]["runs"] == 2 and resumed.json["records"][0]["version"] == 2
    assert "run 1 of 2" not in resumed.err, "a run that was signed was made again"
    assert call.record.version == 2
