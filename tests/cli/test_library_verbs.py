"""`library export`, `dedupe`, `remove` and `refresh` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.calls import Call

BIB = """@article{doe2020, title={A study of caches for experts}, author={Doe, Jane}, year={2021}, doi={10.1234/x},
journal={J. Caches}, abstract={On mixture-of-experts latency: the published abstract is the longer one of the two.}}
"""
ROW = {
    "id": "2001.00001",
    "title": "A study of caches for experts",
    "authors": ["Jane Doe"],
    "summary": "On mixture-of-experts latency.",
    "abs": "https://arxiv.org/abs/2001.00001",
}


@pytest.fixture
def call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    made = Call(tmp_path / "w", capsys)
    assert made("init").code == 0
    (tmp_path / "lib.bib").write_text(BIB)
    (tmp_path / "rows.jsonl").write_text(json.dumps(ROW) + "\n")
    ended = made("library", "add", str(tmp_path / "lib.bib"), str(tmp_path / "rows.jsonl"), "--json")
    assert ended.code == 0 and ended.json["added"] == 2
    return made


def test_dedupe_shows_then_merges_and_export_has_both_identifiers(call: Call, tmp_path: Path) -> None:
    shown = call("library", "dedupe")
    assert shown.code == 0 and "doi:10.1234/x: same title, first author Doe, years 2020 and 2021" in shown.out
    assert "--apply merges them" in shown.out
    done = call("library", "dedupe", "--apply", "--json").json
    assert [(one["keep"], one["others"]) for one in done["works"]] == [("arxiv:2001.00001", ["doi:10.1234/x"])]
    assert call("library", "dedupe", "--json").json["works"] == []
    written = call("library", "export", "--format", "bibtex").out
    assert "doi = {10.1234/x}" in written and "eprint = {2001.00001}" in written
    assert "@article{doe2020," in written and "our note" not in written
    out = tmp_path / "out.json"
    assert call("library", "export", "--format", "csl-json", "-o", str(out)).code == 0
    assert json.loads(out.read_text())[0]["DOI"] == "10.1234/x"


def test_remove_refresh_and_a_records_bibliography(call: Call, tmp_path: Path) -> None:
    asked = call("ask", "How do caches for experts change latency?", "--json")
    assert asked.code == 0, asked.err
    missing = call("library", "remove", "doi:10.1234/x", "doi:10.1234/none")
    assert missing.code == 3 and "10.1234/none" in missing.err
    assert call("library", "remove", "doi:10.1234/x", "arxiv:2001.00001").code == 0
    cited = call("library", "export", "--format", "ris", "--record", asked.json["id"])
    works = [source for source in asked.json["sources"] if source["kind"] == "work"]
    assert cited.code == 0 and cited.out.count("TY  - ") == len(works) > 0
    (tmp_path / "lib.bib").write_text(BIB.replace("longer", "much longer"))
    told = call("library", "refresh", "--json").json
    assert told["added"] == 1 and told["gone"] == []
    assert call("library", "export", "--record", "SRCH:00000000").code == 3
