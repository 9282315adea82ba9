"""The records of the listings in one SQLite file with a full-text index: searched, looked up, written as Atom."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import sqlite3
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from benchmarks.arxiv.query import to_fts

_ID = re.compile(r"(\d{4}\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/\d{7})(?:v\d+)?")
_ORDERS = {"relevance": "rank", "lastUpdatedDate": "id", "submittedDate": "id"}
#: arXiv weighs a title more; the service does not say by how much.
_BM25 = "bm25(papers_fts, 4.0, 1.0, 1.0, 1.0, 1.0)"


class Catalogue:
    """Records by id and by query. One connection per thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()

    @classmethod
    def build(cls, path: Path, rows: Iterable[dict[str, Any]]) -> Catalogue:
        """Write the file, unless one is there."""
        if not path.exists():
            draft = path.with_suffix(".new")
            draft.unlink(missing_ok=True)
            db = sqlite3.connect(draft)
            db.execute("CREATE TABLE papers (row INTEGER PRIMARY KEY, id TEXT UNIQUE, body TEXT)")
            db.execute(
                "CREATE VIRTUAL TABLE papers_fts USING fts5(title, summary, authors, categories, comment,"
                " tokenize = 'porter unicode61', content = '')"
            )
            seen: set[str] = set()
            for row in rows:
                match = _ID.fullmatch(str(row.get("id")))
                if match is None or match[1] in seen:
                    continue
                seen.add(match[1])
                at = len(seen)
                db.execute("INSERT INTO papers VALUES (?, ?, ?)", (at, match[1], json.dumps(row)))
                categories = " ".join(c.replace(".", "").replace("-", "") for c in _list(row.get("categories")))
                db.execute(
                    "INSERT INTO papers_fts (rowid, title, summary, authors, categories, comment) VALUES (?,?,?,?,?,?)",
                    (at, row["title"], row.get("summary", ""), " ".join(_list(row.get("authors"))), categories,
                     row.get("comment") or ""),
                )  # fmt: skip
            db.commit()
            db.close()
            draft.rename(path)
        return cls(path)

    @property
    def size(self) -> int:
        return int(self._db().execute("SELECT count(*) FROM papers").fetchone()[0])

    def search(
        self, query: str, start: int, most: int, sort: str = "relevance", order: str = "descending"
    ) -> tuple[int, list[dict[str, Any]]]:
        """How many match, and a page of them. Raises Malformed."""
        expression = to_fts(query)
        if not expression:
            return 0, []
        db = self._db()
        total = db.execute("SELECT count(*) FROM papers_fts WHERE papers_fts MATCH ?", (expression,)).fetchone()[0]
        if sort == "relevance":
            by = f"{_BM25} {'ASC' if order == 'descending' else 'DESC'}, papers_fts.rowid"  # FTS5: less is better
            inner = f"SELECT rowid FROM papers_fts WHERE papers_fts MATCH ? ORDER BY {by} LIMIT ? OFFSET ?"
            rows = [row[0] for row in db.execute(inner, (expression, most, start))]
        else:
            way = "DESC" if order == "descending" else "ASC"
            sql = (
                "SELECT row FROM papers WHERE row IN (SELECT rowid FROM papers_fts WHERE papers_fts MATCH ?)"
                f" ORDER BY id {way} LIMIT ? OFFSET ?"
            )
            rows = [row[0] for row in db.execute(sql, (expression, most, start))]
        bodies = (db.execute("SELECT body FROM papers WHERE row = ?", (row,)).fetchone()[0] for row in rows)
        return total, [json.loads(body) for body in bodies]

    def get(self, identifier: str) -> dict[str, Any] | None:
        """A record by id, with or without version; None where there is none. Raises ValueError for what is no id."""
        match = _ID.fullmatch(identifier)
        if match is None:
            raise ValueError(f"incorrect id format for {identifier}")
        row = self._db().execute("SELECT body FROM papers WHERE id = ?", (match[1],)).fetchone()
        return json.loads(row[0]) if row else None

    def _db(self) -> sqlite3.Connection:
        if not hasattr(self._local, "db"):
            self._local.db = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True)
        db: sqlite3.Connection = self._local.db
        return db


