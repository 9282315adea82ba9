"""Several runs of one pack: one rule that combines their results, and what differs between a pack and an earlier one.

Results are combined value by value: the median of numbers; samples of all runs one after another, in the order of the
runs; anything else as the first run has it. A value that not every run has is left out. The claims are then compared
with the combined results, and one more thing is asked: where one run supports a claim and another refutes it, or a run
says the contrary of the whole, the claim is not resolved.
"""

from __future__ import annotations

import hashlib
import statistics
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from sovereign.records import ClaimOutcome, Outcome, PackSpec

from .outcomes import outcomes

_CONTRARY = {Outcome.SUPPORTED, Outcome.REFUTED}
_MOST_CHANGES = 40


def combined_results(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The results of several runs as one, in the form of `results.json`; those of one run as they are."""
    if len(runs) == 1:
        return dict(runs[0])
    first = runs[0]
    combined = {name: first[name] for name in ("schema", "pack", "seed")}
    combined["values"] = _combined([run["values"] for run in runs])
    return {**combined, "repetitions": len(runs), "seeds": [run["seed"] for run in runs]}


def combined_outcomes(pack: PackSpec, runs: Sequence[Mapping[str, Any]]) -> tuple[ClaimOutcome, ...]:
    """What the claims of a pack come to over several runs; those of one run as `outcomes` gives them."""
    whole = outcomes(pack, combined_results(runs))
    if len(runs) == 1:
        return whole
    single = [outcomes(pack, run) for run in runs]
    return tuple(_agreed(claim, [run[index] for run in single]) for index, claim in enumerate(whole))


def _agreed(whole: ClaimOutcome, single: Sequence[ClaimOutcome]) -> ClaimOutcome:
    measured = [one.measured for one in single if one.measured is not None]
    update: dict[str, Any] = {"spread": (min(measured), max(measured)) if measured else None}
    said = {outcome: sum(one.outcome is outcome for one in single) for outcome in Outcome}
    if {one.outcome for one in (whole, *single)} >= _CONTRARY:
        update["outcome"] = Outcome.NOT_RESOLVED
        update["reason"] = (
            f"the runs disagree: of {len(single)}, {said[Outcome.SUPPORTED]} support it and {said[Outcome.REFUTED]} "
            f"refute it; together: {whole.reason}"
        )
    else:
        update["reason"] = f"{len(single)} runs together: {whole.reason}"
    return whole.model_copy(update=update)


def _combined(values: Sequence[Any]) -> Any:
    first = values[0]
    if all(isinstance(value, dict) for value in values):
        return {name: _combined([v[name] for v in values]) for name in first if all(name in v for v in values)}
    if all(isinstance(value, list) for value in values):
        return [item for value in values for item in value]
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return first if all(value == first for value in values) else statistics.median(values)
    return first


def pack_changes(before: Mapping[str, bytes], now: Mapping[str, bytes]) -> tuple[str, ...]:
    """What differs in the files of a pack: fields of `pack.toml` with both values, and files by name.

    Empty if the files are the same. What cannot be read as TOML is named as a changed file.
    """
    found = []
    for name in sorted({*before, *now}):
        if name not in now or name not in before:
            found.append(f"{name} was {'added' if name in now else 'removed'}")
        elif before[name] != now[name]:
            fields = _fields_changed(before[name], now[name]) if name == "pack.toml" else None
            found += fields or [f"{name} ({_short(before[name])} to {_short(now[name])})"]
    left_out = len(found) - _MOST_CHANGES
    return (*found[:_MOST_CHANGES], *([f"and {left_out} more"] if left_out > 0 else []))


def _fields_changed(before: bytes, now: bytes) -> list[str] | None:
    try:
        old, new = (dict(_leaves("", tomllib.loads(data.decode("utf-8")))) for data in (before, now))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError):
        return None
    names = [*old, *(name for name in new if name not in old)]
    return [
        f"{name}: {_value(old.get(name))} to {_value(new.get(name))}"
        for name in names
        if name not in old or name not in new or old[name] != new[name]
    ]


def _leaves(at: str, value: Any) -> list[tuple[str, Any]]:
    """Every value with its place; an entry of a list that has an id or a name is called by it."""
    if isinstance(value, dict):
        return [leaf for name, item in value.items() for leaf in _leaves(f"{at}.{name}" if at else name, item)]
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        found = []
        for index, item in enumerate(value):
            label = (item.get("id") or item.get("name") or index) if isinstance(item, dict) else index
            found += _leaves(f"{at}[{label}]", item)
        return found
    return [(at, value)]


def _value(value: Any) -> str:
    shown = "nothing" if value is None else repr(value)
    return shown if len(shown) <= 80 else shown[:77] + "..."


def _short(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]
