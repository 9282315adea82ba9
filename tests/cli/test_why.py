"""`why` says by which rule, in which query and at which rank."""

from __future__ import annotations

from pathlib import Path

from tests.support.calls import Call


def reasons(call: Call, name: str) -> dict[str, object]:
    answer = call("why", call.record.id, name, "--json")
    assert answer.code == 0
    return dict(answer.json[0])


def test_a_kept_source_by_id_bare_number_and_system(call: Call) -> None:
    record = call.record
    search, rank = min(
        ((search.id, hit.rank) for search in record.searches for hit in search.hits if hit.source == "note:2511.18314"),
        key=lambda pair: pair[1],
    )
    for name in ("note:2511.18314", "2511.18314"):
        one = reasons(call, name)
        assert one["fate"] == "kept" and f"best at rank {rank}, by {search} " in " ".join(one["because"])
    system = reasons(call, "anyexperts")
    assert system["what"] == "system" and "note:2511.18314 is its own" in system["because"]


def test_a_system_that_was_not_found(call: Call) -> None:
    one = reasons(call, "moe clip")
    assert one["fate"] == "not found" and one["because"][0] == call.record.missing_systems[0].reason


def test_a_claim_a_cell_and_a_query(call: Call) -> None:
    record = call.record
    near = next(cell for cell in record.cells if cell.nearest)
    claim = reasons(call, near.nearest[0].claim)
    assert any(line.startswith(f"nearest to the gap {near.id} ") for line in claim["because"])
    assert reasons(call, near.id)["fate"] == "a gap: not measured"
    query = reasons(call, "q1")
    assert any(line.startswith("rank 1: ") for line in query["because"])


def test_a_dropped_source_names_its_rule(empty_call: Call, tmp_path: Path) -> None:
    note = tmp_path / "cooking.md"
    note.write_text("# Cooking\n\nThe latency of AnyExperts readers in the kitchen: routing soup on VQAv2 plates.\n")
    assert empty_call("library", "add", str(note)).code == 0
    assert empty_call("ask", "How do AnyExperts and MoE-CLIP compare to top-k routing in latency on VQAv2?").code == 0
    record = empty_call.record
    assert record.dropped, "nothing was dropped, so the test shows nothing"
    dropped = record.dropped[0]
    one = reasons(empty_call, dropped.source)
    assert one["fate"] == f"dropped by the rule {dropped.rule}" and dropped.reason in one["because"]


def test_what_the_library_holds_and_no_query_returned(call: Call, tmp_path: Path) -> None:
    note = tmp_path / "late.md"
    note.write_text("# Gardening\n\nTulips like sun.\n")
    call("library", "add", str(note))
    one = reasons(call, "note:late")
    assert one["fate"] == "in the library, returned by no query"
    assert len(one["because"]) == len(call.record.searches)
    assert reasons(call, "nonesuch")["fate"] == "not in the library"
