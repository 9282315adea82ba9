"""One work in several sources: what makes them one, what keeps them two, and a library that stays whole."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from sovereign.library import Library, Stored
from sovereign.library._merging import Card, groups, merged
from sovereign.library._types import sha256_of
from sovereign.records import NotFound

from .conftest import write_note, write_rows

TITLE = "Experts in caches: a measurement"


def stored(name: str, text: str, title: str = TITLE, authors: tuple[str, ...] = ("Jane Doe",), year: int | None = 2020,
           level: str = "abstract", **meta: object) -> Stored:  # fmt: skip
    body = f"{title}\n\n{text}"
    return Stored(id=name, title=title, kind="work", text_level=level, sha256=sha256_of(body), text=body,
                  authors=authors, year=year, meta=meta, reader="made 1")  # fmt: skip


PREPRINT = stored("arxiv:2001.00001", "A preprint of caches.")
PUBLISHED = stored("doi:10.1234/x", "The published text on caches, longer.", year=2021, authors=("Doe, J.", "Li, W."))
LISTED = stored("bib:lib/doe", "Short.", year=2022, ids={"doi": "10.1234/x"})


def found(*sources: Stored) -> list[tuple[str, tuple[str, ...]]]:
    orders = {
        tuple((g.keep, g.others) for g in groups(Card(s.id, s.title, s.authors, s.year, s.meta) for s in order))
        for order in itertools.permutations(sources)
    }
    assert len(orders) == 1, "depends on the order"
    return list(orders.pop())


def test_what_makes_sources_one_work() -> None:
    assert found(PREPRINT, PUBLISHED, LISTED) == [("arxiv:2001.00001", ("bib:lib/doe", "doi:10.1234/x"))]
    by_arxiv = stored("s2:9", "x", title="Another title altogether", ids={"arxiv": "2001.00001v3"})
    assert found(PREPRINT, by_arxiv) == [("arxiv:2001.00001", ("s2:9",))]
    by_its_doi = stored("doi:10.48550/arxiv.2001.00001", "x", title="Yet another title altogether")
    assert found(PREPRINT, by_its_doi) == [("arxiv:2001.00001", ("doi:10.48550/arxiv.2001.00001",))]


@pytest.mark.parametrize(
    "other",
    [
        stored("doi:10.1234/y", "x", authors=("John Roe",)),
        stored("doi:10.1234/y", "x", year=2023),
        stored("doi:10.1234/y", "x", year=None),
        stored("doi:10.1234/y", "x", authors=()),
        stored("arxiv:2002.00002", "x"),
        stored("doi:10.1234/y", "x", title=TITLE + ", part two"),
        stored("doi:10.1234/y", "x", ids={"arxiv": "2002.00002"}),
    ],
    ids=["author", "years", "no year", "no author", "another preprint", "title", "its own preprint"],
)
def test_what_keeps_two_papers_two(other: Stored) -> None:
    assert found(PREPRINT, other) == []


def test_short_titles_say_too_little() -> None:
    assert found(stored("bib:a/1", "x", title="Editorial"), stored("bib:b/2", "x", title="Editorial")) == []


def test_an_identifier_that_two_different_papers_share_merges_neither_with_the_third() -> None:
    a = stored("arxiv:2001.00001", "x", ids={"doi": "10.1234/x"})
    b = stored("arxiv:2002.00002", "x", title="Another paper of this volume", ids={"doi": "10.1234/x"})
    assert found(a, b) == []


def test_the_best_text_stays_and_all_cards_are_listed_whatever_the_order() -> None:
    full = stored("doi:10.1234/x", "The whole text. " * 50, level="full_text")
    results = {repr(merged(order, "arxiv:2001.00001")) for order in itertools.permutations([PREPRINT, full, LISTED])}
    assert len(results) == 1
    one = merged([PREPRINT, full, LISTED], "arxiv:2001.00001")
    assert (one.text, one.text_level, one.id) == (full.text, "full_text", "arxiv:2001.00001")
    assert one.meta["ids"] == {"arxiv": "2001.00001", "doi": "10.1234/x"}
    assert [card["id"] for card in one.meta["versions"]] == ["arxiv:2001.00001", "bib:lib/doe", "doi:10.1234/x"]


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library.open(tmp_path / "library", create=True) as opened:
        yield opened


def test_a_merged_library_is_searched_as_one_and_its_digest_is_of_its_content(tmp_path: Path) -> None:
    digests = set()
    for number, order in enumerate(itertools.permutations([PREPRINT, PUBLISHED, LISTED])):
        with Library.open(tmp_path / str(number), create=True) as library:
            for source in order:
                library.put([source])
            library.merge(library.duplicates())
            digests.add(library.digest())
            assert library.ids() == ["arxiv:2001.00001"] and library.size == 1
            assert [hit.source for hit in library.search("published caches")] == ["arxiv:2001.00001"]
            assert library.text(PUBLISHED.sha256) == PUBLISHED.text
            assert library.duplicates() == []
    assert len(digests) == 1


def test_what_was_merged_comes_back_as_the_one_when_it_is_added_again(library: Library, tmp_path: Path) -> None:
    row = {"id": "2001.00001", "title": TITLE, "authors": ["Jane Doe"], "summary": "A preprint.", "abs": "https://x"}
    rows = write_rows(tmp_path / "rows.jsonl", [row])
    bib = tmp_path / "lib.bib"
    bib.write_text(f"@article{{d, title={{{TITLE}}}, author={{Doe, Jane}}, year=2021, doi={{10.1234/x}}, "
                   "journal={J}, abstract={The published abstract is longer.}}")  # fmt: skip
    note = write_note(tmp_path / "n.md", "---\nid: note:n\nabout: doi:10.1234/x\n---\nOur note.\n")
    for path in (rows, bib, note):
        assert not library.add(path).failed
    library.merge(library.duplicates())
    assert library.ids() == ["arxiv:2001.00001", "note:n"]
    assert library.get("note:n").about == "arxiv:2001.00001"
    digest, one = library.digest(), library.get("arxiv:2001.00001")
    for path in (note, bib, rows, bib):
        report = library.add(path)
        assert (report.added, report.updated) == (0, 0), path
    assert library.digest() == digest and library.get("arxiv:2001.00001") == one
    with pytest.raises(NotFound) as error:
        library.get("doi:10.1234/x")
    assert "merged into arxiv:2001.00001" in error.value.remedy
    bib.write_text(bib.read_text().replace("is longer", "was mended, and is longer still"))
    library.add(bib)
    now = library.get("arxiv:2001.00001")
    assert "was mended" in now.text and "is longer." not in now.text
    assert [card["id"] for card in now.meta["versions"]] == ["arxiv:2001.00001", "doi:10.1234/x"]


def test_an_abstract_that_comes_later_never_takes_the_place_of_a_full_text(library: Library) -> None:
    full = stored("doi:10.1234/x", "The whole text. " * 50, level="full_text", year=2021)
    library.put([PREPRINT, full])
    library.merge(library.duplicates())
    library.put([stored("doi:10.1234/x", "Only the abstract, from a service.", year=2021)])
    one = library.get("arxiv:2001.00001")
    assert (one.text, one.text_level) == (full.text, "full_text")
    library.put([stored("doi:10.1234/x", "The whole text, read better. " * 50, level="full_text", year=2021)])
    assert "read better" in library.get("arxiv:2001.00001").text and library.size == 1


def test_remove_takes_all_or_none(library: Library) -> None:
    library.put([PREPRINT, PUBLISHED])
    with pytest.raises(NotFound, match="no-such"):
        library.remove("arxiv:2001.00001", "x:no-such")
    assert library.size == 2
    library.remove("arxiv:2001.00001", "doi:10.1234/x")
    assert library.ids() == [] and library.search("caches") == []


def test_removing_a_merged_work_lets_its_versions_come_back(library: Library) -> None:
    library.put([PREPRINT, PUBLISHED])
    library.merge(library.duplicates())
    library.remove("arxiv:2001.00001")
    library.put([PUBLISHED])
    assert library.ids() == ["doi:10.1234/x"] and "versions" not in library.get("doi:10.1234/x").meta


def test_refresh_reads_what_changed_and_names_what_is_gone(library: Library, tmp_path: Path) -> None:
    kept, changed, gone = (write_note(tmp_path / f"{name}.md", f"{name} text.\n") for name in ("a", "b", "c"))
    for path in (kept, changed, gone):
        library.add(path)
    report, missing = library.refresh()
    assert (report.added, report.updated, report.unchanged, missing) == (0, 0, 0, [])
    changed.write_text("b has another text.\n")
    gone.unlink()
    report, missing = library.refresh()
    assert (report.added, report.updated, report.unchanged) == (0, 1, 0)
    assert [Path(file).name for file in missing] == ["c.md"]
    assert "another text" in library.get("note:b").text and library.size == 3


def test_refresh_reads_again_when_the_reader_changed(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sovereign.library.readers import MarkdownReader

    library.add(write_note(tmp_path / "a.md", "A text.\n"))
    monkeypatch.setattr(MarkdownReader, "version", "99")
    report, _ = library.refresh()
    assert report.updated == 1 and library.get("note:a").reader == "markdown 99"


_MERGE = """
import os, sys
from sovereign.library import Library
library = Library.open(sys.argv[1])
from sovereign.library import _adding
from sovereign.library.store import Store
where, calls = int(sys.argv[2]), 0
def dying(function):
    def call(*arguments):
        global calls
        calls += 1
        if calls == where:
            os._exit(9)
        return function(*arguments)
    return call
