"""Answers on disk, one file each: a line that repeats the request and the body's digest, then the body.

A file is used only if that line says exactly what is asked now. A file of another query, cut short or edited, is
deleted and reported. A full disk costs the cache, never the answer.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ._types import Answer, Request, plain_address

_FORMAT = 1
_KEPT_HEADERS = ("content-type", "date", "etag", "last-modified")


class Cache:
    """Answers by the key of their request.

    Args:
        folder: where they lie.
        days: how old one may be; 0 keeps none.
        most_bytes: oldest ones go when all together are larger.
        now: UTC.
        notice: told what was refused, and why one could not be kept.
    """

    def __init__(
        self, folder: Path, days: float, most_bytes: int, now: Callable[[], datetime], notice: Callable[[str], None]
    ) -> None:
        self._folder, self._days, self._most, self._now, self._notice = folder, days, most_bytes, now, notice
        self._written = 0

    def get(self, request: Request, *, any_age: bool = False) -> Answer | None:
        """The kept answer to exactly this request, or None. `any_age`: offline, an old one is better than none."""
        path = self._path(request)
        try:
            raw = path.read_bytes()
        except OSError:
            return None
        try:
            first, _, body = raw.partition(b"\n")
            head = json.loads(first)
            fetched = datetime.fromisoformat(head["fetched_at"])
            fault = _fault(head, body, request)
        except (ValueError, TypeError, KeyError, AttributeError):
            fault = "is damaged"
        if fault:
            self._notice(f"a kept answer for {plain_address(request.url)} {fault}: it was deleted and is not used")
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        if not any_age and self._now() - fetched > timedelta(days=self._days):
            return None
        return Answer(head["status"], head["headers"], body, head["final_url"], head["fetched_at"], cached=True)

    def put(self, request: Request, answer: Answer) -> None:
        """Keep an answer, whole or not at all; what hinders it is a notice."""
        if self._days <= 0:
            return
        head = {
            "format": _FORMAT,
            **_echo(request),
            "status": answer.status,
            "headers": {name: value for name, value in answer.headers.items() if name in _KEPT_HEADERS},
            "final_url": answer.url,
            "fetched_at": answer.fetched_at,
            "sha256": answer.sha256,
        }
        path = self._path(request)
        draft: str | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, draft = tempfile.mkstemp(prefix=".draft-", dir=path.parent)
            with os.fdopen(handle, "wb") as file:
                file.write(json.dumps(head).encode() + b"\n" + answer.body)
            Path(draft).replace(path)
            self._written += len(answer.body)
        except OSError as error:
            self._notice(f"an answer could not be kept ({error.strerror}): it is used, and asked for again next time")
            if draft is not None:
                with contextlib.suppress(OSError):
                    Path(draft).unlink()

    def tidy(self) -> None:
        """Delete the oldest answers beyond the size allowed. Looks only if this client has kept any."""
        if not self._written:
            return
        with contextlib.suppress(OSError):
            files = [(file.stat(), file) for file in self._folder.rglob("*") if file.is_file()]
            total = sum(stat.st_size for stat, _ in files)
            for stat, file in sorted(files, key=lambda item: (item[0].st_mtime, item[1].name)):
                if total <= self._most:
                    return
                file.unlink(missing_ok=True)
                total -= stat.st_size

    def _path(self, request: Request) -> Path:
        key = request.key
        return self._folder / key[:2] / key


def _echo(request: Request) -> dict[str, Any]:
    headers = {name.lower(): value for name, value in sorted(request.headers.items())}
    body = hashlib.sha256(request.body).hexdigest()
    return {"method": request.method, "url": request.url, "request_headers": headers, "request_sha256": body}


def _fault(head: dict[str, Any], body: bytes, request: Request) -> str | None:
    if head["format"] != _FORMAT:
        return "has another format"
    if any(head[name] != value for name, value in _echo(request).items()):
        return "answers another query"
    if head["sha256"] != hashlib.sha256(body).hexdigest():
        return "is not what was kept"
    if head["status"] not in request.expect or not isinstance(head["headers"], dict):
        return "is damaged"
    return None
