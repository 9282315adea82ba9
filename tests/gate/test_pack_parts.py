"""What a pack may consist of and ask for: files in sub-folders, arguments, variables, inputs, isolation, versions."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from tests.support.gate import GOOD, PACK_TOML

from sovereign.gate import (
    Bubblewrap,
    Pack,
    PackFailed,
    SandboxReport,
    add_pack,
    attest,
    available_packs,
    check_environment,
    check_isolation,
    listing_digest,
    load_pack,
    new_pack,
    run_pack,
)
from sovereign.records import BadInput, NotFound, Outcome, SandboxUnavailable, results_fault
from sovereign.records.schema import schemas
from sovereign.seal import Key

Folder = Callable[..., Path]
DATA = b"4.25\n"
TOLD = """\
import json, os, sys
from parts.words import VALUE
place = os.environ.get("SOVEREIGN_INPUT_DATA", "")
found = {"x": VALUE, "argv": sys.argv[1:], "mode": os.environ.get("MODE", ""), "place": place}
if place:
    names = sorted(os.listdir(place)) if os.path.isdir(place) else [""]
    found["held"] = {name: open(os.path.join(place, name) if name else place).read() for name in names}
results = {"schema": "sovereign-results-v1", "pack": "toy", "seed": int(os.environ["SOVEREIGN_SEED"])}
json.dump({**results, "values": found}, open("results.json", "w"))
"""
COMMAND = 'command = ["python", "run.py", "--quick", "a b"]\n'


def toy(folder: Path, more: str = "", script: str = TOLD) -> Path:
    """A pack with a file in a sub-folder."""
    (folder / "parts").mkdir(parents=True, exist_ok=True)
    (folder / "parts" / "words.py").write_text("VALUE = 4.25\n")
    (folder / "run.py").write_text(script)
    (folder / "pack.toml").write_text(PACK_TOML.replace("{more}", f'files = ["parts/words.py"]\n{more}'))
    return folder


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def stated(digest: str, more: str = "") -> str:
    return f'[[inputs]]\nname = "data"\nsha256 = "{digest}"\n{more}\n'


def test_files_in_a_sub_folder_arguments_and_variables(tmp_path: Path, sandbox: Bubblewrap) -> None:
    pack = load_pack(toy(tmp_path / "p", COMMAND + '[environment]\nvariables = { MODE = "fast" }\npython = "3.11"\n'))
    assert set(pack.files) == {"pack.toml", "run.py", "parts/words.py"}
    run = run_pack(pack, sandbox)
    assert run.results["values"] == {"x": 4.25, "argv": ["--quick", "a b"], "mode": "fast", "place": ""}
    (tmp_path / "p" / "parts" / "words.py").write_text("VALUE = 9\n")
    assert load_pack(tmp_path / "p").digest != pack.digest


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ('files = ["../secret"]', "no plain file name or path"),
        ('files = ["/etc/passwd"]', "no plain file name or path"),
        ('files = ["a//b"]', "no plain file name or path"),
        ('files = [".hidden"]', "no plain file name or path"),
        ('files = ["a/b/c/d/e/f/g/h/i"]', "no plain file name or path"),
        ('files = ["run.py"]', "named twice"),
        ('files = ["results.json"]', "we keep it for ourselves"),
        ('files = ["runs/1/results.json"]', "we keep it for ourselves"),
        ('command = ["sh", "-c", "true"]', "begins with `python` and the script"),
        ('minimum_isolation = "No!"', "minimum_isolation"),
        ('[environment]\nvariables = { LD_PRELOAD = "x" }', "cannot be set by a pack"),
        ('[environment]\nvariables = { SOVEREIGN_SEED = "1" }', "cannot be set by a pack"),
        ('[environment]\nrequirements = ["numpy>=2"]', "state no version"),
        ('[environment]\npython = "2.7"', "environment.python"),
        (stated("0" * 64, 'file = "none.txt"'), "not among the pack's files"),
        (stated("0" * 64, 'file = "run.py"\nfolder = true'), "not both"),
        (stated("0" * 64, 'members = ["a"]'), "only a folder has members"),
        (stated("0" * 63), "inputs.0.sha256"),
        (stated("0" * 64) * 2, "two of its inputs have one name"),
        (stated("0" * 64, 'file = "run.py"'), "is not the file whose SHA-256"),
        ('bears_on = ["latency"]\n', "says in differs_in how"),
    ],
)  # fmt: skip
def test_a_pack_that_asks_for_what_it_may_not_have(tmp_path: Path, more: str, words: str) -> None:
    folder = tmp_path / "p"
    folder.mkdir()
    (folder / "run.py").write_text(GOOD)
    toml = PACK_TOML.replace('differs_in = ["scale"]\n', "")
    (folder / "pack.toml").write_text(toml.replace("{more}", more))
    with pytest.raises(BadInput, match=words):
        load_pack(folder)


def test_a_link_on_the_way_to_a_file_is_refused(tmp_path: Path) -> None:
    folder = toy(tmp_path / "p")
    (folder / "parts").rename(tmp_path / "elsewhere")
    (folder / "parts").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BadInput, match=r"parts/words\.py cannot be read"):
        load_pack(folder)


def test_a_file_input_is_handed_in_as_the_bytes_that_were_looked_at(tmp_path: Path, sandbox: Bubblewrap) -> None:
    pack = load_pack(toy(tmp_path / "p", stated(sha256(DATA))))
    (tmp_path / "data.txt").write_bytes(DATA)
    run = run_pack(pack, sandbox, inputs={"data": tmp_path / "data.txt"})
    assert run.results["values"]["held"] == {"": "4.25\n"}
    envelope = json.loads(attest(run, Key.generate(), "2026-03-01T00:00:00Z"))
    predicate = json.loads(base64.b64decode(envelope["payload"]))["predicate"]
    assert predicate["inputs"] == {"data": sha256(DATA)}
    assert str(tmp_path) not in json.dumps(predicate)
    (tmp_path / "data.txt").write_bytes(b"5\n")
    with pytest.raises(BadInput, match="has the digest"):
        run_pack(pack, sandbox, inputs={"data": tmp_path / "data.txt"})


def test_a_folder_input_by_its_listing(tmp_path: Path, sandbox: Bubblewrap) -> None:
    folder = tmp_path / "data"
    (folder / "sub").mkdir(parents=True)
    (folder / "b.txt").write_bytes(DATA)
    (folder / "a.txt").write_bytes(b"a")
    listing = f"{sha256(b'a')}  a.txt\n{sha256(DATA)}  b.txt\n"
    assert listing_digest(folder) == sha256(listing.encode())
    pack = load_pack(toy(tmp_path / "p", stated(sha256(listing.encode()), "folder = true")))
    run = run_pack(pack, sandbox, inputs={"data": folder})
    assert run.results["values"]["held"] == {"a.txt": "a", "b.txt": "4.25\n"}
    (folder / "c.txt").write_text("one more")
    with pytest.raises(BadInput, match="has the digest"):
        run_pack(pack, sandbox, inputs={"data": folder})
    members = 'folder = true\nmembers = ["b.txt", "a.txt"]'
    some = load_pack(toy(tmp_path / "q", stated(sha256(listing.encode()), members)))
    held = run_pack(some, sandbox, inputs={"data": folder}).results["values"]["held"]
    assert set(held) == {"a.txt", "b.txt"}, "a file that is no member was shown"


def test_a_folder_of_many_files_is_shown_read_only(tmp_path: Path, sandbox: Bubblewrap) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(80):
        (folder / f"{number:02d}").write_text(str(number))
    script = TOLD + "\ntry:\n    open(place + '/new', 'w')\nexcept OSError:\n    pass\nelse:\n    raise SystemExit(1)\n"
    more = stated(listing_digest(folder), "folder = true")
    run = run_pack(load_pack(toy(tmp_path / "p", more, script)), sandbox, inputs={"data": folder})
    assert len(run.results["values"]["held"]) == 80 and any("data" in name for name in run.passed_through)


@pytest.mark.parametrize("what", ["link", "pipe", "folder link", "file for a folder"])
def test_hostile_inputs_are_refused(tmp_path: Path, sandbox: Bubblewrap, what: str) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    if what == "link":
        (folder / "a").symlink_to("/etc/passwd")
    elif what == "pipe":
        os.mkfifo(folder / "a")
    elif what == "folder link":
        (folder / "a").symlink_to("/etc", target_is_directory=True)
    else:
        folder = tmp_path / "file"
        folder.write_text("x")
    pack = load_pack(toy(tmp_path / "p", stated("0" * 64, "folder = true")))
    with pytest.raises(BadInput, match=r"no regular file|is a link|is to be a folder"):
        run_pack(pack, sandbox, inputs={"data": folder})
    with pytest.raises(NotFound, match="is not at"):
        run_pack(pack, sandbox, inputs={"data": tmp_path / "nowhere"})


def report(grade: str) -> SandboxReport:
    return SandboxReport(True, grade)


@pytest.mark.parametrize(
    ("least", "grade", "ok"),
    [
        ("isolated", "bubblewrap/no-process-limit", True),
        ("full", "bubblewrap/full", True),
        ("full", "bubblewrap/no-process-limit", False),
        ("no-process-limit", "bubblewrap/no-process-limit", True),
        ("no-process-limit", "bubblewrap/full", True),
        ("no-process-limit", "bubblewrap/no-process-limit+no-cpu-limit", False),
    ],
)
def test_the_least_isolation_is_asked_for_before_the_run(tmp_path: Path, least: str, grade: str, ok: bool) -> None:
    pack = load_pack(toy(tmp_path / "p", f'minimum_isolation = "{least}"\n'))
    if ok:
        check_isolation(pack, report(grade))
    else:
        with pytest.raises(SandboxUnavailable, match=f"asks for the isolation grade {least}"):
            check_isolation(pack, report(grade))
    with pytest.raises(SandboxUnavailable, match="none"):
        check_isolation(pack, SandboxReport(False, "none", reason="none here"))


def test_what_it_needs_installed_is_named(tmp_path: Path) -> None:
    pack = load_pack(toy(tmp_path / "p", '[environment]\nrequirements = ["pydantic"]\n'))
    assert set(check_environment(pack)) == {"package pydantic"}
    missing = load_pack(toy(tmp_path / "q", '[environment]\nrequirements = ["no-such-distribution"]\n'))
    with pytest.raises(NotFound, match="needs no-such-distribution") as caught:
        check_environment(missing)
    assert "pip install no-such-distribution" in caught.value.remedy
    with pytest.raises(BadInput, match=r"needs Python 3\.99"):
        check_environment(load_pack(toy(tmp_path / "r", '[environment]\npython = "3.99"\n')))


BASE: dict[str, Any] = {"schema": "sovereign-results-v1", "pack": "toy", "seed": 7, "values": {"x": 4.25, "unit": "ms"}}
GOOD_RESULTS: list[dict[str, Any]] = [
    {},
    {"values": {}},
    {"values": {"a": {"samples": [1, 2.5], "unit": "ms", "ok": True, "none": None, "word": "w"}}},
    {"repetitions": 3, "seeds": [1, 2], "machine": {"cores": 2, "name": "x", "fast": True}},
    {"extra": {"kept": [1]}},
]
BAD_RESULTS: list[tuple[dict[str, Any], str]] = [
    ({"values": {"a": {"unit": 3}}}, "no text"),
    ({"repetitions": 0}, "repetitions"),
    ({"repetitions": 1.5}, "repetitions"),
    ({"seeds": []}, "seeds"),
    ({"seeds": ["1"]}, "seeds"),
    ({"machine": {"a": [1]}}, "machine"),
    ({"machine": {str(n): n for n in range(65)}}, "machine"),
    ({"values": {"a": "x" * 4001}}, "longer than"),
    ({"values": [1]}, "no object with `values`"),
]


@pytest.mark.parametrize("change", GOOD_RESULTS)
def test_results_of_the_published_form_are_taken(change: dict[str, Any]) -> None:
    Draft202012Validator(schemas()["results-v1"]).validate({**BASE, **change})
    assert results_fault({**BASE, **change}, "toy", 7) is None


@pytest.mark.parametrize(("change", "words"), BAD_RESULTS)
def test_what_the_published_schema_refuses_is_refused(change: dict[str, Any], words: str) -> None:
    assert not Draft202012Validator(schemas()["results-v1"]).is_valid({**BASE, **change})
    fault = results_fault({**BASE, **change}, "toy", 7)
    assert fault is not None and words in fault


def test_bounds_that_no_schema_states() -> None:
    deep: Any = 1
    for _ in range(17):
        deep = [deep]
    assert "deep" in (results_fault({**BASE, "values": {"a": deep}}, "toy", 7) or "")
    assert "more than 200000" in (results_fault({**BASE, "values": {"a": [0] * 200_001}}, "toy", 7) or "")


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ('{"values": {}, "values": {"x": 4}}', "given twice"),
        ('{"schema": "s", "values": {"x": {"y": 1, "y": 2}}}', "given twice"),
    ],
)
def test_a_key_given_twice_is_refused(
    sandbox: Bubblewrap, pack_folder: Folder, written: str, words: str
) -> None:
    with pytest.raises(PackFailed, match=words):
        run_pack(load_pack(pack_folder(f"open('results.json', 'w').write({written!r})")), sandbox)


def test_a_template_runs_as_it_is_and_can_be_added(tmp_path: Path, sandbox: Bubblewrap) -> None:
    pack = new_pack("my-dice", tmp_path / "my-dice")
    run = run_pack(pack, sandbox)
    assert [outcome.outcome for outcome in run.outcomes] == [Outcome.SUPPORTED]
    (tmp_path / "my-dice" / "notes.txt").write_text("mine")
    added, left_out = add_pack(tmp_path / "my-dice", tmp_path / "packs")
    assert added.digest == pack.digest and left_out == ("notes.txt",)
    assert sorted(path.name for path in (tmp_path / "packs" / "my-dice").iterdir()) == ["pack.toml", "run.py"]
    found = available_packs(tmp_path / "packs")["my-dice"]
    assert (found.digest, found.place) == (pack.digest, "workspace")
    assert add_pack(tmp_path / "my-dice", tmp_path / "packs")[0].digest == pack.digest
    assert "my-dice" not in available_packs()


def test_adding_another_pack_of_a_name_must_be_said(tmp_path: Path) -> None:
    new_pack("dice", tmp_path / "dice")
    add_pack(tmp_path / "dice", tmp_path / "packs")
    toml = tmp_path / "dice" / "pack.toml"
    toml.write_text(toml.read_text().replace("tolerance = 0.005", "tolerance = 0.5"))
    with pytest.raises(BadInput, match="was added before") as caught:
        add_pack(tmp_path / "dice", tmp_path / "packs")
    assert "--replace" in caught.value.remedy
    replaced, _ = add_pack(tmp_path / "dice", tmp_path / "packs", replace=True)
    assert replaced.digest == load_pack(tmp_path / "dice").digest
    assert [path.name for path in (tmp_path / "packs").iterdir()] == ["dice"]


def test_a_pack_with_the_name_of_an_installed_one_is_refused(tmp_path: Path) -> None:
    new_pack("expected-distinct-experts", tmp_path / "x")
    with pytest.raises(BadInput, match="is installed, and it is another one"):
        add_pack(tmp_path / "x", tmp_path / "packs", replace=True)


@pytest.mark.parametrize("name", ["", "Up", "../x", "a b", "x" * 81, "-x"])
def test_names_that_no_pack_can_have(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match="cannot be a pack's name"):
        new_pack(name, tmp_path / "x")


def test_a_hostile_folder_is_not_added(tmp_path: Path) -> None:
    new_pack("dice", tmp_path / "dice")
    (tmp_path / "dice" / "run.py").unlink()
    (tmp_path / "dice" / "run.py").symlink_to("/etc/passwd")
    with pytest.raises(BadInput, match="no links"):
        add_pack(tmp_path / "dice", tmp_path / "packs")
    assert not (tmp_path / "packs").exists()
    with pytest.raises(BadInput, match="exists"):
        new_pack("dice", tmp_path / "dice")


def test_every_installed_pack_states_how_long_it_takes() -> None:
    packs: dict[str, Pack] = available_packs()
    assert all(pack.spec.expected_seconds for pack in packs.values() if pack.spec.claims)
