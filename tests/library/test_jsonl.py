"""The JSON readers: arXiv rows, generic rows, broken lines, bombs."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from sovereign.library import Library
from sovereign.library.readers import Document, JsonlReader

from .conftest import make_rows, write_rows

ARXIV = {
    "id": "2604.23996v2", "title": "SMoES:  Soft\n Specialization", "summary": "We propose\nSMoES.", "authors": ["A B"],
    "abs": "https://arxiv.org/abs/2604.23996v2", "categories": ["cs.LG"], "comment": None,
}  # fmt: skip


def test_arxiv_rows(library: Library, tmp_path: Path) -> None:
    old = {"id": "hep-th/9901001", "title": "Old", "summary": "", "abs": "https://arxiv.org/abs/hep-th/9901001"}
    report = library.add(write_rows(tmp_path / "arxiv.jsonl", [ARXIV, old]))
    assert (report.added, report.failed) == (2, ())
    source = library.get("arxiv:2604.23996")
    assert source.text == "SMoES:  Soft\n Specialization\n\nWe propose\nSMoES."
    assert source.title == "SMoES: Soft Specialization"
    assert (source.kind, source.text_level, source.year, source.authors) == ("work", "abstract", 2026, ("A B",))
    assert source.address == "https://arxiv.org/abs/2604.23996v2"
    assert source.meta == {"categories": ["cs.LG"]}
    assert library.get("arxiv:hep-th/9901001").text_level == "metadata"
    assert library.get("arxiv:hep-th/9901001").year == 1999
    assert [o.role for o in library.owners("smoes")] == ["owner"]


@pytest.mark.parametrize("name", ["corpus.jsonl", "corpus.jsonl.gz"])
def test_generic_rows(library: Library, tmp_path: Path, name: str) -> None:
    rows = [
        {"doc_id": 4983, "title": "Matter", "abstract": ["One sentence. ", "Another."], "structured": False},
        {"_id": "CACM-0001", "title": "", "text": "Only text"},
        {"id": "doi:10.1/abc", "title": "By scheme", "contents": "Body"},
        {"id": "x 1", "title": "Title alone"},
    ]
    path = tmp_path / "SciFact" / name
    path.parent.mkdir()
    text = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    library.add(path)
    assert library.ids() == ["doi:10.1/abc", "scifact:4983", "scifact:CACM-0001", "scifact:x-1"]
    assert library.get("scifact:4983").text == "Matter\n\nOne sentence. Another."
    assert library.get("scifact:CACM-0001").text == "Only text"
    assert library.get("scifact:x-1").text_level == "metadata"


def test_one_broken_line_among_many(library: Library, tmp_path: Path) -> None:
    rows = make_rows(4, 20_000, words=6)
    path = write_rows(tmp_path / "many.jsonl", rows)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[12_344] = lines[12_344][:30] + b"\n"
    path.write_bytes(b"".join(lines))
    report = library.add(path)
    assert report.added == 19_999
    assert [f.where for f in report.failed] == [f"{path}:12345"]
    assert "not valid JSON" in report.failed[0].reason


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"_id": "1", "title": "caf\xe9"}', "UTF-8"),
        (b"[1, 2]", "JSON object"),
        (b"nonsense", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b'{"title": "no id"}', "_id"),
        (b'{"_id": "1"}', "neither a title nor a text"),
        (b'{"_id": {"a": 1}, "title": "t"}', "_id"),
        (b'{"_id": "1", "title": "half \\ud800"}', "surrogate"),
        (b'{"_id": "1", "title": "nul \\u0000"}', "NUL"),
        (b'{"_id": "' + b"x" * 500 + b'", "title": "t"}', "unusable id"),
        (b'{"_id": "1", "title": "' + b"x" * 4_000_000 + b'"}', "longer than"),
    ],
)
def test_hostile_lines(library: Library, tmp_path: Path, line: bytes, said: str) -> None:
    path = tmp_path / "h.jsonl"
    path.write_bytes(b'{"_id": "a", "title": "Good"}\n' + line + b'\n\n{"_id": "b", "title": "Also good"}')
    report = library.add(path)
    assert library.ids() == ["h:a", "h:b"]
    assert [f.where for f in report.failed] == [f"{path}:2"]
    assert said in report.failed[0].reason


def _read(path: Path, **options: int) -> list[object]:
    return list(JsonlReader(**options).read(Document(path, path)))  # type: ignore[arg-type]


def test_gzip_bomb_is_stopped(tmp_path: Path) -> None:
    path = tmp_path / "bomb.jsonl.gz"
    with gzip.open(path, "wb") as bomb:
        bomb.write(b'{"_id": "a", "title": "Good"}\n')
        for _ in range(120):
            bomb.write(b"\0" * 1_000_000)
    found = _read(path)
    assert [getattr(f, "id", None) for f in found] == ["bomb:a", None, None]
    assert "longer than" in found[1].reason and "gzip bomb" in found[2].reason  # type: ignore[attr-defined]


def test_size_limit(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "big.jsonl", make_rows(1, 40_000))
    assert path.stat().st_size > 3_000_000
    found = _read(path, max_bytes=2_000_000)
    assert "is over 2,000,000 bytes" in found[-1].reason  # type: ignore[attr-defined]
    assert len(found) > 1000


def test_damaged_gzip_keeps_what_was_read(library: Library, tmp_path: Path) -> None:
    whole = gzip.compress(write_rows(tmp_path / "x.jsonl", make_rows(1, 30_000)).read_bytes())
    path = tmp_path / "cut.jsonl.gz"
    path.write_bytes(whole[: len(whole) * 3 // 4])
    report = library.add(path)
    assert 1000 < report.added < 30_000
    assert "gzip" in report.failed[0].reason
    (tmp_path / "not.jsonl.gz").write_bytes(b"plain text")
    assert "gzip" in library.add(tmp_path / "not.jsonl.gz").failed[0].reason


def test_an_endless_list_of_failures_ends(library: Library, tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(b"x\n" * 5000)
    failed = library.add(path).failed
    assert len(failed) == 1001
    assert "really JSON lines" in failed[-1].reason


def test_empty_file(library: Library, tmp_path: Path) -> None:
    (tmp_path / "e.jsonl").write_bytes(b"")
    assert "empty" in library.add(tmp_path / "e.jsonl").failed[0].reason


def test_collection_of_documents_by_key(library: Library, tmp_path: Path) -> None:
    data = {"21645374": {"QUESTION": "Does it?", "CONTEXTS": ["One.", "Two."], "LONG_ANSWER": "Yes.", "YEAR": "2011",
                         "final_decision": "yes"}, "2": {"QUESTION": "No contexts?"}}  # fmt: skip
    path = tmp_path / "pqal.json"
    path.write_text(json.dumps(data))
    report = library.add(path)
    assert library.get("pqal:21645374").text == "Does it?\n\nOne. Two. Yes."
    assert library.get("pqal:21645374").year == 2011
    assert len(report.failed) == 1
    for raw in (b"[]", b"{", b'{"a": 1}', b"\xff"):
        path.write_bytes(raw)
        assert len(library.add(path).failed) == 1


def test_a_changed_row_is_updated_and_an_equal_one_left(library: Library, tmp_path: Path) -> None:
    rows = make_rows(1, 5)
    path = write_rows(tmp_path / "c.jsonl", rows)
    library.add(path)
    rows[2] = rows[2] | {"text": "something else entirely about zebras"}
    seen: list[int] = []
    report = library.add(write_rows(path, rows), progress=seen.append)
    assert (report.added, report.updated, report.unchanged) == (0, 1, 4)
    assert seen[-1] == 5
    assert [h.source for h in library.search("zebras")] == ["c:d00002"]
