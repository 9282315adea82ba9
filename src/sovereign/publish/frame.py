"""The pages around the records: list, Research, Verification, Metrics, About, Corrections; twins, feed, schemas."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sovereign import _version

from ._disk import as_json
from ._feeds import feed, llms_text, sitemap
from ._listing import list_pages
from ._place import addresses
from ._render import render
from ._rules import stages, verification_rules
from .contracts import CONTRACTS, contract_schemas
from .metrics import record_metrics

SITE_SCHEMA = "sovereign-site-v1"
TITLE = "Sovereign"

Rows = Sequence[dict[str, Any]]


def frame_pages(rows: Rows, *, base_url: str | None = None, title: str = TITLE) -> dict[str, str]:
    """Every file of the site that belongs to no single record, by its path.

    Args:
        rows: summaries of the records, newest first, as `site.summary` makes them.
        base_url: where the site will stand; without it feed and `llms.txt` link relatively, and there is no sitemap.
    """
    at = addresses(base_url)
    rules, way, corrected = verification_rules(), stages(), _corrections(rows)
    metrics = record_metrics(rows)
    pages = {
        **list_pages(rows, title),
        "index.json": as_json({"schema": SITE_SCHEMA, "title": title, "records": [_public(row) for row in rows]}),
        "metrics.html": render("metrics.html.j2", metrics=metrics, title=title),
        "metrics.json": as_json(metrics),
        "research.html": render("research.html.j2", stages=way, title=title),
        "research.json": as_json({"schema": SITE_SCHEMA, "stages": way}),
        "verification.html": render("verification.html.j2", rules=rules, contracts=_contracts(), title=title),
        "verification.json": as_json({"schema": SITE_SCHEMA, **rules}),
        "about.html": render("about.html.j2", counts=_counts(rows), version=_version.__version__, title=title),
        "about.json": as_json({"schema": SITE_SCHEMA, "version": _version.__version__, "counts": _counts(rows)}),
        "corrections.html": render("corrections.html.j2", corrections=corrected, title=title),
        "corrections.json": as_json({"schema": SITE_SCHEMA, "corrections": corrected}),
        "feed.xml": feed(title, rows, at),
        "llms.txt": llms_text(title, rows, at),
    }
    pages |= {f"schemas/{name}.schema.json": as_json(schema) for name, schema in contract_schemas().items()}
    if base_url is not None:
        by_age = sorted(name for name in pages if re.fullmatch(r"index-[0-9]+\.html", name))
        around = ("research", "verification", "metrics", "about", "corrections")
        fixed = ["index.html", *by_age, *(f"{name}.html" for name in around)]
        paths = [(path, None) for path in fixed]
        pages["sitemap.xml"] = sitemap(
            [*paths, *((f"{row['folder']}/index.html", row["changed_at"][:10]) for row in rows)], at
        )
    return pages


def _corrections(rows: Rows) -> list[dict[str, Any]]:
    found = [
        {"record": row["id"], "folder": row["folder"], "question": row["question"], **event}
        for row in rows
        for event in row["corrections"]
    ]
    found += [
        {"record": row["id"], "folder": row["folder"], "question": row["question"], "kind": "source outdated",
         "event_id": f"{row['id']}/events/{notice['event']}", "corrected_at": notice["signed_at"],
         "correction_type": f"source {notice['cause']}", "public_note": notice["what"],
         "affected_fields": notice["claims"]}
        for row in rows
        for notice in row["notices"]
    ]  # fmt: skip
    return sorted(found, key=lambda item: (item["corrected_at"], item["event_id"]), reverse=True)


def _counts(rows: Rows) -> dict[str, int]:
    return {
        "records": len(rows),
        "cells": sum(row["cells"] for row in rows),
        "gaps": sum(row["gaps"] for row in rows),
        "cells_reproduced": sum(row["cells_reproduced"] for row in rows),
        "corrections": sum(len(row["corrections"]) for row in rows),
    }


def _contracts() -> list[dict[str, str]]:
    return [
        {"name": name, "file": file, "meaning": (kind.__doc__ or "").split("\n")[0].partition(": ")[2]}
        for name, (kind, file) in CONTRACTS.items()
    ]


def _public(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in ("made_from", "measures")}
