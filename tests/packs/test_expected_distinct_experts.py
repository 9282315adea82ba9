"""The pack that comes with the kernel: expected figures, determinism, and what would refute it."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sovereign.gate import Bubblewrap, Pack, available_packs, run_pack
from sovereign.judge.outcomes import outcomes
from sovereign.records import Outcome
from sovereign.seal import canonical
from sovereign.starter import starter_path

NAME = "expected-distinct-experts"


@pytest.fixture(scope="module")
def pack() -> Pack:
    return available_packs()[NAME]


def simulated(pack: Pack, folder: Path, *, seed: int, trials: int | None = None) -> dict[str, Any]:
    """The script's results, run here without a sandbox: it is our own, and only its numbers are looked at."""
    script = pack.files["run.py"].decode()
    if trials is not None:
        script = re.sub(r"TRIALS = \d+", f"TRIALS = {trials}", script)
    folder.mkdir(exist_ok=True)
    (folder / "run.py").write_text(script)
    environment = {**os.environ, "SOVEREIGN_SEED": str(seed), "PYTHONHASHSEED": str(seed % 1000)}
    subprocess.run([sys.executable, "-S", "run.py"], cwd=folder, env=environment, check=True, timeout=300)
    return dict(json.loads((folder / "results.json").read_text()))


@pytest.fixture(scope="module")
def results(pack: Pack, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return simulated(pack, tmp_path_factory.mktemp("pack"), seed=pack.spec.seed)


def test_every_claim_is_supported_by_the_stated_run(pack: Pack, results: dict[str, Any]) -> None:
    compared = outcomes(pack.spec, results)
    assert {outcome.pack_claim: outcome.outcome for outcome in compared} == {
        claim.id: Outcome.SUPPORTED for claim in pack.spec.claims
    }
    assert all(outcome.uncertainty is not None for outcome in compared)


def test_in_the_sandbox_it_gives_the_same_bytes(pack: Pack, results: dict[str, Any]) -> None:
    sandbox = Bubblewrap()
    report = sandbox.probe()
    if not report.ok:
        pytest.skip(f"no sandbox on this host: {report.reason}")
    assert run_pack(pack, sandbox).results_bytes == canonical(results)


def test_another_seed_gives_other_numbers_and_the_same_formula(pack: Pack, tmp_path: Path) -> None:
    one, again, two = (
        simulated(pack, tmp_path / name, seed=seed, trials=60) for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert canonical(one) == canonical(again)
    left, right = one["values"]["e64_k6"]["b16"], two["values"]["e64_k6"]["b16"]
    assert left["monte_carlo"] != right["monte_carlo"]
    assert left["formula"] == right["formula"]


def test_too_few_trials_resolve_less(pack: Pack, tmp_path: Path) -> None:
    compared = {o.pack_claim: o for o in outcomes(pack.spec, simulated(pack, tmp_path, seed=1, trials=20))}
    assert compared["formula"].outcome is Outcome.NOT_RESOLVED
    assert "more repetitions" in compared["formula"].reason


def test_a_wrong_simulation_is_refuted(pack: Pack, results: dict[str, Any]) -> None:
    wrong = json.loads(json.dumps(results))
    wrong["values"]["formula_check"]["largest_relative_difference"] = 0.011
    wrong["values"]["e64_k6"]["b16"]["monte_carlo"] = 52.0
    compared = {outcome.pack_claim: outcome.outcome for outcome in outcomes(pack.spec, wrong)}
    assert compared["formula"] is Outcome.REFUTED
    assert compared["e64-k6-b16"] is Outcome.REFUTED
    assert compared["e64-k6-b4"] is Outcome.SUPPORTED


def test_the_script_draws_from_the_distribution_that_it_says(pack: Pack) -> None:
    """Uniform over k-subsets: every expert and every pair equally often, within five standard errors."""
    import random

    space: dict[str, Any] = {"__name__": "pack"}
    exec(compile(pack.files["run.py"], "run.py", "exec"), space)
    space["TRIALS"] = 20000
    counts = space["simulate"](random.Random(5), 8, [2], (1, 2))
    assert set(counts[1]) == {2}
    shares = [sum(1 for count in counts[2] if count == n) / 20000 for n in (2, 3, 4)]
    pairs = math.comb(8, 2)
    due = [1 / pairs, 2 * 6 / pairs, math.comb(6, 2) / pairs]  # overlap of two random pairs: both, one, none
    for share, probability in zip(shares, due, strict=True):
        assert abs(share - probability) < 5 * math.sqrt(probability * (1 - probability) / 20000)


def test_expected_figures_follow_from_the_formula(pack: Pack) -> None:
    """The figures in pack.toml, against the formula written a second time here."""
    checked = 0
    for claim in pack.spec.claims:
        if match := re.fullmatch(r"e(\d+)-k(\d+)-b(\d+)", claim.id):
            experts, k, batch = map(int, match.groups())
            due = experts * (1 - (1 - k / experts) ** batch)
        elif match := re.fullmatch(r"saving-e(\d+)-k(\d+)-cut(\d+)-b(\d+)", claim.id):
            experts, k, cut, batch = map(int, match.groups())
            kept = 1 - k * (100 - cut) / 100 / experts
            due = 100 * (1 - (1 - kept**batch) / (1 - (1 - k / experts) ** batch))
        else:
            continue
        assert claim.expected is not None
        assert abs(claim.expected - due) <= (0.5 if claim.expected.is_integer() and due > 100 else 0.05)
        assert re.search(rf"(?<![\d.]){claim.expected:g}(?:\.0)?(?![\d.]*\d)", claim.statement)
        checked += 1
    assert checked >= 20


def test_a_tolerance_that_shows_more_than_nothing(pack: Pack, results: dict[str, Any]) -> None:
    """The claims on unequal slots say "more": their tolerance must be narrower than the difference."""
    for outcome in outcomes(pack.spec, results):
        if outcome.pack_claim.startswith("unequal"):
            assert outcome.expected is not None
            assert outcome.tolerance < outcome.expected


def test_it_settles_sentences_that_stand_in_the_note(pack: Pack) -> None:
    note = (starter_path() / f"{NAME}.md").read_text(encoding="utf-8")
    settled = [entry for claim in pack.spec.claims for entry in claim.settles]
    assert settled
    for entry in settled:
        assert entry.source == f"note:{NAME}"
        assert any(entry.sentence_contains in line for line in note.splitlines()), entry.sentence_contains


def test_each_measured_number_stands_beside_its_conditions(pack: Pack, results: dict[str, Any]) -> None:
    """A quote is the small object around the number, so that it can be read by itself."""
    from sovereign.judge import pointer_text, resolve_pointer

    for claim in pack.spec.claims:
        around = resolve_pointer(results, claim.result_field.rsplit("/", 1)[0])
        assert {"unit"} <= set(around)
        assert len(pointer_text(around)) <= 400
