"""The PDF report: what stands in it, equal bytes, text from outside that stays text, and errors with a remedy."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.publish import sample

from sovereign.publish import render_report
from sovereign.publish._report_data import report_data
from sovereign.records import NotFound, Record, State

typst = pytest.importorskip("typst", reason="the extra [pdf] is not installed")


def set_report(record: Record, state: State, **more: Any) -> bytes:
    return render_report(record, state, texts=sample.texts, events=(sample.drafted(),), **more).pdf


def words_of(pdf: bytes) -> str:
    """The text of a PDF without white space, soft hyphens and the break marks inside digests."""
    pypdf = pytest.importorskip("pypdf", reason="pypdf is not installed, so the text of a PDF cannot be read")
    text = "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages)
    return "".join(text.replace("\u200b", "").replace("\u00ad", "").split())


def squeezed(text: str) -> str:
    return "".join(text.split())


def holds(words: str, text: str) -> bool:
    """Whether a text stands in the PDF; a hyphen at a line's end may have come between its letters."""
    return squeezed(text).replace("-", "") in words.replace("-", "").replace("‐", "")


def test_it_states_question_answer_gaps_claims_sources_and_how_to_check() -> None:
    record, state = sample.record(), sample.state()
    words = words_of(set_report(record, state, signer="SHA256:" + "ab" * 32))
    assert holds(words, record.question.text)
    for heading in ("Abstract", "Introduction", "Methods", "Results", "Uncertainties", "Claims", "References"):
        assert heading in words
    for sentence in record.answer.sentences:
        assert holds(words, sentence.text)
    for claim in record.claims:
        assert holds(words, claim.text), claim.id
        assert claim.grounding.value in words
    for source in record.sources:
        assert holds(words, source.title), source.id
        assert source.sha256 in words
    for search in record.searches:
        assert holds(words, search.query)
    for limitation in record.limitations:
        assert holds(words, limitation)
    for missing in record.missing_systems:
        assert holds(words, missing.name)
    assert record.body_digest in words and "ab" * 32 in words
    assert "sovereigncheckrecord.zip" in words
    assert record.gate_verdict.status.value in words


def test_every_policy_setting_and_check_that_took_points_is_in_it() -> None:
    record = sample.record()
    words = words_of(set_report(record, sample.state()))
    for name in record.provenance.policy.to_json():
        if name != "name":
            assert holds(words, name.replace("_", " ")), name
    for review in record.tribunal.reviews:
        for check in review.checks:
            if check.state.value == "failed":
                assert holds(words, check.reason), check.name


def test_two_builds_in_two_processes_are_byte_identical() -> None:
    program = (
        "import hashlib; from tests.publish.test_report import set_report; from tests.publish import sample;"
        "print(hashlib.sha256(set_report(sample.record(), sample.state())).hexdigest())"
    )
    root = Path(__file__).resolve().parents[2]
    made = [
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=root,
            env={"PYTHONPATH": f"{root / 'src'}:{root}", "PYTHONHASHSEED": seed, "TZ": zone},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo"))
    ]
    assert made[0] == made[1]
    assert made[0] == hashlib.sha256(set_report(sample.record(), sample.state())).hexdigest()


@pytest.mark.parametrize(
    "text",
    [
        "#panic(1) #read(\"/etc/passwd\") $x^2$ @claims <label> \\ // comment /* open [bracket ] * _ ` ~",
        "<script>alert(1)</script> & \" ' </h1>",
        "right\u202eto\u202cleft and zero\u200bwidth \u0007 bell",
        "a" * 900 + " one very long word",
        "ﬁ ligature, 数学 العربية עברית emoji 🚀 and a lone accent \u0301",
    ],
    ids=["typst markup", "html", "hidden characters", "long word", "scripts"],
)
def test_text_from_outside_stays_text(text: str) -> None:
    record = sample.record()
    body = json.loads(json.dumps(record.to_json()))
    body["question"]["text"] = f"How fast is it? {text}"
    body["sources"][0]["title"] = text
    body["limitations"] = [text]
    changed = Record.model_validate(body)
    report = render_report(changed, sample.state(), texts=sample.texts)
    assert report.pdf.startswith(b"%PDF-") and report.pages > 1
    words = words_of(report.pdf)
    assert "\u202e" not in words and "\u0007" not in words
    if text.startswith("#panic"):
        assert 'read("/etc/passwd")' in words
    if "数" in text:
        assert any("font" in notice for notice in report.notices)


def test_a_retracted_record_says_so_on_its_first_page() -> None:
    state = sample.state(standing="retracted", note="the source was withdrawn")
    words = words_of(set_report(sample.record(), state))
    assert "Retracted" in words[:1500] and holds(words[:1500], "the source was withdrawn")


def test_an_earlier_version_names_the_newest() -> None:
    record = sample.record()
    state = sample.state().model_copy(update={"version": record.version + 2})
    data = report_data(record, state, texts=sample.texts)
    assert data["banner"]["label"] == f"Version {record.version}"
    assert f"newest version of this record is {record.version + 2}" in data["banner"]["text"]


def test_a_quote_that_does_not_hold_is_named() -> None:
    data = report_data(sample.record(), sample.state(), texts=lambda _: None)
    assert data["faults"] and "not at hand" in data["faults"][0]
    assert holds(words_of(render_report(sample.record(), sample.state(), texts=lambda _: None).pdf), "does not hold")


def test_without_typst_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(NotFound) as caught:
        set_report(sample.record(), sample.state())
    assert "pip install" in caught.value.remedy


def test_no_folder_of_fonts_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        render_report(sample.record(), sample.state(), texts=sample.texts, fonts=tmp_path / "none")


def test_the_verb_writes_it_once_and_keeps_what_is_there(tmp_path: Path) -> None:
    from sovereign.workflow import ask
    from sovereign.workspace import Workspace

    workspace = Workspace.create(tmp_path / "w")
    record = ask(workspace, "What is the impact of top-k routing on the latency of mixture-of-experts models?")
    output = tmp_path / "report.pdf"
    place = str(workspace.path)
    call = [sys.executable, "-m", "sovereign", "report", record.id, "-o", str(output), "--workspace", place]
    done = subprocess.run([*call, "--json"], capture_output=True, text=True, check=True)
    value = json.loads(done.stdout)
    assert value["sha256"] == hashlib.sha256(output.read_bytes()).hexdigest() and value["pages"] > 2
    again = subprocess.run(call, capture_output=True, text=True)
    assert again.returncode == 2 and "exists" in again.stderr
    forced = subprocess.run([*call, "--force", "--json"], capture_output=True, text=True, check=True)
    assert json.loads(forced.stdout)["sha256"] == value["sha256"]
    nowhere = subprocess.run([*call[:-3], str(tmp_path / "no" / "r.pdf"), *call[-2:]], capture_output=True, text=True)
    assert nowhere.returncode != 0 and "cannot be written" in nowhere.stderr
    assert not list(tmp_path.glob(".unfinished-*"))
