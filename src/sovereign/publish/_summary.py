"""What the pages around the records know of one of them, kept beside its page, and what that page was made from."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sovereign.judge.history import fold
from sovereign.records import Event, EventType, Record, State, folder_name

from . import _words as words
from ._contract_values import correction_events
from ._later import notice_json, notices
from .metrics import NOTHING, measures, record_metrics, run_metrics, score

if TYPE_CHECKING:
    from sovereign.archive import Archive
    from sovereign.inquiry.runs import RunInfo

FOLDER = re.compile(r"srch-[0-9a-f]{8}")
SUMMARY = "summary.json"


def summary(
    record: Record,
    state: State,
    events: Sequence[Event] = (),
    earlier: Sequence[Record] = (),
    made_from: str = "",
    told: Sequence[Event] | None = None,
) -> dict[str, Any]:
    """What the pages around the records say of one of them.

    Args:
        earlier: its versions before this one that have pages of their own.
        told: events that tell of its sources, where there are more than `events`.
        made_from: what tells whether its pages must be made again, see `made_from`.
    """
    later = [event for event in told or () if event.number > len(events) and event.type is EventType.OUTDATED]
    kinds = {f"{record.id}/events/{event.number}": event.type.value for event in events}
    return {
        "id": record.id,
        "folder": record.folder,
        "version": record.version,
        "created_at": record.times.created_at,
        "changed_at": state.last_event_at,
        "question": record.question.text,
        "status": record.answer.status.value,
        "status_word": words.STATUS[record.answer.status],
        "banner": words.standing(state)[0],
        "public": state.public,
        "cells": record.counts.cells,
        "gaps": record.counts.gaps,
        "cells_reproduced": record.counts.cells_reproduced,
        "gate": record.gate_verdict.status.value,
        "level": record.verification_level,
        "tier": record.quality_tier.value,
        "corrections": [
            {**event.to_json(), "kind": kinds[event.event_id]} for event in correction_events(record.id, events)
        ],
        "history": [
            {"number": event.number, "type": event.type.value, "at": event.at, "version": event.version,
             "note": event.note}
            for event in (*events, *later)
        ],
        "notices": [notice_json(notice) for notice in notices(record, told if told is not None else events)],
        "measures": measures(record),
        "scores": [score(version) for version in (*earlier, record)],
        "made_from": made_from,
    }  # fmt: skip


_TEXT_FIELDS = (
    "id", "created_at", "changed_at", "question", "status", "status_word", "banner", "gate", "tier", "made_from",
)  # fmt: skip
_NUMBER_FIELDS = ("version", "cells", "gaps", "cells_reproduced", "level")


def read_summary(path: Path) -> dict[str, Any] | None:
    """A record's summary, or None for a folder that is not one of ours: the list must come out whatever lies there."""
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(row, dict) or row.get("folder") != path.parent.name or not FOLDER.fullmatch(path.parent.name):
        return None
    sound = (
        all(isinstance(row.get(name), str) for name in _TEXT_FIELDS)
        and all(isinstance(row.get(name), int) for name in _NUMBER_FIELDS)
        and all(isinstance(row.get(name), list) for name in ("corrections", "history"))
    )
    return {**row, **_since(row)} if sound else None


def _since(row: dict[str, Any]) -> dict[str, Any]:
    """The fields that came later, empty where the summary is of before: its record stays in the list all the same."""
    found = row.get("measures")
    whole = isinstance(found, dict) and all(isinstance(found.get(name), type(empty)) for name, empty in NOTHING.items())
    lists = {name: row[name] if isinstance(row.get(name), list) else [] for name in ("notices", "scores")}
    return {"measures": found if whole else NOTHING, **lists}


def made_from(stamp: str, base_url: str | None, public_only: bool) -> str:
    """What a record's pages are made from: its events (they name the manifests), the pages' code, the place.

    Args:
        stamp: of the record's events, as `Archive.stamp` gives it.
        public_only: whether versions that nobody has published are left out.
    """
    return sha256(repr((_code(), stamp, base_url, public_only)).encode()).hexdigest()


def archive_metrics(archive: Archive, site: str | Path, runs: Iterable[RunInfo] = ()) -> dict[str, Any]:
    """The metrics of all records of an archive, drafts too, and of the runs that made them.

    Args:
        site: a site of all records; what its summaries say is used as long as it is up to date. Nothing is written.
        runs: as the journal lists them.

    Raises:
        StorageError: a record is damaged.
    """
    rows = []
    for record_id in archive.list():
        row = read_summary(Path(site) / folder_name(record_id) / SUMMARY)
        if row is None or row["made_from"] != made_from(archive.stamp(record_id), None, False):
            events = archive.events(record_id)
            versions = [archive.load(record_id, one) for one in range(1, fold(events).version + 1)]
            row = summary(versions[-1], fold(events), events, versions[:-1])
        rows.append(row)
    return {**record_metrics(rows), "runs": run_metrics(runs)}


@lru_cache(maxsize=1)
def _code() -> str:
    """A digest of the code and templates that make pages: a change in them makes every page anew."""
    told = sha256()
    for folder in (resources.files(__package__), resources.files(__package__) / "templates"):
        for item in sorted(folder.iterdir(), key=lambda item: item.name):
            if item.is_file() and item.name.endswith((".py", ".j2", ".css")):
                told.update(item.name.encode() + item.read_bytes())
    return told.hexdigest()
