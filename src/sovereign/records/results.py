"""`results.json`: the form of what a run leaves, and the one rule by which it is accepted.

    {"schema": "sovereign-results-v1", "pack": "x", "seed": 7, "values": {"latency": {"ms": [4.1, 4.3], "unit": "ms"}}}

A value is a finite number, a text, true, false or null, a list of values, or an object of values. An object names the
unit of its numbers under `unit`. `repetitions`, `seeds` and `machine` are there for packs that have something to say of
them; a pack that states no fact of the machine gives equal bytes on every machine.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

RESULTS_SCHEMA = "sovereign-results-v1"
MOST_DEPTH = 16
MOST_VALUES = 200_000
LONGEST_TEXT = 4000
MOST_MACHINE_FACTS = 64
_SAFE_INTEGER = 2**53 - 1


def read_results(data: bytes) -> Any:
    """The JSON value of the bytes that a script left; not yet looked at.

    Raises:
        ValueError: not UTF-8, not JSON, a key given twice in one object, NaN or an infinity, or nested too deeply.
    """
    try:
        return json.loads(data.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_no_twice)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def results_fault(results: Any, pack: str, seed: int) -> str | None:
    """What is wrong with parsed results of a pack that was given this seed, or None."""
    if not isinstance(results, dict) or not isinstance(results.get("values"), dict):
        return "it is no object with `values`"
    for name, due in {"schema": RESULTS_SCHEMA, "pack": pack, "seed": seed}.items():
        if results.get(name) != due or isinstance(results.get(name), bool):
            return f"`{name}` of its results is {_shown(results.get(name))}, not {due}"
    repetitions, seeds, machine = (results.get(name) for name in ("repetitions", "seeds", "machine"))
    if "repetitions" in results and (not _is_integer(repetitions) or results["repetitions"] < 1):
        return f"`repetitions` is {_shown(repetitions)}, no number from 1"
    if "seeds" in results and not (isinstance(seeds, list) and seeds and all(_is_integer(one) for one in seeds)):
        return f"`seeds` is {_shown(seeds)}, no list of whole numbers"
    if "machine" in results and not (
        isinstance(machine, dict)
        and len(machine) <= MOST_MACHINE_FACTS
        and all(isinstance(fact, str | int | float | bool) for fact in machine.values())
    ):
        return f"`machine` is {_shown(machine)}, no object of at most {MOST_MACHINE_FACTS} texts and numbers"
    return _values_fault(results)


def _values_fault(results: Mapping[str, Any]) -> str | None:
    """Walk over everything without recursion: a hostile file must not be able to end us by its depth."""
    waiting: list[tuple[str, Any, int]] = [("", results, 0)]
    seen = 0
    while waiting:
        at, value, depth = waiting.pop()
        seen += 1
        if seen > MOST_VALUES:
            return f"it holds more than {MOST_VALUES} values"
        if depth > MOST_DEPTH:
            return f"it is nested more than {MOST_DEPTH} deep"
        if isinstance(value, dict):
            if len(next((name for name in value if len(name) > LONGEST_TEXT), "")):
                return f"a name at {at or '/'} is longer than {LONGEST_TEXT} characters"
            unit = value.get("unit")
            if "unit" in value and depth > 1 and not isinstance(unit, str):
                return f"`unit` at {at} is {_shown(unit)}, no text"
            waiting += [(f"{at}/{name}", item, depth + 1) for name, item in value.items()]
        elif isinstance(value, list):
            waiting += [(f"{at}/{index}", item, depth + 1) for index, item in enumerate(value)]
        elif isinstance(value, str):
            if len(value) > LONGEST_TEXT:
                return f"the text at {at} is longer than {LONGEST_TEXT} characters"
        elif isinstance(value, float):
            if not math.isfinite(value):
                return f"the number at {at} is not finite"
        elif _is_integer(value) and abs(value) > _SAFE_INTEGER:
            return f"the whole number at {at} is beyond 2^53 - 1"
    return None


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _no_twice(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the key {name[:80]!r} is given twice in one object")
        found[name] = value
    return found


def _shown(value: Any) -> str:
    """A value for a message; a list or an object by its kind alone, since it may be deeper than an encoder goes."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    return json.dumps(value)[:80]


def results_schema() -> dict[str, Any]:
    """The JSON Schema of `results.json`, without `$schema` and `$id`. Depth and counts are `results_fault`'s to say."""
    value = {
        "anyOf": [
            {"type": ["number", "boolean", "null"]},
            {"type": "string", "maxLength": LONGEST_TEXT},
            {"type": "array", "items": {"$ref": "#/$defs/value"}},
            {"$ref": "#/$defs/quantity"},
        ]
    }
    quantity = {
        "type": "object",
        "description": "Values that belong together; `unit` is the unit of its numbers.",
        "properties": {"unit": {"type": "string", "maxLength": LONGEST_TEXT}},
        "additionalProperties": {"$ref": "#/$defs/value"},
    }
    return {
        "type": "object",
        "description": "results.json: what a pack measured. A pack that states no machine gives equal bytes on each.",
        "properties": {
            "schema": {"const": RESULTS_SCHEMA},
            "pack": {"type": "string"},
            "seed": {"type": "integer"},
            "values": {"type": "object", "additionalProperties": {"$ref": "#/$defs/value"}},
            "repetitions": {"type": "integer", "minimum": 1, "description": "how often the script measured"},
            "seeds": {"type": "array", "items": {"type": "integer"}, "minItems": 1},
            "machine": {
                "type": "object",
                "description": "what the script says of the machine; the gate's own facts stand in the attestation",
                "maxProperties": MOST_MACHINE_FACTS,
                "additionalProperties": {"type": ["string", "number", "boolean"]},
            },
        },
        "required": ["pack", "schema", "seed", "values"],
        "additionalProperties": {"$ref": "#/$defs/value"},
        "$defs": {"value": value, "quantity": quantity},
    }
