"""The library digest depends on what the library holds, and on nothing else."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sovereign.library import Library
from sovereign.records import NotFound

from .conftest import make_rows, write_note, write_rows


def test_order_and_batches_do_not_matter(build: Callable[..., Library]) -> None:
    rows = make_rows(1, 300)
    shuffled = random.Random(2).sample(rows, len(rows))
    first, second = build(rows), build(shuffled, per_file=37)
    assert first.digest() == second.digest()
    assert first.ids() == second.ids()


def test_every_field_that_a_record_shows_counts(build: Callable[..., Library]) -> None:
    row = {"_id": "1", "title": "A title", "text": "a text"}
    digests = {build([row]).digest()}
    for change in ({"title": "Another"}, {"text": "another"}, {"_id": "2"}, {"authors": ["A"]}, {"year": 2025},
                   {"url": "https://example.org"}):  # fmt: skip
        digests.add(build([row | change]).digest())  # type: ignore[operator]
    assert len(digests) == 7


def test_a_removed_source_leaves_no_trace(build: Callable[..., Library], tmp_path: Path) -> None:
    library = build(make_rows(3, 40))
    before = library.digest()
    note = write_note(tmp_path / "n.md", "# A note\n\nText.\n", id="note:x", kind="note")
    library.add(note)
    assert library.digest() != before
    assert library.readers() == {"jsonl": "1", "markdown": "1"}
    library.remove("note:x")
    assert library.digest() == before
    assert library.readers() == {"jsonl": "1"}
    with pytest.raises(NotFound, match="note:x"):
        library.remove("note:x")


_ids = st.sampled_from([f"d{n}" for n in range(12)])
_steps = st.lists(st.tuples(st.sampled_from(["put", "remove"]), _ids, st.integers(0, 3)), max_size=25)


@settings(max_examples=25, deadline=None)
@given(steps=_steps)
def test_any_history_gives_the_digest_and_ranks_of_its_outcome(steps: list[tuple[str, str, int]]) -> None:
    outcome: dict[str, dict[str, str]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Library.open(folder / "a", create=True) as lived:
            for verb, identifier, version in steps:
                if verb == "put":
                    row = {"_id": identifier, "title": f"Title {version}", "text": f"routing of tokens {version} " * 3}
                    lived.add(write_rows(folder / "in" / "made.jsonl", [row]))
                    outcome[identifier] = row
                elif identifier in outcome:
                    lived.remove(f"made:{identifier}")
                    del outcome[identifier]
            with Library.open(folder / "b", create=True) as fresh:
                fresh.add(write_rows(folder / "in" / "made.jsonl", [outcome[i] for i in sorted(outcome)] or []))
                assert lived.digest() == fresh.digest()
                assert lived.size == fresh.size == len(outcome)
                for query in ("routing tokens", "title 2", "3", "nothing of the kind"):
                    assert [h.source for h in lived.search(query)] == [h.source for h in fresh.search(query)]
