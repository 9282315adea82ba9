"""What the owner's hand does in later runs: each kind takes effect, is told in the record, and `check` agrees."""

from __future__ import annotations

import pytest
from tests.support import zebra
from tests.support.zebra import BREAD, HEARSAY, MISSED, OWN, QUESTION, TWELVE, TWENTY, claim_saying, says

from sovereign import hand
from sovereign.check import check_path
from sovereign.judge import RULE_BANNED
from sovereign.records import BadInput, Grounding, HandKind, NotFound, Record
from sovereign.workflow import ask

from .conftest import Owner

READ = {"value": "9", "unit": "ms", "direction": "lower"}


def sound(owner: Owner) -> list[str]:
    """The record's folder has no fault; what a reader is told beside that."""
    report = check_path(owner.path)
    assert report.faults == []
    return report.notes


def outcome(record: Record, kind: HandKind) -> tuple[bool, str]:
    (found,) = (one for one in record.hand if one.entry.kind is kind)
    return found.applied, found.outcome


def test_a_claim_that_is_wrong_counts_for_nothing(owner: Owner) -> None:
    wrong = claim_saying(owner.record, "20%")
    assert wrong.id in owner.record.cells[0].claims and says(owner.record, TWENTY)
    hand.mark_wrong(owner.workspace, owner.record.id, wrong.id, "hearsay")
    again = owner.again()
    assert not says(again, "20%")
    without_hand = again.model_copy(update={"hand": ()}).model_dump_json()
    assert wrong.id not in without_hand and "lowers latency by 20%" not in without_hand
    assert all(wrong.id not in cell.claims for cell in again.cells)
    assert all(wrong.id not in sentence.claims for sentence in again.answer.sentences)
    assert all(verdict.claim != wrong.id for verdict in again.gate_verdict.cells)
    assert again.counts.claims_in_answer == 1 and says(again, TWELVE)
    assert outcome(again, HandKind.WRONG) == (True, f"left out: {wrong.id}")
    assert "1 claim left out as wrong" in again.limitations[-1]
    assert any("owner's hand had a part" in note for note in sound(owner))


def test_a_wrong_claim_corroborates_no_other(owner: Owner) -> None:
    zebra.fill(owner.workspace, owner.folder / "works", hearsay=f"Mixture-of-experts models. {TWELVE}")
    first = owner.again()
    assert {claim.agreement.value for claim in first.claims} == {"corroborated"}
    second_hand = next(claim for claim in first.claims if claim.quotes[0].source == HEARSAY)
    hand.mark_wrong(owner.workspace, first.id, second_hand.id, "they copied it")
    (left,) = owner.again().claims
    assert left.agreement.value == "not_assessed" and left.agrees_with == ()
    sound(owner)


def test_a_missed_claim_is_added_with_its_quote_and_labelled(owner: Owner) -> None:
    assert not says(owner.record, MISSED)
    hand.add_claim(owner.workspace, owner.record.id, OWN, MISSED, READ, "the rules cannot know", cell="cell-1")
    again = owner.again()
    added = claim_saying(again, MISSED)
    assert added.grounding is Grounding.QUOTED and added.by_hand == (again.hand[0].sha256,)
    assert (added.facets.system, added.facets.metric, added.facets.value) == ("ZebraRoute", "latency", 9.0)
    assert added.id in again.cells[0].claims
    (said,) = (one.text for one in again.answer.sentences if added.id in one.claims)
    assert "(read by the owner, not by rule)" in said
    assert not [c for r in again.tribunal.reviews if r.role == "VALIDATOR" for c in r.checks if c.points]
    sound(owner)


def test_an_added_claim_brings_its_source_along(owner: Owner) -> None:
    words = "It takes two hours."
    hand.add_claim(owner.workspace, owner.record.id, BREAD, words, {"metric": "time"}, "to try it")
    again = owner.again()
    assert again.source(BREAD) is not None and says(again, words)
    assert claim_saying(again, words).id not in again.cells[0].claims, "it is no answer to the cell"
    assert "; nothing in the record refers to it" not in outcome(again, HandKind.ADDED)[1]
    sound(owner)


