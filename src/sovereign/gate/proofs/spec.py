"""`proof.toml` and its folder: the theorem, the statement's file apart from its proof, and what may be assumed."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from importlib.resources import as_file, files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError, model_validator

from sovereign.records import BadInput, DiffersIn, Document, Facets, NotFound, Settled

PROOF_FILE = "proof.toml"
ENTRY_POINTS = "sovereign.packs"
MOST_BYTES = 1 << 20
#: A name that is handed to a prover in a file of ours: letters, digits, `_`, `'` and dots, so it can be nothing else.
_NAME = r"[A-Za-z_][A-Za-z0-9_']{0,79}(\.[A-Za-z_][A-Za-z0-9_']{0,79}){0,7}"
Name = Annotated[str, Field(pattern=f"^{_NAME}$")]


class ProverName(StrEnum):
    """The provers behind the port."""

    ROCQ = "rocq"
    LEAN = "lean"


#: The file names of a proof: the statement, and its proof.
FILES = {ProverName.ROCQ: ("Statement.v", "Proof.v"), ProverName.LEAN: ("Statement.lean", "Proof.lean")}
#: What a Lean proof may rest on; `proof.toml` may allow fewer. Rocq's axioms are named in full by each proof.
LEAN_AXIOMS = ("propext", "Quot.sound", "Classical.choice")


class ProofLimits(Document):
    """What each step of a check may use, in the sandbox."""

    seconds: float = Field(default=120, gt=0, le=3600)
    memory_mb: int = Field(default=2048, ge=128)
    output_mb: int = Field(default=16, ge=1)
    processes: int = Field(default=32, ge=4)


class ProofSpec(Document):
    """`proof.toml`: which theorem is proved, against which statement, resting on what."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=80)
    title: str = Field(min_length=1)
    version: int = Field(ge=1)
    description: str = Field(min_length=1, description="what the theorem says, in plain words")
    prover: ProverName
    theorem: Name = Field(description="the theorem in the proof's file")
    statement: Name = Field(description="in the statement's file: the proposition that is to be proved")
    statement_sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="of the statement's file")
    axioms: tuple[Name, ...] = Field(default=(), max_length=32, description="what it may rest on, by full name")
    facets: Facets = Field(description="what the theorem is about")
    bears_on: tuple[str, ...] = Field(default=(), description="metrics of cells beside which it may stand")
    differs_in: tuple[DiffersIn, ...] = Field(min_length=1, description="in what it differs from such a cell")
    settles: tuple[Settled, ...] = Field(default=(), max_length=32, description="claims of sources that it settles")
    limits: ProofLimits = ProofLimits()

    @model_validator(mode="after")
    def _allowed_axioms(self) -> ProofSpec:
        if self.prover is ProverName.LEAN and not set(self.axioms) <= set(LEAN_AXIOMS):
            raise ValueError(f"a Lean proof may rest on {', '.join(LEAN_AXIOMS)} alone")
        return self

    @property
    def source(self) -> str:
        """The id under which the accepted proof enters the library."""
        return f"measurement:{self.name}"


@dataclass(frozen=True)
class Proof:
    """A proof as it was read. The prover sees these bytes, so a file changed after the reading changes nothing."""

    spec: ProofSpec
    toml: bytes
    statement: bytes
    proof: bytes

    @property
    def statement_sha256(self) -> str:
        """SHA-256 of the statement's file as it was read."""
        return hashlib.sha256(self.statement).hexdigest()

    @property
    def files(self) -> dict[str, bytes]:
        """All files by name."""
        statement, proof = FILES[self.spec.prover]
        return {PROOF_FILE: self.toml, statement: self.statement, proof: self.proof}


def load_proof(folder: str | Path) -> Proof:
    """Read a proof: `proof.toml`, the statement, the proof; regular files of the folder itself, UTF-8, 1 MiB at most.

    Raises:
        NotFound: there is no such folder, or one of the three files is missing.
        BadInput: a file is a link, too large or not UTF-8; `proof.toml` is not TOML or breaks its schema.
    """
    folder = Path(folder)
    if not folder.is_dir():
        remedy = f"name a folder that holds a {PROOF_FILE}, or an installed proof"
        raise NotFound(f"there is no proof at {folder}", remedy)
    toml = _read(folder, PROOF_FILE)
    spec = _spec(folder / PROOF_FILE, toml)
    statement, proof = (_read(folder, name) for name in FILES[spec.prover])
    return Proof(spec, toml, statement, proof)


def available_proofs() -> dict[str, Proof]:
    """The proofs that come with the kernel and those of the entry point group `sovereign.packs`, by name.

    Raises:
        BadInput: an installed proof cannot be read, or two different proofs have one name.
    """
    found: dict[str, Proof] = {}
    for label, place in _places():
        with as_file(place) as folder:
            proof = load_proof(folder)
        if proof.spec.name != label:
            raise BadInput(f"the installed proof {label} calls itself {proof.spec.name}", "give both the same name")
        if label in found and found[label].files != proof.files:
            raise BadInput(f"two installed proofs are called {label}", "uninstall one of them")
        found[label] = proof
    return dict(sorted(found.items()))


def _places() -> Iterator[tuple[str, Traversable]]:
    for entry in files("sovereign.packs").iterdir():
        if entry.is_dir() and entry.joinpath(PROOF_FILE).is_file():
            yield entry.name, entry
    for point in metadata.entry_points(group=ENTRY_POINTS):
        try:
            place = files(point.module).joinpath(point.name)
        except ImportError:
            continue  # `packs list` names it
        if place.joinpath(PROOF_FILE).is_file():
            yield point.name, place


def _read(folder: Path, name: str) -> bytes:
    content = _bytes(folder, name)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(f"{folder / name} is not UTF-8 text: {error}", "save it as UTF-8") from error
    if odd := re.search(r"[\x00-\x08\x0b-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]", text):
        where = f"U+{ord(odd[0]):04X} at character {odd.start()}"
        remedy = "remove it: what a person reads must be what the prover reads"
        raise BadInput(f"{folder / name} holds a control or direction character ({where})", remedy)
    return content


def _bytes(folder: Path, name: str) -> bytes:
    """The bytes of a regular file of the folder; a link is refused, also where it leads back inside."""
    path = folder / name
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        remedy = f"a proof is a folder with {PROOF_FILE}, a statement and its proof; see docs/proofs.md"
        raise NotFound(f"{folder} has no {name}", remedy) from None
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}", "a proof holds regular files, no links") from error
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise BadInput(f"{path} is no regular file", "a proof holds regular files alone")
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise BadInput(f"{path} is larger than {MOST_BYTES} bytes", "a proof is a text; split what is longer")
    return content


def _spec(where: Path, toml: bytes) -> ProofSpec:
    try:
        return ProofSpec.model_validate(tomllib.loads(toml.decode("utf-8")))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadInput(f"{where} is not TOML: {error}", "correct the line that it names") from error
    except ValidationError as error:
        problems = error.errors(include_url=False)
        first = f"{'.'.join(map(str, problems[0]['loc'])) or 'the proof'}: {problems[0]['msg']}"
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise BadInput(f"{where}: {first}{more}", "see docs/proofs.md for the fields") from error
