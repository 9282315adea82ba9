"""What the tests of proofs share: a folder written from parts, and no sandbox behind the port of one, for controls."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

from sovereign.gate import Ending, Finished, Job, SandboxReport

TOML = """\
name = "toy"
title = "A toy theorem"
version = 1
description = "A toy."
prover = "{prover}"
theorem = "{theorem}"
statement = "Stated"
statement_sha256 = "{digest}"
axioms = {axioms}
differs_in = ["implementation"]

[facets]
subject = "toys"

[limits]
{limits}
"""


def write_proof(
    folder: Path,
    statement: str,
    proof: str,
    *,
    prover: str = "rocq",
    theorem: str = "thm",
    axioms: tuple[str, ...] = (),
    digest: str = "",
    limits: str = "seconds = 60",
) -> Path:
    """A proof folder. The digest is the statement's own unless another is given."""
    folder.mkdir(parents=True, exist_ok=True)
    end = "v" if prover == "rocq" else "lean"
    digest = digest or hashlib.sha256(statement.encode()).hexdigest()
    names = "[" + ", ".join(f'"{name}"' for name in axioms) + "]"
    toml = TOML.format(prover=prover, theorem=theorem, digest=digest, axioms=names, limits=limits)
    (folder / "proof.toml").write_text(toml)
    (folder / f"Statement.{end}").write_text(statement)
    (folder / f"Proof.{end}").write_text(proof)
    return folder


class Open:
    """No sandbox at all, behind the port of one: what a check stops is shown by a control run without it."""

    name = "open"

    def probe(self) -> SandboxReport:
        return SandboxReport(False, "open", reason="it shuts nothing in", remedy="use a sandbox")

    def run(self, job: Job) -> Finished:
        with tempfile.TemporaryDirectory() as place:
            pack, work = Path(place, "pack"), Path(place, "work")
            for folder in (pack, work):
                folder.mkdir()
            for name, data in job.files.items():
                for inside, host in job.read_only.items():  # what a sandbox shows under /data lies where it lies
                    data = data.replace(f"/data/{inside}/".encode(), f"{host}/".encode())
                (pack / name).write_bytes(data)
            command = [sys.executable, str(pack / job.script)]
            ended = subprocess.run(command, cwd=work, capture_output=True, timeout=job.limits.seconds)
            self.left = {name: (work / name).read_bytes() for name in job.outputs if (work / name).is_file()}
        log = (ended.stdout + ended.stderr).decode()
        return Finished(Ending.EXITED, ended.returncode, log, 0.0, b"", job.outputs, 1 << 24)

    def collect(self, finished: Finished) -> dict[str, bytes]:
        return self.left

    def destroy(self, finished: Finished) -> None:
        return None
