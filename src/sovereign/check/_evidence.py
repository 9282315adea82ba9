"""Is everything where the record says that it is: texts, quotes, what claims and cells refer to?"""

from __future__ import annotations

from collections import Counter

from sovereign.judge import plain, quote_fault
from sovereign.records import Claim, Grounding, Record, Source, SourceKind
from sovereign.records.layout import RECORD_FILE, text_file
from sovereign.seal import digest

from ._case import Case, VersionCase

_GROUNDING = {
    SourceKind.WORK: Grounding.QUOTED,
    SourceKind.NOTE: Grounding.REPORTED,
    SourceKind.MEASUREMENT: Grounding.MEASURED,
}


def texts(case: Case) -> None:
    """The text of every source is there, is UTF-8, and has the digest that the source names."""
    for version in case.versions.values():
        for source in version.record.sources if version.record is not None else ():
            where = version.where(text_file(source.sha256))
            data = version.files.get(text_file(source.sha256))
            if data is None:
                case.fault(where, f"the text of {source.id} is missing")
            elif digest(data) != source.sha256:
                case.fault(where, f"its SHA-256 is {digest(data)}: it is not the text that was read of {source.id}")
            elif version.text(source.sha256) is None:
                case.fault(where, "not UTF-8")


def quotes(case: Case) -> None:
    """Every quote stands at its offset or pointer, with what is beside it, in the text that was read."""
    for version in case.versions.values():
        if version.record is None:
            continue
        sources = {source.id: source for source in version.record.sources}
        for index, claim in enumerate(version.record.claims):
            _claim(case, version, f"claims[{index}]", claim, sources)


def references(case: Case) -> None:
    """Every id that is named exists, and each id is given once."""
    for version in case.versions.values():
        if version.record is not None:
            _references(case, version, version.record)


def _claim(case: Case, version: VersionCase, at: str, claim: Claim, sources: dict[str, Source]) -> None:
    for number, quote in enumerate(claim.quotes):
        where = version.where(RECORD_FILE, f"{at}.quotes[{number}]")
        source = sources.get(quote.source)
        if source is None:
            case.fault(f"{where}.source", f"{quote.source} is not among the sources")
            continue
        if quote.sha256 != source.sha256:
            case.fault(f"{where}.sha256", f"is {quote.sha256}, {source.id} was read as {source.sha256}")
            continue
        if claim.grounding is not _GROUNDING[source.kind]:
            what = f"is {claim.grounding.value}, but {source.id} is a {source.kind.value}"
            case.fault(version.where(RECORD_FILE, f"{at}.grounding"), what)
        text = version.text(quote.sha256)
        fault = None if text is None else quote_fault(quote, text)
        if fault:
            case.fault(where, fault)
    if all(quote.pointer is None for quote in claim.quotes) and claim.text not in (plain(q.text) for q in claim.quotes):
        case.fault(version.where(RECORD_FILE, f"{at}.text"), "is in none of its quotes")


def _references(case: Case, version: VersionCase, record: Record) -> None:
    claims = [claim.id for claim in record.claims]
    sources = [source.id for source in record.sources]
    cells = [cell.id for cell in record.cells]
    searches = [search.id for search in record.searches]
    for name, ids in (("claims", claims), ("sources", sources), ("cells", cells), ("searches", searches)):
        for twice in sorted(i for i, times in Counter(ids).items() if times > 1):
            case.fault(version.where(RECORD_FILE, name), f"{twice} stands twice")

    there = {"claims": set(claims), "cells": set(cells), "searches": set(searches)}

    def known(at: str, named: str, what: str) -> None:
        if named not in there[what]:
            case.fault(version.where(RECORD_FILE, at), f"{named} is not among the {what}")

    for i, cell in enumerate(record.cells):
        for j, claim in enumerate(cell.claims):
            known(f"cells[{i}].claims[{j}]", claim, "claims")
        for j, near in enumerate(cell.nearest):
            known(f"cells[{i}].nearest[{j}].claim", near.claim, "claims")
    for i, sentence in enumerate(record.answer.sentences):
        for j, claim in enumerate(sentence.claims):
            known(f"answer.sentences[{i}].claims[{j}]", claim, "claims")
        for j, named in enumerate(sentence.cells):
            known(f"answer.sentences[{i}].cells[{j}]", named, "cells")
    for i, found in enumerate(record.claims):
        for j, other in enumerate(found.agrees_with):
            known(f"claims[{i}].agrees_with[{j}]", other, "claims")
    for i, dropped in enumerate(record.dropped):
        known(f"dropped[{i}].search", dropped.search, "searches")
    for i, missing in enumerate(record.missing_systems):
        for j, search in enumerate(missing.searches):
            known(f"missing_systems[{i}].searches[{j}]", search, "searches")
