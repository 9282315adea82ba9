"""The lexical index: tantivy on disk, English stemmer, one searched field per source.

A source is one text (title and body), scored by plain BM25 (Robertson and Zaragoza 2009, k1 1.2, b .75) over the
query's distinct words without stop words. Tried on BEIR SciFact's 809 training claims and set aside, because no paired
interval was above zero: a title field with a boost of its own, other k1 and b, bigrams, pseudo-relevance feedback,
coordination, idf powers, and counting a query's repeated words (on another set, the 2,138 training claims of
citation-integrity, that lost .009 [.003, .016] in nDCG@10).

A query is built from terms. No query parser ever sees a question, so no character in it can be syntax.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import tantivy

from sovereign.records import StorageError

K1, B = 1.2, 0.75
_HEAP_BYTES = 60_000_000
_LONGEST_TOKEN_BYTES = 40
_REBUILD = "run `sovereign library status`: it rebuilds the index from the library"
_STOP_WORDS = (
    "a about after all also among an and any are as at be been between both but by can could did do does during each "
    "for from had has have how if in into is it its may might more most no not of on or other our should some such "
    "than that the their then there these they this through to use used using was we were what when where which who "
    "whom why will with would"
)


def _analyzer(*filters: tantivy.Filter) -> tantivy.TextAnalyzer:
    builder = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
    for one in (tantivy.Filter.remove_long(_LONGEST_TOKEN_BYTES), *filters):
        builder = builder.filter(one)
    return builder.build()


# The same chain as tantivy's own "en_stem", which the field uses: a test compares the two.
_ANALYZER = _analyzer(tantivy.Filter.lowercase(), tantivy.Filter.stemmer("english"))
_COUNTER = _analyzer()
_ASCII_WORDS = "".join(chr(c) if chr(c).isalnum() else " " for c in range(128))


def clean(text: str) -> str:
    """The text without what UTF-8 cannot hold (lone surrogates)."""
    return text.encode("utf-8", "replace").decode()


def analyse(text: str) -> list[str]:
    """The index terms of a text, in order: lower case, split at non-alphanumerics, stemmed; none over 40 bytes."""
    return list(_ANALYZER.analyze(clean(text)))


def count_tokens(text: str) -> int:
    """The length of a text in index terms. Stemming does not change it; in ASCII, `split` finds the same words."""
    if text.isascii():
        words = text.translate(_ASCII_WORDS).split()
        if max(map(len, words), default=0) < _LONGEST_TOKEN_BYTES - 1:
            return len(words)
    return len(_COUNTER.analyze(clean(text)))


STOP_TERMS = frozenset(analyse(_STOP_WORDS))


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("row", indexed=True, fast=True)
    builder.add_text_field("kind", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("body", tokenizer_name="en_stem", index_option="position")
    return builder.build()


@contextmanager
def engine(folder: Path) -> Iterator[None]:
    """Turn the engine's errors, a Rust panic among them, into a StorageError."""
    try:
        yield
    except (ValueError, OSError) as error:
        raise _damaged(folder, error) from error
    except BaseException as error:
        if type(error).__name__ == "PanicException":  # pyo3's; it derives from BaseException
            raise _damaged(folder, error) from error
        raise


def _damaged(folder: Path, error: BaseException) -> StorageError:
    if "No space left" in str(error) or "File too large" in str(error):
        return StorageError(
            f"cannot write the index {folder}: {error}", "free disk space and run the same command again"
        )
    return StorageError(f"the index {folder} cannot be used: {error}", _REBUILD)


