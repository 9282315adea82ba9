"""The pipeline: the same whatever the order, bounded in its revisions, known by the code and words it is made with."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.inquire import Direct, ask, library_of, work, write_note, write_works

import sovereign
from sovereign.inquiry import STAGE_MODULES, investigate, pipeline
from sovereign.inquiry.vocabulary import shipped
from sovereign.library import Library
from sovereign.records import PolicyRules

ROOT = Path(sovereign.__file__).parent
QUESTION = "How does AlphaMoE compare with BetaMoE in latency and throughput on MMBench?"
STAGES = ["plan", "search", "read", "extract", "hand", "compare", "cells", "answer", "tribunal"]


def parts(folder: Path) -> list[Path]:
    """A note and works, in files of their own."""
    opening = "We study mixture-of-experts (MoE) routing."
    notes = [
        write_note(
            folder / "notes",
            f"note-{n}",
            f"A mixture-of-experts system.\n\n## What was measured\nSys{n}MoE lowers latency by {n}.5% on POPE.\n",
            systems=[f"Sys{n}MoE"],
        )
        for n in range(1, 7)
    ]
    works = [
        write_works(
            folder / f"works-{n}",
            [
                work(f"2401.0000{n}", f"{name}: a router", f"{opening} {name} raises throughput by {n}.1% on MMBench."),
                work(f"2402.0000{n}", f"A survey, part {n}", f"{opening} Latency falls by {n}0% at batch size {n}."),
            ],
        )
        for n, name in ((1, "AlphaMoE"), (2, "BetaMoE"), (3, "GammaMoE"))
    ]
    return [*notes, *works]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    folder = tmp_path_factory.mktemp("pipeline")
    with library_of(folder / "library", *parts(folder)) as opened:
        yield opened


def test_the_order_of_filling_does_not_matter(tmp_path: Path, library: Library) -> None:
    files = parts(tmp_path)
    with library_of(tmp_path / "library", *reversed(files)) as other:
        assert other.digest() == library.digest()
        assert ask(other, QUESTION)[0].model_dump_json() == ask(library, QUESTION)[0].model_dump_json()


def test_what_was_removed_leaves_no_trace(tmp_path: Path, library: Library) -> None:
    files = parts(tmp_path)
    extra = [work("2403.00001", "AlphaMoE: a router, again", "Mixture-of-experts: AlphaMoE lowers latency by 9%.")]
    with library_of(tmp_path / "library", write_works(tmp_path / "extra", extra), *files) as other:
        other.remove("arxiv:2403.00001")
        assert ask(other, QUESTION)[0].model_dump_json() == ask(library, QUESTION)[0].model_dump_json()


SCRIPT = """
import sys
from tests.support.inquire import ask
from sovereign.library import Library
with Library.open(sys.argv[1]) as library:
    print(ask(library, sys.argv[2])[0].model_dump_json())
