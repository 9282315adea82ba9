"""A small library about an invented router, and what is asked of it. Nothing here is copied from anywhere."""

from __future__ import annotations

from pathlib import Path

from tests.support.inquire import work, write_works

from sovereign.records import Claim, Record
from sovereign.workspace import Workspace

QUESTION = "Does ZebraRoute lower the latency of mixture-of-experts models against top-k routing?"
OTHER_QUESTION = "Does ZebraRoute change the accuracy of mixture-of-experts models against top-k routing?"

OWN, HEARSAY, BREAD = "arxiv:2601.00001", "doi:10.5555/zebra.2", "arxiv:2601.00003"
TWELVE = "ZebraRoute lowers latency by 12% against top-k routing."
TWENTY = "Compared with top-k routing, ZebraRoute lowers latency by 20%."
#: A result of which no rule knows whose it is: it names no system and no baseline.
MISSED = "With stripes on, the whole thing is done in 9 ms instead of 14 ms."
WORKS = {
    OWN: ("ZebraRoute: routing experts by stripes",
          f"We study mixture-of-experts models. {TWELVE} {MISSED} ZebraRoute improves accuracy by 3% over all."),
    HEARSAY: ("On the cost of routing experts", f"Mixture-of-experts models route tokens. {TWENTY}"),
    BREAD: ("On bread", "Bread rises at 30 degrees. It takes two hours."),
}  # fmt: skip


def fill(workspace: Workspace, folder: Path, **texts: str) -> None:
    """Put the works into the library; `texts` gives other abstracts, by the name in small letters (`own=...`)."""
    other = {"own": OWN, "hearsay": HEARSAY, "bread": BREAD}
    abstracts = {other[name]: text for name, text in texts.items()}
    works = []
    for source, (title, abstract) in WORKS.items():
        scheme, _, local = source.partition(":")
        row = work(local, title, abstracts.get(source, abstract))
        if scheme == "doi":
            row = {"id": source, "doi": local, "title": title, "abstract": abstracts.get(source, abstract)}
        works.append(row)
    with workspace.library() as library:
        report = library.add(write_works(folder, works))
    assert not report.failed, report.failed


def workspace(folder: Path) -> Workspace:
    """A workspace over the works."""
    made = Workspace.create(folder / "w", starter=False)
    fill(made, folder / "works")
    return made


def claim_saying(record: Record, words: str) -> Claim:
    """The one claim of a record that says this."""
    (found,) = (claim for claim in record.claims if words in claim.text)
    return found


def says(record: Record, words: str) -> bool:
    """Whether the words stand in a claim, the answer, or beside a gap."""
    told = [claim.text for claim in record.claims] + [sentence.text for sentence in record.answer.sentences]
    return any(words in text for text in told)
