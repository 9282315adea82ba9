"""The report of a record as PDF, set by Typst (the extra `[pdf]`): equal input gives equal bytes."""

from __future__ import annotations

import json
import re
import tempfile
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

from sovereign.records import BadInput, Event, NotFound, Record, State, StorageError

from ._report_data import report_data
from ._view import Texts

EXTRA = "pip install 'sovereign-kernel[pdf]'"
_COVERED = ("LATIN", "GREEK", "CYRILLIC", "HEBREW", "FEMININE", "MASCULINE", "ALEF", "BET", "GIMEL", "DALET")


@dataclass(frozen=True)
class Report:
    """A report: its bytes, and what the reader should know of how it was set."""

    pdf: bytes
    pages: int
    notices: tuple[str, ...] = ()


def render_report(
    record: Record,
    state: State,
    *,
    texts: Texts,
    events: Sequence[Event] = (),
    versions: Sequence[int] = (),
    signer: str | None = None,
    fonts: Path | None = None,
) -> Report:
    """Set the report of a record: what was asked, how it was sought, what was found, and how to check it.

    The template reads nothing but the record: no file, no package, no network, and no font of the machine unless
    `fonts` names a folder. Text from outside is set as text and cannot be markup. The document's date is that of the
    last event, so that two builds are byte-identical.

    Args:
        record: the version to show.
        state: the fold over the record's events, for the banner.
        texts: from a text's sha256 to the text, or None where it is not at hand.
        events: the record's events, oldest first.
        versions: the numbers of all versions.
        signer: fingerprint of the owner's key, for the command that checks an export.
        fonts: a folder of fonts for scripts that the built-in ones do not cover, such as Chinese.

    Raises:
        NotFound: Typst is not installed, or `fonts` is no folder.
        BadInput: Typst cannot set the record.
    """
    try:
        import typst
    except ImportError as error:
        raise NotFound("the report needs Typst, which is not installed", EXTRA) from error
    if fonts is not None and not fonts.is_dir():
        raise NotFound(f"{fonts} is no folder of fonts", "name a folder that holds .ttf or .otf files")
    data = report_data(record, state, texts=texts, events=events, versions=versions, signer=signer)
    template = resources.files(__package__).joinpath("templates/report.typ").read_bytes()
    with tempfile.TemporaryDirectory(prefix="sovereign-report-") as folder:
        try:
            main = Path(folder, "report.typ")
            main.write_bytes(template)
            pdf, warnings = typst.compile_with_warnings(
                str(main),
                root=folder,
                font_paths=[str(fonts)] if fonts else [],
                ignore_system_fonts=True,
                package_path=folder,
                package_cache_path=folder,
                sys_inputs={"record": json.dumps(data, ensure_ascii=False)},
                timestamp=_stamp(state.last_event_at),
                format="pdf",
            )
        except (typst.TypstError, RuntimeError) as error:
            raise BadInput(
                f"the report of {record.id} could not be set: {error}",
                "the record itself is whole; please report this with its id",
            ) from error
        except OSError as error:
            raise StorageError(f"the report could not be set: {error.strerror or error}") from error
    return Report(pdf, _pages(pdf), _notices(data, warnings, fonts))


def _stamp(iso: str) -> datetime:
    try:
        return datetime.fromisoformat(iso.replace("Z", "+00:00")).astimezone(UTC)
    except ValueError:
        return datetime(1970, 1, 1, tzinfo=UTC)


def _pages(pdf: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


def _notices(data: dict[str, Any], warnings: Any, fonts: Path | None) -> tuple[str, ...]:
    """What Typst warned of, and letters that the built-in fonts do not have: they come out as empty boxes."""
    found = [str(getattr(warning, "message", warning)) for warning in warnings]
    if fonts is None:
        letters = {char for char in json.dumps(data, ensure_ascii=False) if _needs_a_font(char)}
        if letters:
            sample = "".join(sorted(letters)[:8])
            found.append(f"{len(letters)} letters, such as {sample}, are in no built-in font: name a folder (--fonts)")
    return tuple(found)


def _needs_a_font(char: str) -> bool:
    """Whether a letter is of a script that Libertinus and New Computer Modern do not cover."""
    return unicodedata.category(char) == "Lo" and not unicodedata.name(char, "").startswith(_COVERED)
