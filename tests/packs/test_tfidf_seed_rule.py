"""The pack of the seed rule: its cosine against scikit-learn's, its counting by hand, and SciFact where it is there."""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sovereign.gate import Bubblewrap, Pack, available_packs, listing_digest, run_pack
from sovereign.judge.outcomes import outcomes
from sovereign.judge.tfidf import STOP_WORDS, tfidf_cosine
from sovereign.records import BadInput, Outcome

NAME = "tfidf-seed-rule"
ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "src" / "sovereign" / "packs" / NAME
SCIFACT = ROOT.parent / "shared" / "data" / "scifact"


@pytest.fixture(scope="module")
def pack() -> Pack:
    return available_packs()[NAME]


@pytest.fixture(scope="module")
def script(pack: Pack) -> dict[str, Any]:
    space: dict[str, Any] = {"__name__": "pack", "__file__": str(FOLDER / "run.py")}
    exec(compile(pack.files["run.py"], "run.py", "exec"), space)
    return space


@pytest.fixture(scope="module")
def sandbox() -> Bubblewrap:
    provider = Bubblewrap()
    report = provider.probe()
    if not report.ok:
        pytest.skip(f"no sandbox on this host: {report.reason}")
    return provider


@pytest.fixture(scope="module")
def scifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SciFact as the fetch script makes it out of what lies beside this repository."""
    if not SCIFACT.is_dir():
        pytest.skip(f"SciFact is not at {SCIFACT}")
    folder = tmp_path_factory.mktemp("data") / "scifact"
    command = [sys.executable, str(FOLDER / "fetch.py"), str(folder), "--from", str(SCIFACT)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    return folder


CLAIMS = [
    ("Aspirin lowers the risk of stroke.", "SUPPORT", 1),
    ("Aspirin raises the risk of stroke.", "CONTRADICT", 1),
    ("Zinc cures the common cold.", None, 2),
    ("Zinc shortens the common cold.", "SUPPORT", 2),
    ("Rest is wasteful.", "CONTRADICT", 3),
]
ABSTRACTS = {
    1: ("Aspirin and stroke", ["Aspirin lowers the risk of stroke in adults.", "The effect was small."]),
    2: ("Zinc", ["Zinc shortens the common cold by a day.", "No cure was seen."]),
    3: ("Sleep", ["Every animal that was looked at sleeps."]),
    4: ("Unrelated", ["Mixtures of experts route tokens."]),
}


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A folder in SciFact's form, made here."""
    folder = tmp_path / "small"
    folder.mkdir()
    lines = []
    for number, (claim, label, document) in enumerate(CLAIMS):
        evidence = {} if label is None else {str(document): [{"sentences": [0], "label": label}]}
        lines.append({"id": number, "claim": claim, "evidence": evidence, "cited_doc_ids": [document]})
    for split in ("train", "dev"):
        (folder / f"claims_{split}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines * 3))
    corpus = [{"doc_id": d, "title": title, "abstract": body} for d, (title, body) in ABSTRACTS.items()]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(line) + "\n" for line in corpus))
    return folder


