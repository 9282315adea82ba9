"""What a record says of its rounds is worked out again; each lie about it, signed by the right key, is named."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.calls import QUESTION, make_workspace
from tests.support.forge import Files, record_of, repack, resign, unpack, with_record

from sovereign.check import check_path
from sovereign.seal import Key
from sovereign.workflow import ask


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Files, Key]:
    """A record of three rounds, exported, with the key that signed it."""
    folder = tmp_path_factory.mktemp("rounds")
    space = make_workspace(folder / "w")
    policy = "revise_below = 10.0\ndecline_below = 0.0\nrevise_gain = 0.0\nmax_revisions = 5\n"
    space.policy_path.write_text(policy, encoding="utf-8")
    record = ask(space, QUESTION)
    assert record.revision is not None and len(record.revision.rounds) == 3
    name, files = unpack(space.archive().export(record.id, folder / "x.zip", key=space.key()).read_bytes())
    return name, files, space.key()


def shorter(revision: dict[str, Any]) -> None:
    revision["rounds"].pop()


def set_in(number: int, field: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(revision: dict[str, Any]) -> None:
        revision["rounds"][number][field] = value

    return change


LIES: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "another reason": (lambda revision: revision.update(stopped="accepted"), "revision.stopped"),
    "one round less": (shorter, "revision.rounds"),
    "a better end": (set_in(2, "score", 10.0), "revision.rounds[2].score"),
    "more cells": (set_in(2, "filled", 99), "revision.rounds[2].filled"),
    "fewer sources": (set_in(2, "sources", 0), "revision.rounds[2].sources"),
    "another verdict": (set_in(2, "verdict", "ACCEPT"), "revision.rounds[2].verdict"),
    "fewer queries": (set_in(1, "queries", 1), "revision.rounds[1].queries"),
    "accepted before the last": (set_in(1, "verdict", "ACCEPT"), "revision.rounds[2]"),
    "a number twice": (set_in(1, "number", 2), "revision.rounds"),
}


def test_the_honest_one_is_sound(made: tuple[str, Files, Key], tmp_path: Path) -> None:
    name, files, key = made
    report = check_path(repack(name, resign(files, key), tmp_path / "x.zip"), trust=[key.fingerprint])
    assert report.exit_code == 0 and "rounds" in report.checks, report.faults


@pytest.mark.parametrize("lie", LIES)
def test_each_lie_is_named(lie: str, made: tuple[str, Files, Key], tmp_path: Path) -> None:
    name, files, key = made
    change, where = LIES[lie]
    record = copy.deepcopy(record_of(files))
    change(record["revision"])
    forged = resign(with_record(files, record), key)
    report = check_path(repack(name, forged, tmp_path / "forged.zip"), trust=[key.fingerprint])
    found = {fault.where for fault in report.faults if fault.check == "rounds"}
    assert f"v1/record.json: {where}" in found, report.faults
