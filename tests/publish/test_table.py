"""The matrix as rows and as CSV: every cell and claim once, and no text that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

from tests.publish import sample

from sovereign.publish import matrix_csv, matrix_rows
from sovereign.publish.table import COLUMNS


def test_every_cell_and_every_claim_in_or_beside_one_has_its_row() -> None:
    record = sample.record()
    rows = matrix_rows(record)
    assert {row["cell"] for row in rows} == {cell.id for cell in record.cells}
    told = {(row["cell"], row["claim"], row["role"]) for row in rows if row["claim"]}
    due = {(cell.id, name, "fills") for cell in record.cells for name in cell.claims}
    due |= {(cell.id, near.claim, "nearest") for cell in record.cells for near in cell.nearest}
    assert told == due and due
    assert all(row["differs_in"] for row in rows if row["role"] == "nearest")
    assert not any(row["claim"] for row in rows if not row["role"])


def test_csv_reads_back_and_holds_no_formula() -> None:
    record = sample.record()
    hostile = "=cmd|' /C calc'!A0\u202e"
    claim = record.claims[0].model_copy(update={"text": hostile})
    record = record.model_copy(update={"claims": (claim, *record.claims[1:])})
    rows = list(csv.DictReader(io.StringIO(matrix_csv(record))))
    assert tuple(rows[0]) == COLUMNS and len(rows) == len(matrix_rows(record))
    sentence = next(row["sentence"] for row in rows if row["claim"] == claim.id)
    assert sentence.startswith("'=cmd") and "\u202e" not in sentence
    for row in rows:
        assert not any(value.startswith(("=", "+", "@")) for name, value in row.items() if name != "value")


def test_the_verb_shows_and_writes_it(tmp_path: Path) -> None:
    from sovereign.workflow import ask
    from sovereign.workspace import Workspace

    workspace = Workspace.create(tmp_path / "w")
    record = ask(workspace, "What is the impact of top-k routing on the latency of mixture-of-experts models?")
    call = [sys.executable, "-m", "sovereign", "matrix", record.id, "--workspace", str(workspace.path)]
    shown = subprocess.run(call, capture_output=True, text=True, check=True).stdout
    assert all(cell.id in shown for cell in record.cells)
    output = tmp_path / "m.csv"
    done = subprocess.run([*call, "--csv", str(output), "--json"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["rows"] == len(matrix_rows(record))
    assert subprocess.run([*call, "--csv", str(output)], capture_output=True).returncode == 2
    piped = subprocess.run([*call, "--csv", "-"], capture_output=True, check=True).stdout
    assert piped == output.read_bytes()