def test_facets_are_read_as_the_owner_reads_them(owner: Owner) -> None:
    twelve = claim_saying(owner.record, "12%")
    hand.mend_facets(owner.workspace, owner.record.id, twelve.id, {"metric": "throughput"}, "read as another metric")
    again = owner.again()
    assert twelve.id not in again.cells[0].claims
    applied, said = outcome(again, HandKind.FACETS)
    assert applied and "read with another metric" in said
    hand.mend_facets(owner.workspace, again.id, claim_saying(again, "20%").id, {"baseline": None}, "none is stated")
    third = owner.again()
    assert third.cells[0].gap and third.answer.status.value == "not_measured"
    mended = [claim for claim in third.claims if claim.by_hand]
    assert {(claim.facets.metric, claim.facets.baseline) for claim in mended} >= {("latency", None)}
    sound(owner)


def test_a_pinned_source_is_kept_and_a_banned_one_is_not(owner: Owner) -> None:
    hand.pin(owner.workspace, owner.record.id, BREAD, "to see that off-subject sources show")
    hand.ban(owner.workspace, owner.record.id, HEARSAY, "retracted")
    again = owner.again()
    assert {source.id for source in again.sources} == {OWN, BREAD}
    (dropped,) = (one for one in again.dropped if one.source == HEARSAY)
    assert (dropped.rule, dropped.reason) == (RULE_BANNED, "retracted") and dropped.rank >= 1
    off = {check.name: check for review in again.tribunal.reviews for check in review.checks}["off-subject source"]
    assert off.about == (BREAD,), "a pin takes no rule of the tribunal's away"
    sound(owner)


def test_a_system_whose_own_source_is_banned_is_missing(owner: Owner) -> None:
    hand.ban(owner.workspace, owner.record.id, OWN, "withdrawn by its authors")
    again = owner.again()
    assert [system.name for system in again.missing_systems] == ["ZebraRoute"]
    assert outcome(again, HandKind.BANNED)[0] and again.source(OWN) is None
    sound(owner)


def test_a_ban_for_every_question_and_one_for_this_question(owner: Owner) -> None:
    def sources() -> set[str]:
        return {source.id for source in ask(owner.workspace, zebra.OTHER_QUESTION).sources}

    before = sources()
    assert HEARSAY in before
    hand.ban(owner.workspace, owner.record.id, HEARSAY, "not for this one")
    assert sources() == before
    hand.ban(owner.workspace, owner.record.id, OWN, "for none", everywhere=True)
    assert sources() == before - {OWN}


def test_what_is_taken_back_leaves_no_trace_in_a_run(owner: Owner) -> None:
    """Equal question, library, policy, code and hand: an equal body. Taking everything back gives the first one."""
    hand.mark_wrong(owner.workspace, owner.record.id, claim_saying(owner.record, "20%").id, "hearsay")
    hand.ban(owner.workspace, owner.record.id, HEARSAY, "hearsay")
    one, other = owner.again(), owner.again()
    assert one.body_digest == other.body_digest != owner.record.body_digest
    for number in (1, 2):
        hand.withdraw(owner.workspace, number, "I was wrong")
    assert owner.again().body_digest == owner.record.body_digest
    assert [line.withdrawn_by for line in hand.listed(owner.workspace)] == [3, 4, None, None]
    sound(owner)


