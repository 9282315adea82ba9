"""The timer's rules: pairing, order, what is thrown away, and when a run is not valid. No test looks at how long."""

from __future__ import annotations

import itertools
import math
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch", reason="the extra [lab] is not installed")

from routelab import LabError  # noqa: E402
from routelab.bench import (  # noqa: E402
    LoadWatch,
    Plan,
    Share,
    flush,
    measure,
    paired_ratio,
    provenance,
    read_bandwidth,
    threads,
)
from routelab.bench import timer as module  # noqa: E402

QUICK = Plan(blocks=2, warmup=1, block_seconds=0.003, others_limit=math.inf)


def spin(n: int):
    return lambda: sum(range(n))


def test_every_arm_runs_in_every_block_in_changing_order() -> None:
    seen: list[str] = []
    arms = {name: (lambda name=name: seen.append(name)) for name in "abc"}
    timing = measure(arms, Plan(blocks=8, warmup=0, block_seconds=1e-9, others_limit=math.inf))
    blocks = ["".join(seen[i : i + 3]) for i in range(9, len(seen), 3)]  # after three calibrating calls of each
    assert len(blocks) == 8 and all(sorted(block) == list("abc") for block in blocks) and len(set(blocks)) > 1
    assert {len(values) for values in timing.seconds.values()} == {8} and timing.inner == {"a": 1, "b": 1, "c": 1}


def test_numbers_are_means_of_a_block_and_tails_those_of_single_iterations(monkeypatch) -> None:
    clock, slow = [0.0], itertools.cycle([1.0, 1.0, 1.0, 5.0])
    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: clock[0]))

    def takes(seconds):
        def run() -> None:
            clock[0] += next(seconds)

        return run

    arms = {"even": takes(itertools.repeat(0.5)), "uneven": takes(slow)}
    timing = measure(arms, Plan(blocks=6, warmup=0, block_seconds=8.0, others_limit=math.inf, most_seconds=1e6))
    assert timing.inner == {"even": 8, "uneven": 4} and timing.single == {"even": 48, "uneven": 24}
    assert timing.median("even") == 0.5 and timing.median("uneven") == timing.least("uneven") == 2.0
    assert timing.tail["even"] == 0.5 and timing.tail["uneven"] == 5.0
    assert paired_ratio(timing.seconds["uneven"], timing.seconds["even"]).estimate == 4.0


def test_blocks_beside_others_are_thrown_away_and_a_run_without_quiet_ones_is_invalid(monkeypatch) -> None:
    shares = iter([Share(0.5, 1, 0), Share(0.0, 1, 0), Share(0.3, 1, 0), Share(0.05, 1, 0), Share(0.0, 1, 0)])
    monkeypatch.setattr(module, "LoadWatch", lambda: type("W", (), {"share": lambda self: next(shares)})())
    timing = measure({"a": spin(10)}, Plan(blocks=3, block_seconds=1e-6))
    assert timing.valid and timing.thrown_away == 2 and len(timing.seconds["a"]) == 3
    monkeypatch.setattr(module, "LoadWatch", lambda: type("W", (), {"share": lambda self: Share(0.9, 1, 0)})())
    busy = measure({"a": spin(10)}, Plan(blocks=3, most_blocks=5, block_seconds=1e-6))
    assert not busy.valid and "0 of 3 blocks were quiet" in busy.why_not and busy.thrown_away == 5
    assert math.isnan(busy.tail["a"]) and not busy.conditions()["valid"]
    monkeypatch.setattr(module, "LoadWatch", lambda: type("W", (), {"share": lambda self: Share(None, 1, None)})())
    unknown = measure({"a": spin(10)}, Plan(blocks=3, block_seconds=1e-6))
    assert not unknown.valid and "does not tell" in unknown.why_not


def test_an_interrupted_run_raises_what_the_arm_raised() -> None:
    def fails() -> None:
        raise ValueError("the arm")

    with pytest.raises(ValueError, match="the arm"):
        measure({"a": fails}, QUICK)


@pytest.mark.parametrize("plan", [Plan(blocks=0), Plan(block_seconds=0), Plan(most_seconds=0), Plan(most_blocks=0)])
def test_a_plan_that_asks_for_nothing_is_refused(plan) -> None:
    with pytest.raises(LabError):
        measure({"a": spin(1)}, plan)
    with pytest.raises(LabError):
        measure({})


def test_what_is_put_before_an_iteration_runs_before_each() -> None:
    calls: list[str] = []
    measure({"a": lambda: calls.append("run")}, Plan(blocks=2, warmup=1, block_seconds=1e-9, others_limit=math.inf),
            before=lambda: calls.append("before"))  # fmt: skip
    assert calls == ["before", "run"] * (len(calls) // 2) and calls
    flush()()
    assert read_bandwidth(size=2**20, repeats=2) > 0


def test_the_watch_knows_its_own_work() -> None:
    watch = LoadWatch()
    spin(3_000_000)()
    share = watch.share()
    assert share.own > 0 and (share.others is None or share.others >= 0)
    assert Share(0.2, 1, None).quiet(0.1) is False and Share(0.1, 1, None).quiet(0.1) is True
    assert Share(None, 1, 0).quiet(1) is None


def test_provenance_names_what_a_reader_needs() -> None:
    with threads(1):
        found = provenance(seeds=[1, 2])
    assert found["threads"] == 1 and found["seeds"] == [1, 2] and found["versions"]["torch"] == torch.__version__
    assert found["machine"]["cores"] >= 1 and "accelerator" in found["machine"]