"""


def test_a_process_of_other_hash_seed_gives_the_same(library: Library) -> None:
    told = []
    for seed in ("1", "2"):
        environment = {
            **os.environ,
            "PYTHONHASHSEED": seed,
            "PYTHONPATH": f"{ROOT.parent}{os.pathsep}{ROOT.parents[1]}",
        }
        command = [sys.executable, "-c", SCRIPT, str(library.folder), QUESTION]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        told.append(done.stdout)
    assert told[0] == told[1]
    assert json.loads(told[0])["answer"] == ask(library, QUESTION)[0].to_json()["answer"]


def test_stages_come_in_the_order_of_reading(library: Library) -> None:
    run = Direct()
    ask(library, QUESTION, run)
    assert run.stages == STAGES


@pytest.mark.parametrize("most", [0, 1, 3])
def test_a_low_score_asks_again_and_not_for_ever(most: int, library: Library) -> None:
    run = Direct()
    evidence, judgement = ask(
        library, QUESTION, run, revise_below=10, max_revisions=most, decline_below=0, revise_gain=0
    )
    rounds = run.stages.count("search")
    assert run.stages == [STAGES[0], *STAGES[1:] * rounds]
    assert rounds == min(most, 2) + 1, "each gap has two queries, with and without the subject; a third has nothing new"
    assert {search.round for search in evidence.searches} == set(range(rounds))
    assert judgement.tribunal.revision_round == rounds - 1
    asked_again = [search for search in evidence.searches if search.round]
    assert bool(asked_again) == bool(most)
    assert all(search.purpose.startswith("gap: ") for search in asked_again)


def test_a_good_score_asks_once(library: Library) -> None:
    run = Direct()
    ask(library, QUESTION, run, revise_below=0, max_revisions=5)
    assert run.stages == STAGES


def codes(library: Library, **policy: object) -> dict[str, str]:
    run = Direct()
    ask(library, QUESTION, run, **policy)
    return run.codes


def test_the_policy_is_part_of_the_tribunals_code(library: Library) -> None:
    before, after = codes(library), codes(library, doi_claims=7)
    assert {stage for stage in STAGES if before[stage] != after[stage]} == {"tribunal"}


def test_a_vocabulary_is_part_of_every_stages_code(library: Library) -> None:
    other = tuple(vocabulary.model_copy(update={"digest": "0" * 64}) for vocabulary in shipped())
    run = Direct()
    investigate(library, QUESTION, PolicyRules(), run, vocabularies=other)
    assert all(code != codes(library)[stage] for stage, code in run.codes.items())


@pytest.mark.parametrize("stage", STAGES)
def test_every_module_of_a_stage_is_part_of_its_code(stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def code(changed: str = "") -> str:
        digest = pipeline._module_digest.__wrapped__
        monkeypatch.setattr(pipeline, "_module_digest", lambda name: "changed" if name == changed else digest(name))
        found = pipeline.code_digest(stage, shipped(), PolicyRules())
        monkeypatch.undo()
        return found

    for module in STAGE_MODULES[stage]:
        assert code(module) != code(), module
    assert code("sovereign.publish.site") == code()


def test_a_module_is_known_by_its_bytes() -> None:
    data = (ROOT / "inquiry" / "cells.py").read_bytes()
    assert pipeline._module_digest("sovereign.inquiry.cells") == hashlib.sha256(data).hexdigest()


def _called(module: str) -> set[str]:
    """The modules of `inquiry` and `judge` that a module imports from."""
    path = ROOT.parent / f"{module.replace('.', '/')}.py"
    public = {
        alias.name: f"sovereign.judge.{node.module}"
        for node in ast.walk(ast.parse((ROOT / "judge" / "__init__.py").read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom):
            continue
        base = module.rsplit(".", node.level)[0] + "." if node.level else ""
        name = f"{base}{node.module or ''}"
        if name == "sovereign.judge":
            found |= {public[alias.name] for alias in node.names}
        elif name.startswith(("sovereign.inquiry.", "sovereign.judge.")):
            found.add(name)
    return found


@pytest.mark.parametrize("stage", STAGES)
def test_a_stages_modules_are_all_that_it_calls(stage: str) -> None:
    seen: set[str] = set()
    todo = ["sovereign.judge.assess" if stage == "tribunal" else f"sovereign.inquiry.{stage}"]
    while todo:
        module = todo.pop()
        if module not in seen:
            seen.add(module)
            todo += sorted(_called(module))
    assert seen <= set(STAGE_MODULES[stage]), "a change in these modules would leave stored outputs in use"


@pytest.mark.parametrize(
    "path", sorted([*(ROOT / "inquiry").glob("*.py"), *(ROOT / "judge").glob("*.py")]), ids=lambda p: p.name
)
def test_no_stage_or_rule_looks_at_a_clock_a_random_number_or_an_address(path: Path) -> None:
    if path.name in ("journal.py", "_lock.py"):  # they keep times for people; no stage sees them
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    assert not called & {"hash", "id", "urandom", "getenv"}
    assert not {name.partition(".")[0] for name in modules} & {"time", "datetime", "random", "uuid", "secrets"}