Store.delete = dying(Store.delete)
Store.keep_alias = dying(Store.keep_alias)
Store.write = dying(Store.write)
library._following(write=True)
from sovereign.library._follow import Follower
Follower.apply = dying(Follower.apply)
Follower.finish = dying(Follower.finish)
library.merge(library.duplicates())
"""


@pytest.mark.parametrize("where", range(1, 12))
def test_killed_in_a_merge_nothing_is_lost_and_the_next_one_finishes(where: int, tmp_path: Path) -> None:
    pairs = [
        stored(f"{scheme}{n}", f"{words} number {n}", title=f"A study of caches, number {n}")
        for n in range(3)
        for scheme, words in (("arxiv:2001.0000", "preprint"), ("doi:10.1234/", "published, longer text"))
    ]
    with Library.open(tmp_path / "a", create=True) as library, Library.open(tmp_path / "b", create=True) as undisturbed:
        library.put(pairs)
        undisturbed.put(pairs)
        undisturbed.merge(undisturbed.duplicates())
        expected = undisturbed.digest()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_MERGE), str(tmp_path / "a"), str(where)], env=environment, timeout=120
    )
    assert done.returncode == 9
    with Library.open(tmp_path / "a") as library:
        for n in range(3):  # every work is there, merged or as its two versions, and is found
            assert library.search(f"published number {n}", k=1)[0].source.endswith(str(n))
        library.merge(library.duplicates())
        assert library.digest() == expected and library.size == 3
