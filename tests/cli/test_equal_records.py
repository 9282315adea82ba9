"""Equal question, library, policy and code give an equal body; another library gives another answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.calls import QUESTION, make_workspace

from sovereign import Library, ask
from sovereign.records import Record
from sovereign.starter import note_paths

SOURCE = Path(__file__).resolve().parents[2] / "src"


def test_two_fresh_asks_in_two_new_workspaces_give_one_body(tmp_path: Path) -> None:
    records = []
    for number, (zone, seed) in enumerate((("UTC", "1"), ("Asia/Tokyo", "77"))):
        path = make_workspace(tmp_path / f"workspace-{number}").path
        ended = subprocess.run(
            [sys.executable, "-m", "sovereign", "ask", QUESTION, "--fresh", "--json", "--workspace", str(path)],
            env={**os.environ, "PYTHONPATH": str(SOURCE), "TZ": zone, "PYTHONHASHSEED": seed, "LC_ALL": "C.UTF-8"},
            capture_output=True,
            timeout=300,
        )
        assert ended.returncode == 0, ended.stderr
        records.append(json.loads(ended.stdout))
    first, second = records
    assert first["id"] != second["id"]
    assert first["library_digest"] == second["library_digest"]
    assert first["body_digest"] == second["body_digest"]
    assert first["provenance"]["audit_head"] == second["provenance"]["audit_head"]


def answered(folder: Path, notes: dict[str, str]) -> Record:
    folder.mkdir()
    for name, text in notes.items():
        (folder / name).write_text(text, encoding="utf-8")
    with Library.open(folder / "library", create=True) as library:
        library.add(folder)
        return ask(QUESTION, library=library)


@pytest.fixture(scope="module")
def notes() -> dict[str, str]:
    chosen = ("anyexperts", "smoes", "dynmoe", "gemoe")
    return {path.name: path.read_text(encoding="utf-8") for path in note_paths() if path.stem in chosen}


def resting_on(record: Record, source: str) -> set[str]:
    """The sentences of the answer that rest on a source."""
    claims = {claim.id for claim in record.claims if any(quote.source == source for quote in claim.quotes)}
    return {sentence.text for sentence in record.answer.sentences if claims & set(sentence.claims)}


def test_a_deleted_note_takes_what_rested_on_it(tmp_path: Path, notes: dict[str, str]) -> None:
    whole = answered(tmp_path / "whole", notes)
    gone = {"anyexperts.md": "note:2511.18314", "smoes.md": "note:2604.23996"}
    for name, source in gone.items():
        sentences = resting_on(whole, source)
        assert sentences, f"nothing rests on {source}, so its deletion shows nothing"
        less = answered(tmp_path / name, {other: text for other, text in notes.items() if other != name})
        assert source not in {one.id for one in less.sources}
        assert not sentences & {sentence.text for sentence in less.answer.sentences}
        assert less.body_digest != whole.body_digest
    without = answered(tmp_path / "again", {name: text for name, text in notes.items() if name != "anyexperts.md"})
    assert "AnyExperts" in {system.name for system in without.missing_systems}


def test_a_changed_figure_changes_the_sentences_that_rest_on_it(tmp_path: Path, notes: dict[str, str]) -> None:
    whole = answered(tmp_path / "whole", notes)
    quoted = next(
        claim
        for claim in whole.claims
        for sentence in whole.answer.sentences
        if claim.id in sentence.claims and claim.facets.value is not None and "%" in claim.text
    )
    (source,) = {quote.source for quote in quoted.quotes}
    name = next(name for name, text in notes.items() if f"id: {source}" in text)
    figure = next(word for word in quoted.text.split() if word.strip(",.").endswith("%")).strip(",.")
    changed = quoted.text.replace(figure, "87.5%", 1)
    other = answered(tmp_path / "changed", {**notes, name: notes[name].replace(quoted.text, changed, 1)})
    assert any("87.5%" in sentence.text for sentence in other.answer.sentences)
    assert not any("87.5%" in sentence.text for sentence in whole.answer.sentences)
    assert other.body_digest != whole.body_digest


def test_the_order_of_adding_does_not_matter(tmp_path: Path, notes: dict[str, str]) -> None:
    forward = answered(tmp_path / "forward", notes)
    folder = tmp_path / "backward"
    folder.mkdir()
    with Library.open(folder / "library", create=True) as library:
        for name in sorted(notes, reverse=True):
            (folder / name).write_text(notes[name], encoding="utf-8")
            library.add(folder / name)
        assert ask(QUESTION, library=library).body_digest == forward.body_digest
