"""The pack of the largest decode saving: the note's table entry by entry, the counting against a third way."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
from fractions import Fraction
from typing import Any

import pytest

from sovereign.gate import Bubblewrap, Pack, available_packs, run_pack
from sovereign.judge import pointer_text, resolve_pointer
from sovereign.judge.outcomes import outcomes
from sovereign.records import Comparison, Outcome
from sovereign.seal import canonical
from sovereign.starter import starter_path

NAME = "largest-decode-saving"
NOTE = "note:expected-distinct-experts"


@pytest.fixture(scope="module")
def pack() -> Pack:
    return available_packs()[NAME]


@pytest.fixture(scope="module")
def results(pack: Pack, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The script's results, run here without a sandbox: it is our own, and only its numbers are looked at."""
    folder = tmp_path_factory.mktemp("pack")
    (folder / "run.py").write_bytes(pack.files["run.py"])
    environment = {**os.environ, "SOVEREIGN_SEED": "0"}
    subprocess.run([sys.executable, "-S", "run.py"], cwd=folder, env=environment, check=True, timeout=120)
    return dict(json.loads((folder / "results.json").read_text()))


@pytest.fixture(scope="module")
def script(pack: Pack) -> dict[str, Any]:
    space: dict[str, Any] = {"__name__": "pack"}
    exec(compile(pack.files["run.py"], "run.py", "exec"), space)
    return space


def test_every_claim_is_supported(pack: Pack, results: dict[str, Any]) -> None:
    compared = outcomes(pack.spec, results)
    assert {o.pack_claim: o.outcome for o in compared} == {c.id: Outcome.SUPPORTED for c in pack.spec.claims}
    assert sum(not o.put_to_test for o in compared) == 4  # the times are stated, nothing is expected of them


def test_in_the_sandbox_it_gives_the_same_bytes(pack: Pack, results: dict[str, Any]) -> None:
    sandbox = Bubblewrap()
    report = sandbox.probe()
    if not report.ok:
        pytest.skip(f"no sandbox on this host: {report.reason}")
    assert run_pack(pack, sandbox).results_bytes == canonical(results)


def test_the_count_is_that_of_every_choice_by_hand(script: dict[str, Any]) -> None:
    """Against a third way: all choices of three tokens with two of five experts, written out."""
    choices = list(itertools.combinations(range(5), 2))
    sizes = [len(set().union(*step)) for step in itertools.product(choices, repeat=3)]
    by_hand = Fraction(sum(sizes), len(sizes))
    chances = [1.0] + [0.0] * 5
    for _ in range(3):
        chances = script["after"](chances, script["moves"](5, 2))
    assert sum(t * chance for t, chance in enumerate(chances)) == pytest.approx(float(by_hand), rel=1e-12)
    assert sum(chances) == pytest.approx(1.0, rel=1e-12)


def test_partitions_are_all_and_each_once(script: dict[str, Any]) -> None:
    found = list(script["partitions"](8, 4, 8))
    due = {tuple(sorted(p, reverse=True)) for p in itertools.product(range(1, 9), repeat=4) if sum(p) == 8}
    assert set(found) == due and len(found) == len(due)


def test_every_entry_of_the_notes_table_is_a_claim(pack: Pack) -> None:
    """Read from the note itself, so that a figure in pack.toml cannot drift away from it."""
    note = (starter_path() / "expected-distinct-experts.md").read_text(encoding="utf-8")
    stated = {claim.id: claim.expected for claim in pack.spec.claims}
    found = 0
    for line in note.splitlines():
        if match := re.match(r"\| (\d+) experts, top-(\d+) \| (\d+)% \|(.*)\|$", line):
            experts, k, cut = match[1], match[2], match[3]
            for batch, entry in zip((1, 4, 16, 64, 128, 256), match[4].split("|"), strict=True):
                assert stated[f"e{experts}-k{k}-cut{cut}-b{batch}"] == float(entry)
                found += 1
    assert found == 30


def test_a_wrong_count_is_refuted(pack: Pack, results: dict[str, Any]) -> None:
    wrong = json.loads(json.dumps(results))
    wrong["values"]["saving"]["e128_k8_cut40"]["b16"]["saving"] = 28.9
    wrong["values"]["formula_check"]["largest_relative_difference"] = 1e-6
    wrong["values"]["shared_out"]["e128_b4_k8"]["least_more"] = 0.0
    compared = {outcome.pack_claim: outcome.outcome for outcome in outcomes(pack.spec, wrong)}
    refuted = {name for name, outcome in compared.items() if outcome is Outcome.REFUTED}
    assert refuted == {"e128-k8-cut40-b16", "formula", "equal-is-least-e128-b4-k8"}


def test_it_settles_sentences_that_stand_in_the_note(pack: Pack) -> None:
    note = (starter_path() / "expected-distinct-experts.md").read_text(encoding="utf-8")
    settled = [(claim, entry) for claim in pack.spec.claims for entry in claim.settles]
    assert len(settled) == 11
    for claim, entry in settled:
        assert claim.comparison is not Comparison.MEASURED and entry.source == NOTE
        assert any(entry.sentence_contains in line for line in note.splitlines()), entry.sentence_contains


def test_each_measured_number_stands_beside_its_conditions(pack: Pack, results: dict[str, Any]) -> None:
    for claim in pack.spec.claims:
        around = resolve_pointer(results, claim.result_field.rsplit("/", 1)[0])
        assert {"unit"} <= set(around)
        assert len(pointer_text(around)) <= 400
