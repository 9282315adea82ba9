"""`library add arxiv:ID` and `doi:ID`: metadata, full text where there is one, and no other paper than was named."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

import pytest
from benchmarks.arxiv.server import LocalArxiv
from click.testing import CliRunner
from tests.live.conftest import QUESTION, RECORDS
from tests.support.server import Reply, Seen, serving

from sovereign import workflow
from sovereign.check import check_path
from sovereign.cli._main import cli
from sovereign.fetching import Brought, fetch
from sovereign.living import Live
from sovereign.records import ServiceError, SourceKind
from sovereign.workspace import Workspace

TITLE = str(RECORDS[0]["title"])
TEX = r"""\documentclass{article}\title{THE TITLE}\begin{document}\maketitle
\begin{abstract}We present PalmRouter.\end{abstract}
\section{Results}
PalmRouter reduces latency by 31\% compared to top-k routing on VQAv2 with eight experts of a mixture of experts.
\begin{table}\caption{Latency}\begin{tabular}{lr}Method & ms\\PalmRouter & 4.2\\top-k & 6.1\end{tabular}\end{table}
\end{document}""".replace("THE TITLE", TITLE)
HTML = f"""<!DOCTYPE html><html><head><title>{TITLE}</title></head><body><article><h1>{TITLE}</h1>
<section><h2>Results</h2><p>{"PalmRouter reduces latency by 31% compared to top-k routing on VQAv2. " * 20}</p>
</section></article></body></html>"""


def bundle(tex: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        info = tarfile.TarInfo("main.tex")
        info.size = len(tex.encode())
        tar.addfile(info, io.BytesIO(tex.encode()))
    return packed.getvalue()


SOURCE = {"/e-print/2601.00001v1": ("application/gzip", bundle(TEX))}
PAGE = {"/html/2601.00001v1": ("text/html; charset=utf-8", HTML.encode())}


def add(workspace: Workspace, *identifiers: str) -> Brought:
    with workspace.library() as library:
        return fetch(workspace, library, identifiers, lambda _: None)


def test_the_source_of_a_paper_is_read_and_answers(workspace: Workspace, arxiv: Callable[..., LocalArxiv]) -> None:
    server = arxiv(files=SOURCE | PAGE)
    brought = add(workspace, "arxiv:2601.00001")
    (work,) = brought.works
    assert (work.source, work.read) == ("arxiv:2601.00001", "full text (e-print)") and brought.report.added == 1
    with workspace.library() as library:
        stored = library.get("arxiv:2601.00001")
    assert stored.text_level == "full_text" and stored.kind == SourceKind.WORK
    assert (stored.title, stored.authors, stored.year) == (TITLE, ("Ada Palm", "Bo Reed"), 2026)
    assert "PalmRouter reduces latency by 31% compared" in stored.text and "4.2" in stored.text
    record = workflow.ask(workspace, QUESTION)
    assert "31%" in record.answer.sentences[0].text
    assert add(workspace, "arxiv:2601.00001").report.unchanged == 1
    assert len({request["path"] for request in server.requests}) == len(server.requests)


BROKEN: dict[str, tuple[str, bytes]] = {
    "garbage": ("application/gzip", b"\x00\x01 garbage"),
    "cut": ("application/gzip", bundle(TEX)[:60]),
    "another": ("application/gzip", bundle(TEX.replace(TITLE, "The Counting of Fishes in the Sea of the North"))),
    "bomb": ("application/gzip", gzip.compress(b"\0" * 300_000_000)),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_source_that_will_not_do_gives_way_to_the_page(
    workspace: Workspace, arxiv: Callable[..., LocalArxiv], broken: str
) -> None:
    arxiv(files={"/e-print/2601.00001v1": BROKEN[broken]} | PAGE)
    (work,) = add(workspace, "arxiv:2601.00001").works
    assert work.read == "full text (HTML)"
    assert any(note.startswith("the e-print") for note in work.notes)


def test_without_a_text_the_abstract_is_kept(workspace: Workspace, arxiv: Callable[..., LocalArxiv]) -> None:
    arxiv()
    (work,) = add(workspace, "arxiv:2601.00001v1").works
    assert work.read == "abstract" and len(work.notes) == 3
    with workspace.library() as library:
        assert library.get("arxiv:2601.00001").text_level == "abstract"


def test_what_nobody_knows_and_what_is_no_identifier(workspace: Workspace, arxiv: Callable[..., LocalArxiv]) -> None:
    arxiv()
    brought = add(workspace, "arxiv:2699.99999", "arxiv:nonsense", "doi:not-one", "arxiv:2601.00002")
    assert [failure.where for failure in brought.report.failed] == ["arxiv:2699.99999", "arxiv:nonsense", "doi:not-one"]
    assert "no paper" in brought.report.failed[0].reason and "no identifier" in brought.report.failed[1].reason
    assert brought.exit_code == 3 and [work.source for work in brought.works] == ["arxiv:2601.00002"]


def json_services(
    crossref: Mapping[str, str], openalex: Mapping[str, Mapping[str, Any]]
) -> Callable[[Seen, int], Reply]:
    """Crossref knows titles by DOI; OpenAlex whole works."""

    def script(seen: Seen, number: int) -> Reply:
        path = unquote(seen.path.partition("?")[0])
        if path.startswith("/graph"):
            return Reply(404, b'{"error": "Paper not found"}')
        if path.startswith("/works/https://doi.org/"):
            work = openalex.get(path.removeprefix("/works/https://doi.org/"))
            return Reply(body=json.dumps(work).encode()) if work else Reply(404)
        doi = path.removeprefix("/works/")
        if doi not in crossref:
            return Reply(404, b"Resource not found.")
        message = {"DOI": doi, "title": [crossref[doi]], "author": [{"given": "Ada", "family": "Palm"}]}
        return Reply(body=json.dumps({"message-type": "work", "message": message}).encode())

    return script


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def at(origin: str) -> None:
        for variable in ("SEMANTIC_SCHOLAR", "OPENALEX", "CROSSREF"):
            monkeypatch.setenv(f"SOVEREIGN_{variable}_URL", origin)

    return at


def test_a_doi_leads_to_its_preprint_and_the_text_of_that(
    workspace: Workspace, arxiv: Callable[..., LocalArxiv], three: Callable[[str], None]
) -> None:
    arxiv(files=SOURCE)
    known = {
        "id": "https://openalex.org/W1", "title": TITLE, "doi": "https://doi.org/10.1000/palm",
        "primary_location": {"landing_page_url": "https://arxiv.org/abs/2601.00001"},
    }  # fmt: skip
    script = json_services({"10.1000/palm": TITLE}, {"10.1000/palm": known})
    with serving(script) as server:
        three(server.origin)
        (work,) = add(workspace, "doi:10.1000/PALM").works
    assert (work.source, work.read) == ("arxiv:2601.00001", "full text (e-print)")
    with workspace.library() as library:
        assert library.get("arxiv:2601.00001").meta["ids"]["doi"] == "10.1000/palm"


def test_a_doi_that_leads_to_another_paper_is_refused(
    workspace: Workspace, arxiv: Callable[..., LocalArxiv], three: Callable[[str], None]
) -> None:
    arxiv(files=SOURCE)
    fish = {"id": "https://openalex.org/W2", "title": "On Fishes of the Northern Sea", "doi": "https://doi.org/10.1000/a"}
    lost = {
        "id": "https://openalex.org/W3", "title": "On Fishes of the Northern Sea", "doi": "https://doi.org/10.1000/b",
        "primary_location": {"landing_page_url": "https://arxiv.org/abs/2601.00001"},
    }  # fmt: skip
    wrong = {**fish, "doi": "https://doi.org/10.1000/other"}
    script = json_services(
        {"10.1000/a": TITLE, "10.1000/c": TITLE},
        {"10.1000/a": fish, "10.1000/b": lost, "10.1000/c": wrong},
    )
    with serving(script) as server:
        three(server.origin)
        brought = add(workspace, "doi:10.1000/a", "doi:10.1000/b", "doi:10.1000/nobody")
        two, preprint, nobody = (failure.reason for failure in brought.report.failed)
        assert "two papers" in two and TITLE[:60] in two and "On Fishes" in two
        assert "arXiv paper 2601.00001" in preprint and "no service knows" in nobody
        assert brought.works == ()
        # One service answers with another DOI's work: it is not believed, the other is.
        (work,) = add(workspace, "doi:10.1000/c").works
        assert work.source == "doi:10.1000/c" and any("another work" in note for note in work.notes)
    with workspace.library() as library:
        assert library.ids("work") == ["doi:10.1000/c"]


def test_a_live_search_reads_the_full_text_of_what_it_keeps(
    workspace: Workspace, arxiv: Callable[..., LocalArxiv]
) -> None:
    server = arxiv(files=SOURCE)
    record = workflow.ask(workspace, QUESTION, live=Live(("arxiv",), full_texts=2))
    levels = {source.id: source.text_level for source in record.sources}
    assert levels["arxiv:2601.00001"] == "full_text"
    assert "full text was read (arxiv:2601.00001)" in " ".join(record.limitations)
    assert sum(said.startswith("No full text of arxiv:") for said in record.limitations) == 1
    with workspace.journal() as journal:
        (info,) = journal.list()
    assert [row.stage for row in info.stages if row.stage.startswith("text")][-1] == "texts"
    assert len({request["path"] for request in server.requests}) == len(server.requests)
    again = workflow.ask(workspace, QUESTION)
    assert (again.answer, again.claims, again.cells) == (record.answer, record.claims, record.cells)
    assert check_path(workspace.records_path / record.folder, trust=[workspace.key().fingerprint]).exit_code == 0


def test_the_verb_and_its_exit_codes(
    workspace: Workspace, arxiv: Callable[..., LocalArxiv], monkeypatch: pytest.MonkeyPatch
) -> None:
    arxiv(files=SOURCE)
    place = ["--workspace", str(workspace.path)]
    done = CliRunner().invoke(cli, ["library", "add", "arxiv:2601.00001", "--json", *place])
    assert done.exit_code == 0, done.output
    value = json.loads(done.stdout)
    assert value["added"] == 1 and value["fetched"][0]["read"] == "full text (e-print)"
    told = CliRunner().invoke(cli, ["library", "add", "arxiv:2601.00001", *place])
    assert "arxiv:2601.00001: PalmRouter" in told.stdout
    missing = CliRunner().invoke(cli, ["library", "add", "arxiv:2699.99999", *place])
    assert missing.exit_code == 3 and "no paper" in missing.stdout
    monkeypatch.setenv("SOVEREIGN_OFFLINE", "1")
    off = CliRunner().invoke(cli, ["library", "add", "arxiv:2601.00002", *place])
    assert off.exit_code == ServiceError.exit_code and "the network is off" in off.stdout
