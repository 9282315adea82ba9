"""The lab's command line: help is quick, errors are one line with a code, a smoke run is whole and no result."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

click_testing = pytest.importorskip("click.testing")
torch = pytest.importorskip("torch", reason="the extra [lab] is not installed")

from routelab.cli import EXIT_CODES, VERBS, cli, code_of  # noqa: E402
from routelab.experiments import _pool  # noqa: E402
from routelab.experiments._registry import EXPERIMENTS  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "routelab-experiments.md").read_text(encoding="utf-8")
#: Verbs of data and scorers are described on a page of their own.
PAGES = PAGE + (ROOT / "docs" / "routelab-data.md").read_text(encoding="utf-8")


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = code_of(lambda: cli.main(args=list(arguments), prog_name="routelab", standalone_mode=False))
    said = capsys.readouterr()
    return code, said.out, said.err


def test_help_names_every_verb_and_loads_nothing_heavy(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "--help")
    assert code == 0 and all(verb in out for verb in VERBS)
    heavy = ("torch", "numpy", "scipy", "matplotlib")
    program = f"import sys, routelab.cli; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_and_option_is_documented(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, verb, "--help")
    assert code == 0
    assert f"routelab {verb}" in PAGES
    for option in set(re.findall(r"--[a-z-]+", out)) - {"--help"}:
        assert re.search(rf"{option}\b", PAGES), option


def test_exit_codes_and_experiments_are_those_of_the_page() -> None:
    for code, meaning in EXIT_CODES.items():
        assert f"| {code} | {meaning} |" in PAGE
    for name, entry in EXPERIMENTS.items():
        assert re.search(rf"^\| {name} \| ", PAGE, re.M), f"{name} ({entry.title}) is not in the table"


def test_bad_input_is_one_line_with_a_remedy(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, _, err = call(capsys, "run", "E99")
    assert code == 2 and err.startswith("Error: there is no experiment 'E99'; choose one of: E1")
    code, _, err = call(capsys, "train", "E1", "--size", "huge")
    assert code == 2 and "huge" in err
    code, _, err = call(capsys, "report", "E1", "--out", str(tmp_path))
    assert code == 2 and "holds no result of E1" in err
    code, _, err = call(capsys, "publish", "E1", "--out", str(tmp_path), "--to", str(tmp_path / "p"))
    assert code == 3 and "units of E1 are missing" in err and not (tmp_path / "p").exists()
    code, _, err = call(capsys, "train", "E2", "--out", str(tmp_path))
    assert code == 2 and "trains nothing" in err


def test_list_tells_how_far_each_run_is(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = call(capsys, "list", "--json", "--out", str(tmp_path))
    found = json.loads(out)
    assert code == 0 and [row["experiment"] for row in found["experiments"]] == list(EXPERIMENTS)
    first = found["experiments"][0]
    assert first["units"] == first["units_missing"] > 20 and first["full"] is None
    assert "anyexperts" in found["routers"]
    code, out, _ = call(capsys, "list", "--out", str(tmp_path))
    assert code == 0 and "E1  Does importance-driven" in out


def test_a_smoke_run_is_whole_and_refused_as_a_result(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_pool, "_PART", 300)  # questions drawn at a time: 20,000 take longer than all the rest
    code, out, _ = call(capsys, "run", "E3", "--size", "smoke", "--out", str(tmp_path))
    assert code == 0 and "E3: a smoke run, not a result." in out
    document = json.loads((tmp_path / "E3" / "smoke" / "result.json").read_text())
    assert document["whole"] and document["size"] == "smoke"
    assert set(document["outcome"]) == {"specialisation", "latency", "traffic"}
    assert {"question_only", "dense_active", "hash"} <= set(document["arms"])
    code, _, err = call(capsys, "report", "E3", "--out", str(tmp_path))
    assert code == 3 and "smoke" in err and not (tmp_path / "report").exists()


def test_what_is_there_can_be_judged_without_training(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = call(capsys, "run", "E1", "--size", "full", "--no-train", "--out", str(tmp_path))
    assert code == 0 and "E1 accuracy: void. topk-0 and others are missing." in out
    assert not (tmp_path / "E1" / "full" / "units").exists()
    code, _, err = call(capsys, "report", "E1", "--out", str(tmp_path))
    assert code == 3 and "units of E1 are missing" in err


def test_an_interrupted_call_says_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    assert code_of(interrupted) == 130
    assert "goes on" in capsys.readouterr().err