def test_it_survives_a_text_that_changes_around_the_words(owner: Owner) -> None:
    """Offsets and ids move; the claim is found by its words and their reading, the quote where it stands."""
    old = claim_saying(owner.record, "12%")
    hand.mark_wrong(owner.workspace, owner.record.id, old.id, "misread")
    hand.add_claim(owner.workspace, owner.record.id, OWN, MISSED, READ, "missed", cell="cell-1")
    zebra.fill(owner.workspace, owner.folder / "works", own=f"A new opening on mixture-of-experts. {TWELVE} {MISSED}")
    again = owner.again()
    assert not says(again, "12%") and says(again, MISSED)
    place = again.hand[1].entry.quote
    assert place is not None and claim_saying(again, MISSED).quotes[0].start != place.start
    assert [one.applied for one in again.hand] == [True, True]
    zebra.fill(owner.workspace, owner.folder / "works", own="On mixture-of-experts and ZebraRoute, nothing is said.")
    gone = owner.again()
    assert [one.applied for one in gone.hand] == [False, False]
    assert gone.hand[0].outcome == "nothing: no claim of this run has these words and this reading"
    assert "does not stand in the source's text" in gone.hand[1].outcome
    sound(owner)


def test_words_that_stand_several_times_after_a_change_are_not_guessed(owner: Owner) -> None:
    hand.add_claim(owner.workspace, owner.record.id, OWN, MISSED, READ, "missed", cell="cell-1")
    twice = f"On ZebraRoute, a mixture-of-experts router. First: {MISSED} Then: {MISSED} Again."
    zebra.fill(owner.workspace, owner.folder / "works", own=twice)
    again = owner.again()
    applied, said = outcome(again, HandKind.ADDED)
    assert not applied and said == "nothing: its quote stands 2 times in the source's text as it is now"
    sound(owner)


def test_a_ban_outweighs_a_pin_and_an_added_claim_and_wrong_outweighs_mending(owner: Owner) -> None:
    twenty = claim_saying(owner.record, "20%")
    hand.pin(owner.workspace, owner.record.id, HEARSAY, "keep it")
    hand.add_claim(owner.workspace, owner.record.id, OWN, MISSED, READ, "missed", cell="cell-1")
    for source in (HEARSAY, OWN):
        hand.ban(owner.workspace, owner.record.id, source, "after all not")
    again = owner.again()
    assert not {source.id for source in again.sources} & {HEARSAY, OWN}
    assert outcome(again, HandKind.PINNED) == (False, f"nothing: {HEARSAY} is banned by entry 3")
    assert outcome(again, HandKind.ADDED) == (False, f"nothing: {OWN} is banned by entry 4")
    with pytest.raises(BadInput, match="banned by entry 4"):
        hand.pin(owner.workspace, owner.record.id, OWN, "again")
    for number in (3, 4):
        hand.withdraw(owner.workspace, number, "so be it")
    back = owner.again()
    mended = claim_saying(back, "20%")
    assert mended.id == twenty.id
    hand.mark_wrong(owner.workspace, back.id, mended.id, "wrong")
    assert not says(owner.again(), "20%")
    sound(owner)


def test_the_hand_is_told_on_the_record_at_once(owner: Owner) -> None:
    twenty = claim_saying(owner.record, "20%")
    given = hand.mark_wrong(owner.workspace, owner.record.id, twenty.id, "hearsay")
    assert owner.events == ["drafted", "marked"]
    assert any(f"the owner marked {twenty.id} as wrong: hearsay" in note for note in sound(owner))
    owner.again()
    assert not any("since then the owner" in note for note in sound(owner)), "the newest version carries it"
    hand.withdraw(owner.workspace, given.entry.number, "no, it holds")
    assert owner.events == ["drafted", "marked", "revised", "marked"]
    assert any("as withdrawn: no, it holds" in note for note in sound(owner))


def test_without_a_vocabulary_an_added_claim_fills_its_cell(owner: Owner) -> None:
    """A question on bread: no field's words are known, a sentence is located by the question's own terms."""
    record = ask(owner.workspace, "Does bread rise at warm temperatures within hours?")
    words = "Bread rises at 30 degrees."
    hand.add_claim(owner.workspace, record.id, BREAD, words, {"direction": "higher"}, "it says so")
    from sovereign.workflow import judge_again

    again = judge_again(owner.workspace, record.id, purpose="again")
    added = claim_saying(again, words)
    assert added.facets.subject and added.by_hand
    assert check_path(owner.workspace.records_path / record.folder).faults == []


