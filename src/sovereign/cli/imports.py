"""`sovereign import`: records out of what another system wrote."""

from __future__ import annotations

from pathlib import Path

import click

from sovereign import workflow
from sovereign.inquiry.imported import question_of
from sovereign.records import BadInput, NotFound, StorageError

from ._console import Console, verb
from .ask import summary

_MOST_BYTES = 1_000_000


@click.group("import")
def import_() -> None:
    """Make records of what another system wrote."""


@import_.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@verb
def seed(console: Console, files: tuple[Path, ...]) -> None:
    """Read each FILE (the text of a record page or report of the earlier system) into a record, judged by our rules.

    The record keeps the whole text and sets what it states beside what can be computed again. Files on the same
    question that are given together are compared with each other. Nothing is imported unless every file can be.

    \b
    Example:
      sovereign import seed page.txt report.txt
    """
    workspace = console.workspace()
    texts = [_text(path) for path in files]
    records = workflow.import_seeds(workspace, texts, progress=console.progress)
    value = [
        {
            "file": str(path),
            "record": record.id,
            "version": record.version,
            "question": record.question.text,
            "body_digest": record.body_digest,
            "findings": [finding.to_json() for finding in record.foil.findings] if record.foil else [],
        }
        for path, record in zip(files, records, strict=True)
    ]
    lines = [line for record in records for line in (record.question.text, *summary(workspace, record), "")]
    console.emit(value, lines[:-1])


def _text(path: Path) -> str:
    """The file as text of the earlier system. Raises NotFound, BadInput, StorageError, each naming the file."""
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFound(f"there is no file {path}", "check the path") from error
    except IsADirectoryError as error:
        raise BadInput(f"{path} is a folder", "name the files in it") from error
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror or error}", "make it readable") from error
    if len(data) > _MOST_BYTES:
        raise BadInput(f"{path} is larger than {_MOST_BYTES:,} bytes", "such a page or report has some thousands")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not UTF-8 text: {error}", "save a PDF's text as UTF-8 first") from error
    if "\0" in text:
        raise BadInput(f"{path} holds NUL characters: it is no text", "save its text as UTF-8")
    try:
        question_of(text)
    except BadInput as error:
        raise BadInput(f"{path}: {error.message}", error.remedy) from error
    return text
