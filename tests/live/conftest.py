"""A small workspace, and a local arXiv over made-up records that speaks the real wire format."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from benchmarks.arxiv.catalogue import Catalogue
from benchmarks.arxiv.server import LocalArxiv
from tests.support.inquire import write_note

from sovereign.workspace import Workspace

QUESTION = "How does PalmRouter compare to top-k routing in latency on VQAv2 for mixture of experts models?"

RECORDS: list[dict[str, Any]] = [
    {
        "id": "2601.00001", "title": "PalmRouter: Palm-Guided Routing for Mixture-of-Experts Vision-Language Models",
        "authors": ["Ada Palm", "Bo Reed"], "categories": ["cs.CV"], "comment": None,
        "summary": "We present PalmRouter, a mixture-of-experts router. On VQAv2 PalmRouter reduces latency by 31% "
        "compared to top-k routing.\n  It keeps accuracy at 71.2%.",
    },
    {
        "id": "2601.00002", "title": "A Study of Top-k Routing in Mixture-of-Experts Serving",
        "authors": ["Cy Fern"], "categories": ["cs.LG"], "comment": "8 pages",
        "summary": "Top-k routing of mixture of experts models is measured. Latency grows by 2.1x with batch size 64 & "
        "< 3 experts fit.",
    },
    *(
        {
            "id": f"2601.1{n:04d}", "title": f"Mixture-of-Experts Routing, Part {n}", "authors": ["Dee Moss"],
            "categories": ["cs.LG"], "comment": None,
            "summary": f"We study mixture of experts routing with {n} experts. Latency of top-k routing is {n}.5 ms.",
        }
        for n in range(1, 30)
    ),
    *(
        {
            "id": f"2601.2{n:04d}", "title": f"On Fishes of the Northern Sea {n}", "authors": ["Eve Cod"],
            "categories": ["q-bio.PE"], "comment": None, "summary": "Fishes were counted in the northern sea.",
        }
        for n in range(1, 6)
    ),
]  # fmt: skip


@pytest.fixture(scope="session")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return Catalogue.build(tmp_path_factory.mktemp("catalogue") / "papers.sqlite", RECORDS)


@pytest.fixture
def arxiv(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., LocalArxiv]]:
    opened: list[LocalArxiv] = []

    def start(**given: Any) -> LocalArxiv:
        server = LocalArxiv(catalogue, wait_s=1, **given)
        server.__enter__()
        opened.append(server)
        monkeypatch.setenv("SOVEREIGN_ARXIV_URL", server.address)
        return server

    yield start
    for server in opened:
        server.__exit__()


SETTINGS = """
contact = "someone@example.org"
[arxiv]
interval_s = 0.05
max_wait_s = 2
results = 20
[semantic-scholar]
interval_s = 0.01
tries = 2
max_wait_s = 0.2
[openalex]
interval_s = 0.01
tries = 2
max_wait_s = 0.2
[crossref]
interval_s = 0.01
tries = 2
max_wait_s = 0.2
"""


def make_workspace(path: Path, settings: str = SETTINGS) -> Workspace:
    workspace = Workspace.create(path, starter=False)
    (workspace.path / "services.toml").write_text(settings)
    told = "Fern routing of mixture of experts reduces latency by 4% on VQAv2."
    note = write_note(path.parent / "notes", "fern", told)
    with workspace.library() as library:
        library.add(note)
    return workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path / "workspace")
