"""The frozen criteria of an experiment: a TOML file, and the digest by which a result names it."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from routelab._errors import BadData

_FOLDER = Path(__file__).with_name("criteria")


@dataclass(frozen=True)
class Criteria:
    """What was fixed before the first full run.

    Attributes:
        sha256: of the file's bytes. document: what it says.
    """

    experiment: str
    sha256: str
    document: dict[str, Any]

    def claim(self, criterion: str) -> str:
        """The sentence that a criterion tests."""
        return str(self[criterion]["claim"])

    def __getitem__(self, criterion: str) -> dict[str, Any]:
        """A criterion's table.

        Raises:
            BadData: the file has none of that name.
        """
        try:
            table = self.document["criteria"][criterion]
        except KeyError as error:
            raise BadData(f"{self.experiment}.toml: criterion {criterion!r} is missing") from error
        if not isinstance(table, dict) or "claim" not in table:
            raise BadData(f"{self.experiment}.toml: criterion {criterion!r} has no claim")
        return table


def criteria(experiment: str) -> Criteria:
    """The criteria of an experiment.

    Raises:
        BadData: there is no such file, or it is no TOML.
    """
    path = _FOLDER / f"{experiment}.toml"
    try:
        raw = path.read_bytes()
        document = tomllib.loads(raw.decode("utf-8"))
    except (OSError, ValueError) as error:
        raise BadData(f"{path.name} cannot be read ({error})", "reinstall routelab") from error
    return Criteria(experiment, hashlib.sha256(raw).hexdigest(), document)