class SearchIndex:
    """One index folder. Rows are the store's row numbers; the index knows nothing else of a source.

    Only a holder of the writer lock may `create`: two processes that did so at once would undo each other's work.
    """

    def __init__(self, folder: Path, create: bool = False) -> None:
        self.folder = folder
        if not create and not (folder / "meta.json").is_file():
            raise StorageError(f"the index {folder} is not there", _REBUILD)
        with engine(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self._schema = _schema()
            self._index = tantivy.Index(self._schema, path=str(folder))
            self._writer: tantivy.IndexWriter | None = None
            self.refresh()

    def refresh(self) -> None:
        """See what has been committed since, by this or another process."""
        with engine(self.folder):
            self._index.reload()
            self._searcher = self._index.searcher()

    # -- writing (under the library's writer lock)

    def add(self, row: int, kind: str, text: str) -> None:
        """Add one row; not there for a search before `commit`."""
        document = tantivy.Document()
        document.add_unsigned("row", row)
        document.add_text("kind", kind)
        document.add_text("body", clean(text))
        with engine(self.folder):
            self._open_writer().add_document(document)

    def remove(self, row: int) -> None:
        """Drop one row at the next commit; no error if it is not there."""
        with engine(self.folder):
            # By query: `delete_documents_by_term` (0.27) makes a signed term of any integer, and deletes nothing here.
            query = tantivy.Query.term_query(self._schema, "row", row)
            self._open_writer().delete_documents_by_query(query)

    def commit(self) -> None:
        """Make all additions and removals durable at once."""
        if self._writer is not None:
            with engine(self.folder):
                self._writer.commit()
            self.refresh()

    def finish(self) -> None:
        """Commit, let merges end, and let go of the writer."""
        if self._writer is not None:
            self.commit()
            writer, self._writer = self._writer, None
            with engine(self.folder):
                writer.wait_merging_threads()
            self.refresh()

    def abandon(self) -> None:
        """Let go of the writer without a commit, after an error."""
        self._writer = None

    def _open_writer(self) -> tantivy.IndexWriter:
        if self._writer is None:
            # One thread: the caller's Python is the slower side, and fewer segments make faster searches.
            self._writer = self._index.writer(_HEAP_BYTES, 1)
            # A kill between a list of deletions and the commit that names it leaves the file; the next commit would
            # write one of that very name and fail.
            self._writer.garbage_collect_files()
        return self._writer

    # -- reading

    def __len__(self) -> int:
        return int(self._searcher.num_docs)

    @property
    def segments(self) -> int:
        """Number of segments, for `status`."""
        return int(self._searcher.num_segments)

    def holds(self, row: int) -> bool:
        """Whether the row is physically there, deleted or not: what the engine's statistics count."""
        with engine(self.folder):
            return bool(self._searcher.doc_freq("row", row))

    def document_frequency(self, term: str) -> int:
        """Number of rows, deleted ones among them, that hold an analysed term."""
        with engine(self.folder):
            return int(self._searcher.doc_freq("body", term))

    def query(
        self, terms: Sequence[str], require: Sequence[Sequence[str]], kinds: Sequence[str] | None
    ) -> tantivy.Query:
        """Any of the terms, scored; and every group of phrases and the kinds, unscored."""
        must, schema = tantivy.Occur.Must, self._schema
        clauses: list[tuple[tantivy.Occur, tantivy.Query]] = []
        if terms:
            should = [(tantivy.Occur.Should, tantivy.Query.term_query(schema, "body", term, "freq")) for term in terms]
            if not require and kinds is None:
                return tantivy.Query.boolean_query(should)
            clauses.append((must, tantivy.Query.boolean_query(should)))
        for group in require:
            phrases = [words for words in map(analyse, group) if words]
            any_of = [(tantivy.Occur.Should, self._phrase(words)) for words in phrases]
            query = tantivy.Query.boolean_query(any_of) if any_of else tantivy.Query.empty_query()
            clauses.append((must, tantivy.Query.const_score_query(query, 0.0)))
        if kinds is not None:
            query = tantivy.Query.term_set_query(schema, "kind", list(kinds))
            clauses.append((must, tantivy.Query.const_score_query(query, 0.0)))
        return tantivy.Query.boolean_query(clauses) if clauses else tantivy.Query.empty_query()

    def _phrase(self, words: Sequence[str]) -> tantivy.Query:
        if len(words) == 1:
            return tantivy.Query.term_query(self._schema, "body", words[0], "freq")
        return tantivy.Query.phrase_query(self._schema, "body", list(words))

    def best(self, query: tantivy.Query, limit: int) -> list[tuple[float, int]]:
        """(score, row) of the best rows by the engine's own score, in its own order."""
        with engine(self.folder):
            hits = self._searcher.search(query, max(1, limit), count=False).hits
            rows = self._searcher.fast_field_values("row", [address for _, address in hits])
        return [(float(score), int(row)) for (score, _), row in zip(hits, rows, strict=True)]  # type: ignore[arg-type]

    def statistics(self, term: str) -> tuple[int, float]:
        """(number of rows, mean length in terms) as the engine's BM25 uses them; `term` is any that occurs."""
        query = tantivy.Query.term_query(self._schema, "body", term, "freq")
        with engine(self.folder):
            hits = self._searcher.search(query, 1, count=False).hits
            if not hits:  # all rows with the term are deleted: the caller's own figures do
                return 0, 0.0
            explained = json.loads(query.explain(self._searcher, hits[0][1]).to_json())
        found = dict(_values(explained))
        return int(found["N"]), found["avgdl"]


def _values(node: dict[str, object]) -> Iterator[tuple[str, float]]:
    yield str(node["description"]).split(",")[0], float(node["value"])  # type: ignore[arg-type]
    for child in node.get("details", ()):  # type: ignore[attr-defined]
        yield from _values(child)