@pytest.mark.parametrize(
    ("quote", "facets", "cause"),
    [
        ("ZebraRoute lowers latency by 13% against top-k routing.", READ, "does not stand in the text"),
        (TWELVE.lower(), READ, "does not stand in the text"),
        (TWELVE.replace(" by", "\n by"), READ, "other white space"),
        ("", READ, "a quote has words"),
        (" . ", READ, "a quote has words"),
        ("x" * 3000, READ, "2,000 characters at most"),
        ("ZebraRoute", READ, "times in arxiv:2601.00001"),
        (MISSED, {"value": "10", "unit": "ms"}, "10 ms is not what its quote says"),
        (MISSED, {"value": "9", "unit": "%"}, "9 % is not what its quote says"),
        (MISSED, {"value": "nine"}, "no number"),
        (MISSED, {"value": "1e999"}, "no finite number"),
        (MISSED, {"value": "nan"}, "no finite number"),
        (MISSED, {"direction": "sideways"}, "no direction"),
        (MISSED, {"speed": "9"}, "no facet 'speed'"),
        (MISSED, {"system": "Zebra\u202eRoute"}, "U+202E"),
        (MISSED, {"system": "Z" * 300}, "300 characters"),
        (MISSED, {"system": "ZebraRoute"}, "a metric, a value or a direction"),
    ],
)
def test_a_claim_that_cannot_be_added_is_refused_and_nothing_is_signed(
    owner: Owner, quote: str, facets: dict[str, str], cause: str
) -> None:
    with pytest.raises(BadInput) as refused:
        hand.add_claim(owner.workspace, owner.record.id, OWN, quote, facets, "why")
    assert cause in refused.value.message and refused.value.remedy
    assert owner.workspace.hand().entries() == () and owner.events == ["drafted"]


def test_other_bad_input_is_refused_and_nothing_is_signed(owner: Owner) -> None:
    space, name, twelve = owner.workspace, owner.record.id, claim_saying(owner.record, "12%")
    missing = [
        lambda: hand.mark_wrong(space, name, "c-0000000000", "x"),
        lambda: hand.mark_wrong(space, "SRCH:00000000", twelve.id, "x"),
        lambda: hand.pin(space, name, "arxiv:9999.99999", "x"),
        lambda: hand.ban(space, name, "arxiv:9999.99999", "x"),
        lambda: hand.add_claim(space, name, OWN, MISSED, READ, "x", cell="cell-99"),
        lambda: hand.withdraw(space, 1, "x"),
    ]
    bad = [
        lambda: hand.mark_wrong(space, name, twelve.id, "  "),
        lambda: hand.mark_wrong(space, name, twelve.id, "x" * 1_000_000),
        lambda: hand.mark_wrong(space, name, twelve.id, "a\x00b"),
        lambda: hand.mark_wrong(space, name, twelve.id, "right\u202eleft"),
        lambda: hand.mend_facets(space, name, twelve.id, {"metric": "latency"}, "as it is"),
        lambda: hand.mend_facets(space, name, twelve.id, {"value": "13"}, "x"),
        lambda: hand.mend_facets(space, name, twelve.id, {}, "x"),
        lambda: hand.add_claim(space, name, OWN, "ZebraRoute", {"metric": "latency"}, "x", nth=9),
        lambda: hand.mark_wrong(space, name, twelve.id, "x", after=7),
    ]
    for call in missing:
        with pytest.raises(NotFound):
            call()
    for call in bad:
        with pytest.raises(BadInput):
            call()
    assert space.hand().entries() == () and owner.events == ["drafted"]
    hand.mark_wrong(space, name, twelve.id, "x")
    for call in (
        lambda: hand.mark_wrong(space, name, twelve.id, "twice"),
        lambda: hand.withdraw(space, 2, "there is no second"),
    ):
        with pytest.raises((BadInput, NotFound)):
            call()
    hand.withdraw(space, 1, "y")
    for number in (1, 2):
        with pytest.raises(BadInput):
            hand.withdraw(space, number, "z")
    assert len(space.hand().entries()) == 2 and owner.record.question.text == QUESTION