def listings(folder: Path) -> Iterable[dict[str, Any]]:
    """All rows of a folder of `.jsonl.gz` listings, in the order of the files' names."""
    for path in sorted(folder.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)


def feed(asked: dict[str, str], start: int, most: int, total: int, rows: Iterable[dict[str, Any]], at: str) -> str:
    """An Atom feed as the service writes it (its form of 2026)."""
    query, ids = asked.get("search_query", ""), asked.get("id_list", "")
    told = f"search_query={query}&id_list={ids}&start={start}&max_results={most}"
    name = hashlib.sha256(told.encode()).hexdigest()[:27]
    link = f"https://arxiv.org/api/query?search_query={query}&start={start}&max_results={most}&id_list={ids}"
    return f"""<?xml version='1.0' encoding='UTF-8'?>
<feed xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/" xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns="http://www.w3.org/2005/Atom">
  <id>https://arxiv.org/api/{name}</id>
  <title>arXiv Query: {escape(told)}</title>
  <updated>{at}</updated>
  <link href={quoteattr(link)} type="application/atom+xml"/>
  <opensearch:itemsPerPage>{most}</opensearch:itemsPerPage>
  <opensearch:totalResults>{total}</opensearch:totalResults>
  <opensearch:startIndex>{start}</opensearch:startIndex>
{"".join(_entry(row) for row in rows)}</feed>
"""


def error_feed(said: str, at: str) -> str:
    """An error as the service writes it: a feed with one entry."""
    link = f"https://arxiv.org/api/errors#{re.sub(r'[^A-Za-z0-9]+', '_', said)}"
    return f"""<?xml version='1.0' encoding='UTF-8'?>
<feed xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/" xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns="http://www.w3.org/2005/Atom">
  <id>https://arxiv.org/</id>
  <title>arXiv Search Results</title>
  <updated>{at}</updated>
  <opensearch:itemsPerPage>1</opensearch:itemsPerPage>
  <opensearch:totalResults>1</opensearch:totalResults>
  <opensearch:startIndex>0</opensearch:startIndex>
  <entry>
    <id>{escape(link)}</id>
    <title>Error</title>
    <updated>{at}</updated>
    <link href={quoteattr(link)} rel="alternate" type="text/html"/>
    <summary>{escape(said)}</summary>
    <author>
      <name>arXiv api core</name>
    </author>
  </entry>
</feed>
"""


def _entry(row: dict[str, Any]) -> str:
    identifier = str(row["id"])
    plain = _ID.fullmatch(identifier)
    bare = plain[1] if plain else identifier
    version = identifier[len(bare) :] or "v1"
    digits = re.search(r"\d{4}", bare)
    month = digits[0] if digits else "0001"
    year = (1900 if int(month[:2]) > 90 else 2000) + int(month[:2])
    day = f"{year}-{int(month[2:]) or 1:02d}-01T00:00:00Z"
    categories = _list(row.get("categories"))
    comment = row.get("comment")
    lines = [
        f"    <id>http://arxiv.org/abs/{bare}{version}</id>",
        f"    <title>{escape(row['title'])}</title>",
        f"    <updated>{day}</updated>",
        f'    <link href="https://arxiv.org/abs/{bare}{version}" rel="alternate" type="text/html"/>',
        f'    <link href="https://arxiv.org/pdf/{bare}{version}" rel="related" type="application/pdf" title="pdf"/>',
        f"    <summary>{escape(row.get('summary') or '')}</summary>",
        *(f'    <category term="{escape(c)}" scheme="http://arxiv.org/schemas/atom"/>' for c in categories),
        f"    <published>{day}</published>",
        *([f"    <arxiv:comment>{escape(str(comment))}</arxiv:comment>"] if comment else []),
        *([f'    <arxiv:primary_category term="{escape(categories[0])}"/>'] if categories else []),
        *(f"    <author>\n      <name>{escape(name)}</name>\n    </author>" for name in _list(row.get("authors"))),
    ]
    return "  <entry>\n" + "\n".join(lines) + "\n  </entry>\n"


def _list(value: object) -> list[str]:
    if isinstance(value, str):
        return [part for part in re.split(r",\s*|\s+(?=[a-z-]+\.)", value) if part]
    return [str(part) for part in value] if isinstance(value, list) else []
