"""No false alarm: 50 records, of as many questions over starter notes and with every kind of history, all pass."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from tests.support.calls import make_workspace

from sovereign import attesting, workflow
from sovereign.check import check_path
from sovereign.records import EventType
from sovereign.seal import Key, canonical
from sovereign.workflow import finishing
from sovereign.workspace import Workspace

_SYSTEMS = ("AnyExperts", "SMoES", "DynMoE", "LYNX", "GEMoE")
_ASKS = (
    "How does {} compare to top-k routing in latency?",
    "Does {} lower the number of activated experts on VQAv2, and by how much?",
    "What is the effect of batch size on the throughput of {} on one GPU?",
    "How accurate is {} on MMBench, and what does it cost in memory?",
    "Is {} faster than MoE-CLIP in decoding: (a) at batch 1, \u201cinteractive\u201d, (b) at batch 64?",
)
QUESTIONS = [ask.format(system) for ask, system in itertools.product(_ASKS, _SYSTEMS)]
QUESTIONS += [f"{question} Answer for mixture-of-experts vision-language models." for question in QUESTIONS]


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return make_workspace(tmp_path_factory.mktemp("intact") / "w")


def test_50_intact_records_raise_no_alarm(space: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(set(QUESTIONS)) == 50
    monkeypatch.setattr(finishing, "publish", lambda *_: None)  # pages are made from the record; they are no part of it
    archive, second = space.archive(), Key.generate()
    trust = tmp_path / "trust.json"
    bodies = set()
    for number, question in enumerate(QUESTIONS):
        record = workflow.ask(space, question)
        bodies.add(record.body_digest)
        _history(space, record.id, number, second)
        trust.write_bytes(canonical(space.keystore().trust_file()))
        signer = second.fingerprint if number % 10 == 9 else space.key().fingerprint
        path = archive.export(record.id, tmp_path / "x.zip", key=space.key(), force=True)
        for checked in (archive.path(record.id), path):
            report = check_path(checked, trust=[trust, signer])
            assert (report.exit_code, report.faults, report.not_recomputed) == (0, [], []), (question, report.faults)
            assert report.cannot_know and report.level == record.verification_level
    assert len(bodies) == 50


def _history(space: Workspace, record: str, number: int, second: Key) -> None:
    """Five kinds of history in turn, and a countersignature on every tenth record."""
    archive, key = space.archive(), space.key()
    decided = [
        (),
        (EventType.APPROVED,),
        (EventType.REJECTED, EventType.APPROVED),
        (EventType.APPROVED, EventType.CORRECTED),
        (EventType.APPROVED, EventType.RETRACTED),
    ][number % 5]
    for kind in decided:
        archive.append_event(record, kind, key=key, now="2026-11-23T00:00:00Z", note="read, \u201cwhole\u201d")
    if number % 10 == 9:
        attesting.countersign(space, record, second, "")
