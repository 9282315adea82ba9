"""Agreement is read only where independent sources give a number for the very same thing."""

from __future__ import annotations

from pathlib import Path

from tests.support.inquire import ask, library_of, work, write_note, write_works

from sovereign.records import Agreement, Evidence

QUESTION = "What accuracy does AlphaMoE reach on MMBench at batch size 8?"
SAYS = "AlphaMoE reaches an accuracy of {value} on {benchmark} at batch size {size}{more}."


def says(value: str = "61.2%", benchmark: str = "MMBench", size: int = 8, more: str = "") -> str:
    return SAYS.format(value=value, benchmark=benchmark, size=size, more=more)


def abstract(sentence: str, opening: str = "We study mixture-of-experts (MoE) routing.") -> str:
    return f"{opening} {sentence}"


def asked(folder: Path, *works: dict[str, object], notes: tuple[tuple[str, str, str | None], ...] = ()) -> Evidence:
    paths = [write_works(folder / "works", works)] if works else []
    for name, sentence, about in notes:
        front = {"systems": ["AlphaMoE"], **({"about": about} if about else {})}
        body = f"A mixture-of-experts note.\n\n## What was measured\n{sentence}\n"
        paths.append(write_note(folder / "notes", name, body, **front))
    with library_of(folder / "library", *paths) as library:
        return ask(library, QUESTION)[0]


def agreements(evidence: Evidence) -> set[Agreement]:
    """The agreements of claims with a value in cells."""
    held = {claim for cell in evidence.cells for claim in cell.claims}
    return {claim.agreement for claim in evidence.claims if claim.id in held}


OWN = work("2401.00001", "AlphaMoE: a router", abstract(says()))


def test_two_works_with_one_number_corroborate_each_other(tmp_path: Path) -> None:
    evidence = asked(tmp_path, OWN, work("2401.00002", "A survey of routers", abstract(says("61.2%"))))
    assert agreements(evidence) == {Agreement.CORROBORATED}
    assert all(claim.agrees_with for claim in evidence.claims if claim.agreement is Agreement.CORROBORATED)


def test_rounding_is_no_disagreement(tmp_path: Path) -> None:
    evidence = asked(tmp_path, OWN, work("2401.00002", "A survey of routers", abstract(says("61.1%"))))
    assert agreements(evidence) == {Agreement.CORROBORATED}


def test_other_numbers_under_equal_facets_and_conditions_contest(tmp_path: Path) -> None:
    evidence = asked(tmp_path, OWN, work("2401.00002", "A survey of routers", abstract(says("48.0%"))))
    assert agreements(evidence) == {Agreement.CONTESTED}
    assert evidence.answer.status == "contested"
    assert "another source gives another figure" in evidence.answer.sentences[0].text


def test_a_note_and_its_own_work_are_one_witness(tmp_path: Path) -> None:
    same = asked(tmp_path / "same", OWN, notes=(("alpha", says(), "arxiv:2401.00001"),))
    assert agreements(same) == {Agreement.NOT_ASSESSED}
    other = asked(tmp_path / "other", OWN, notes=(("alpha", says("48.0%"), "arxiv:2401.00001"),))
    assert agreements(other) == {Agreement.NOT_ASSESSED}


def test_two_notes_never_corroborate(tmp_path: Path) -> None:
    evidence = asked(tmp_path, notes=(("one", says(), "arxiv:2401.00001"), ("two", says(), "arxiv:2401.00001")))
    assert agreements(evidence) == {Agreement.NOT_ASSESSED}


def test_other_benchmark_condition_or_baseline_is_another_thing(tmp_path: Path) -> None:
    others = {
        "benchmark": says("48.0%", benchmark="POPE"),
        "condition": says("48.0%", size=64),
        "baseline": says("48.0%", more=" over dense models"),
    }
    for name, sentence in others.items():
        evidence = asked(tmp_path / name, OWN, work("2401.00002", "A survey of routers", abstract(sentence)))
        assert Agreement.CONTESTED not in {claim.agreement for claim in evidence.claims}, name
        assert Agreement.CORROBORATED not in {claim.agreement for claim in evidence.claims}, name


def test_two_systems_of_one_name_say_nothing_of_each_other(tmp_path: Path) -> None:
    namesake = work("2401.00002", "AlphaMoE: another thing", abstract(says("61.2%")))
    evidence = asked(tmp_path, OWN, namesake)
    assert {claim.agreement for claim in evidence.claims} == {Agreement.NOT_ASSESSED}
