"""What searching, reading and judging came to, counted over records; and how long the stages of runs took.

`measures` of one record are kept in its summary, so that the metrics of a site need no record to be read again.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sovereign.inquiry.runs import RunInfo, RunState
from sovereign.records import Record

METRICS_SCHEMA = "sovereign-metrics-v1"

#: The measures of nothing.
NOTHING: dict[str, Any] = {
    "searches": 0, "hits": 0, "connectors": {}, "kept": 0, "drops": {}, "claims": 0, "grounding": {}, "agreement": {},
    "reproduction": {},
}  # fmt: skip

Rows = Sequence[Mapping[str, Any]]


def measures(record: Record) -> dict[str, Any]:
    """What of one version is counted: searches, drops by rule, claims by each of their three statuses, cells."""
    claims = record.claims
    return {
        "searches": len(record.searches),
        "hits": sum(len(search.hits) for search in record.searches),
        "connectors": _counted(search.connector for search in record.searches),
        "kept": len(record.sources),
        "drops": _counted(drop.rule for drop in record.dropped),
        "claims": len(claims),
        "grounding": _counted(claim.grounding.value for claim in claims),
        "agreement": _counted(claim.agreement.value for claim in claims),
        "reproduction": _counted(claim.reproduction.value for claim in claims),
    }


def score(record: Record) -> dict[str, Any]:
    """What the tribunal and the policy said of one version."""
    return {
        "version": record.version,
        "at": record.times.created_at,
        "score": record.tribunal.score,
        "verdict": record.tribunal.verdict.value,
        "policy": record.decision.policy.value,
        "revision_round": record.tribunal.revision_round,
    }


def record_metrics(rows: Rows) -> dict[str, Any]:
    """The measures of all records together, newest versions alone; scores of all their versions.

    Args:
        rows: summaries of the records, as `_summary.summary` makes them.
    """
    each = [row["measures"] for row in rows]
    now = [row["scores"][-1]["score"] for row in rows if row["scores"]]
    return {
        "schema": METRICS_SCHEMA,
        "records": len(rows),
        "answers": _counted(row["status"] for row in rows),
        "cells": {
            "all": sum(row["cells"] for row in rows),
            "gaps": sum(row["gaps"] for row in rows),
            "reproduced": sum(row["cells_reproduced"] for row in rows),
        },
        "searches": {
            "all": sum(one["searches"] for one in each),
            "hits": sum(one["hits"] for one in each),
            "by_connector": _added(one["connectors"] for one in each),
            "per_record": spread([one["searches"] for one in each]),
        },
        "sources": {
            "kept": sum(one["kept"] for one in each),
            "dropped": sum(sum(one["drops"].values()) for one in each),
            "drops_by_rule": _added(one["drops"] for one in each),
        },
        "claims": {
            "all": sum(one["claims"] for one in each),
            "grounding": _added(one["grounding"] for one in each),
            "agreement": _added(one["agreement"] for one in each),
            "reproduction": _added(one["reproduction"] for one in each),
        },
        "scores": {
            "now": spread(now),
            "histogram": _histogram(now),
            "verdicts": _counted(row["scores"][-1]["verdict"] for row in rows if row["scores"]),
            "policies": _counted(row["scores"][-1]["policy"] for row in rows if row["scores"]),
            "by_day": _by_day(rows),
            "changed": [
                {"record": row["id"], "folder": row["folder"], "question": row["question"], "scores": row["scores"]}
                for row in rows
                if len(row["scores"]) > 1
            ],
        },
    }


def run_metrics(runs: Iterable[RunInfo]) -> dict[str, Any]:
    """How long the stages of runs took, in seconds, from the journal; outputs that were taken over are told apart."""
    found = list(runs)
    took: dict[str, list[float]] = {}
    reused: Counter[str] = Counter()
    for row in (row for run in found for row in run.stages):
        seconds = took.setdefault(row.stage, [])
        if row.reused_from is None:
            seconds.append(_seconds(row.started_at, row.finished_at))
        else:
            reused[row.stage] += 1
    whole = [_seconds(run.created_at, run.done_at) for run in found if run.done_at and not _stopped(run)]
    return {
        "runs": len(found),
        "states": _counted(run.state.value for run in found),
        "purposes": _counted(run.purpose for run in found),
        "whole_runs_s": spread(whole),
        "stages": [
            {"stage": stage, "reused": reused[stage], "all_s": round(sum(seconds), 3), **spread(seconds)}
            for stage, seconds in took.items()
        ],
    }


def spread(values: Sequence[float]) -> dict[str, float | int | None]:
    """Number, median, 95th percentile (nearest rank), smallest and largest; null where there is nothing."""
    ordered = sorted(values)
    if not ordered:
        return {"number": 0, "median": None, "p95": None, "min": None, "max": None}
    rank = max(0, -(-95 * len(ordered) // 100) - 1)
    return {
        "number": len(ordered),
        "median": round(statistics.median(ordered), 3),
        "p95": round(ordered[rank], 3),
        "min": round(ordered[0], 3),
        "max": round(ordered[-1], 3),
    }


def _stopped(run: RunInfo) -> bool:
    """Whether a run lay still for a while, so that its length says nothing."""
    return bool(run.events) or run.state is not RunState.DONE


def _seconds(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


def _counted(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))


def _added(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for one in counts:
        found.update(one)
    return dict(sorted(found.items()))


def _histogram(scores: Sequence[float]) -> list[dict[str, int]]:
    """Records by whole points: from 0 to under 1, up to 9 to 10 with ten itself."""
    counted = Counter(min(int(value), 9) for value in scores)
    return [{"from": at, "to": at + 1, "records": counted[at]} for at in range(10)]


def _by_day(rows: Rows) -> list[dict[str, Any]]:
    days: dict[str, list[float]] = {}
    for one in (one for row in rows for one in row["scores"]):
        days.setdefault(one["at"][:10], []).append(one["score"])
    return [
        {"day": day, "versions": len(scores), "median": round(statistics.median(scores), 2)}
        for day, scores in sorted(days.items())
    ]