def test_its_counting_on_a_small_set(script: dict[str, Any], small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(small)
    monkeypatch.setenv("SOVEREIGN_INPUT_SCIFACT", str(small))
    monkeypatch.setenv("SOVEREIGN_SEED", "0")
    script["main"]()
    values = json.loads((small / "results.json").read_text())["values"]["train"]
    pairs = {kind: values["by_corpus"][kind]["pairs"] for kind in ("supported", "refuted", "not_enough_information")}
    assert pairs == {"supported": 6, "refuted": 6, "not_enough_information": 3}
    for way in ("by_corpus", "by_pair"):
        refuted = values[way]["refuted"]
        assert refuted["share"] == pytest.approx(sum(refuted["stamped"]) / 6, abs=1e-6)
        assert refuted["stamped"][:2] == [1, 0], "the refuted claim on aspirin passes, word for word as it is"


def test_its_cosines_are_scikit_learns(script: dict[str, Any]) -> None:
    sklearn = pytest.importorskip("sklearn.feature_extraction.text", reason="scikit-learn is not installed")
    texts = [" ".join([title, *body]) for title, body in ABSTRACTS.values()]
    fitted = sklearn.TfidfVectorizer(ngram_range=(1, 2)).fit(texts)
    counted = [script["terms"](text).keys() for text in texts]
    frequency = script["Counter"](term for names in counted for term in names)
    for claim, _, document in CLAIMS:
        text = texts[document - 1]
        due = float((fitted.transform([claim]) @ fitted.transform([text]).T).toarray()[0, 0])
        assert script["corpus_cosine"](claim, text, len(texts), frequency) == pytest.approx(due, abs=1e-12)


def test_the_other_way_is_the_reference_profiles(script: dict[str, Any], pack: Pack) -> None:
    """What the pack runs and what the reference profile prints are one rule, written twice."""
    words = frozenset(pack.files["stop_words.txt"].decode().split())
    assert words == STOP_WORDS
    for claim, _, document in CLAIMS:
        text = " ".join([ABSTRACTS[document][0], *ABSTRACTS[document][1]])
        assert script["pair_cosine"](claim, text, words) == pytest.approx(tfidf_cosine(claim, text), abs=1e-12)


def test_the_area_is_counted_pair_by_pair(script: dict[str, Any]) -> None:
    area, error = script["area_under_curve"]([0.9, 0.5, 0.3], [0.5, 0.1])
    assert area == pytest.approx((1 + 1 + 0.5 + 1 + 0 + 1) / 6)
    assert error > 0


def test_without_its_input_nothing_is_run(pack: Pack, sandbox: Bubblewrap, small: Path) -> None:
    with pytest.raises(BadInput, match="needs an input of yours: scifact") as caught:
        run_pack(pack, sandbox)
    assert "--input scifact=PATH" in caught.value.remedy and "fetch.py" in caught.value.remedy
    with pytest.raises(BadInput, match="has the digest"):
        run_pack(pack, sandbox, inputs={"scifact": small})


def test_the_fetch_script_takes_nothing_else(small: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(FOLDER / "fetch.py"), str(tmp_path / "out"), "--from", str(small)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1 and "not what the pack was made for" in ended.stderr
    assert not (tmp_path / "out").exists()


def test_the_digest_is_that_of_the_files_that_the_fetch_script_names(pack: Pack, scifact: Path) -> None:
    (stated,) = pack.spec.inputs
    assert listing_digest(scifact, stated.members) == stated.sha256
    with gzip.open(SCIFACT / "corpus.jsonl.gz") as file:
        assert hashlib.sha256(file.read()).hexdigest() in (FOLDER / "fetch.py").read_text()


def test_on_scifact(pack: Pack, sandbox: Bubblewrap, scifact: Path) -> None:
    """The shares of an earlier measurement by others' code, to its three digits, and what follows from them."""
    run = run_pack(pack, sandbox, inputs={"scifact": scifact})
    shares = {
        (split, kind): round(100 * run.results["values"][split]["by_corpus"][kind]["share"], 1)
        for split in ("train", "dev")
        for kind in ("supported", "refuted", "not_enough_information")
    }
    assert shares == {
        ("train", "supported"): 64.3, ("train", "refuted"): 68.0, ("train", "not_enough_information"): 18.9,
        ("dev", "supported"): 63.0, ("dev", "refuted"): 43.7, ("dev", "not_enough_information"): 19.1,
    }  # fmt: skip
    said = {outcome.pack_claim: outcome.outcome for outcome in run.outcomes}
    unresolved = {name for name, outcome in said.items() if outcome is Outcome.NOT_RESOLVED}
    assert unresolved == {"refuted-dev", "as-on-test-train", "as-on-test-dev", "refuted-quarter-pair-dev"}
    assert Outcome.REFUTED not in said.values()
    assert outcomes(pack.spec, run.results) == run.outcomes
