"""The run asks a command line in processes of its own; a small stand-in for it lets the run itself be tested."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

import pytest
from benchmarks.questions import run

#: A command line that knows `init`, `library add`, `ask` and `version`, and answers every question with one gap.
STAND_IN = """
import hashlib, json, pathlib, sys
words = [w for w in sys.argv[1:] if not w.startswith("--")]
space = pathlib.Path(sys.argv[sys.argv.index("--workspace") + 1]) if "--workspace" in sys.argv else None
verb = words[0]
if verb == "init":
    space.mkdir(parents=True)
elif verb == "library" and words[1] == "add":
    (space / "documents").write_text(str(sum(1 for _ in pathlib.Path(words[2]).iterdir())))
elif verb == "library":
    print(json.dumps({"documents": int((space / "documents").read_text()), "folder": str(space)}))
elif verb == "version":
    print(json.dumps({"version": "0.0-test"}))
elif verb == "ask" and "SMoES" in words[1]:
    sys.exit("it fell over")
elif verb == "ask":
    key = hashlib.sha256(words[1].encode()).hexdigest()[:8]
    record = {"id": "SRCH:" + key.upper(), "version": 1, "library_digest": "d" * 64, "question": {"text": words[1]},
              "answer": {"status": "no_evidence", "sentences": []}, "claims": [], "sources": [], "cells": [],
              "missing_systems": []}
    folder = space / "records" / ("srch-" + key) / "v1"
    folder.mkdir(parents=True)
    (folder / "record.json").write_text(json.dumps(record))
    print(json.dumps(record))
"""


@pytest.fixture
def command(tmp_path: Path) -> str:
    script = tmp_path / "stand_in.py"
    script.write_text(STAND_IN)
    return f"{sys.executable} {script}"


def test_run_asks_grades_and_writes(command: str, tmp_path: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "out" / "questions.json"
    data.mkdir()
    (data / "one.jsonl").write_text("{}")
    assert run.main(["--data", str(data), "--out", str(out), "--sovereign", command]) == 1
    result = json.loads(out.read_text())
    assert result["version"] == {"version": "0.0-test"} and result["machine"]["cores"]
    assert result["library"]["digests"] == ["d" * 64] and result["library"]["status"] == {"documents": 1}
    assert len(result["asked"]) == 13 and result["asked"]["S0"]["same_as_stored"] is True
    assert result["asked"]["S2"]["exit"] == 1 and result["asked"]["S2"]["error"] == "it fell over"
    assert result["grades"]["overall"]["without_record"] == ["S2", "D16", "D22"]
    assert result["grades"]["overall"]["must_find"]["of"] == 63
    assert str(tmp_path) not in out.read_text()


def test_run_that_cannot_be_made(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = ["--out", str(tmp_path / "out.json")]
    assert run.main(["--data", str(tmp_path / "absent"), *out]) == 2
    data = tmp_path / "data"
    data.mkdir()
    assert run.main(["--data", str(data), *out, "--sovereign", "no-such-command-here"]) == 2
    assert run.main(["--data", str(data), *out, "--sovereign", command, "--workspace", str(data)]) == 2
    assert run.main(["--data", str(data), *out, "--sovereign", f"{sys.executable} -c 1/0"]) == 2
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert not (tmp_path / "out.json").exists()


def test_collections_become_markdown(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "corpus.jsonl.gz", "wt") as lines:
        lines.write(json.dumps({"doc_id": 7, "title": 'A "quoted": title', "abstract": ["One. ", "Two."]}) + "\n")
    (tmp_path / "corpus.jsonl").write_text(json.dumps({"_id": "CACM-0001", "title": "T", "text": "B"}) + "\n")
    (tmp_path / "pqa.json").write_text(json.dumps({"12": {"QUESTION": "Q?", "CONTEXTS": ["C."], "LONG_ANSWER": "L."}}))
    for collection, name in (("scifact", "corpus.jsonl.gz"), ("cacm", "corpus.jsonl"), ("pubmedqa", "pqa.json")):
        assert run.write_markdown(collection, tmp_path / name, tmp_path / collection) == 1
    made = (tmp_path / "scifact" / "scifact-7.md").read_text()
    assert 'id: "scifact:7"\nkind: work\ntitle: "A \\"quoted\\": title"' in made and made.endswith("One. Two.\n")
    assert (tmp_path / "pubmedqa" / "pubmedqa-12.md").read_text().endswith("C. L.\n")
    with pytest.raises(ValueError, match="unknown collection"):
        next(run.documents("other", tmp_path))
