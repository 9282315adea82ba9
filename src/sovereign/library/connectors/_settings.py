"""`services.toml`: which services are asked, where they are, how gently, and what one run may spend."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field, ValidationError

from sovereign.net import HostRule, origin_of
from sovereign.records import BadInput, Document, StorageError

Model = TypeVar("Model", bound=Document)
_MAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,250}")


class Service(Document):
    """One service. The limits are what it publishes; ask for less, not for more."""

    enabled: bool = Field(default=True, description="whether `--live` asks it when no `--service` is named")
    address: str = Field(description="where it is; the environment variable named below stands over it")
    interval_s: float = Field(ge=0, le=3600, description="seconds between two requests")
    connections: int = Field(ge=1, le=16, description="open connections at a time, over all processes")
    queries: int = Field(default=8, ge=1, le=40, description="queries for one question, at most; four at least")
    results: int = Field(default=50, ge=1, le=200, description="works asked for by one query")
    timeout_s: float = Field(default=60.0, gt=0, le=600, description="seconds for one answer")
    tries: int = Field(default=5, ge=1, le=20, description="how often one request is sent at most")
    max_wait_s: float = Field(default=60.0, ge=0, le=3600, description="the longest wait that it may ask for")

    def rule(self, name: str) -> HostRule:
        """The same towards the network."""
        return HostRule(
            self.address, name, interval_s=self.interval_s, connections=self.connections, timeout_s=self.timeout_s,
            tries=self.tries, max_wait_s=self.max_wait_s,
        )  # fmt: skip


#: Each service's limits as published, and the environment variables of its address and key.
DEFAULTS: dict[str, Service] = {
    "arxiv": Service(address="https://export.arxiv.org", interval_s=3.0, connections=1),
    "semantic-scholar": Service(address="https://api.semanticscholar.org", interval_s=1.1, connections=1),
    "openalex": Service(address="https://api.openalex.org", interval_s=0.2, connections=2),
    "crossref": Service(address="https://api.crossref.org", interval_s=1.0, connections=1, results=20),
}
ADDRESS_VARIABLES = {
    "arxiv": "SOVEREIGN_ARXIV_URL",
    "semantic-scholar": "SOVEREIGN_SEMANTIC_SCHOLAR_URL",
    "openalex": "SOVEREIGN_OPENALEX_URL",
    "crossref": "SOVEREIGN_CROSSREF_URL",
}
KEY_VARIABLES = {"semantic-scholar": "SOVEREIGN_SEMANTIC_SCHOLAR_KEY", "openalex": "SOVEREIGN_OPENALEX_KEY"}
CONTACT_VARIABLE = "SOVEREIGN_CONTACT"


class Services(Document):
    """All of `services.toml`."""

    contact: str = Field(default="", description="a mail address, sent to services so that they can write to you")
    budget_requests: int = Field(default=200, ge=1, description="requests of one run, retries included")
    budget_mb: int = Field(default=64, ge=1, description="megabytes that one run may receive")
    budget_seconds: float = Field(default=900.0, gt=0, description="seconds that the search of one run may take")
    cache_days: float = Field(default=7.0, ge=0, description="how old a kept answer may be; 0 keeps none")
    cache_mb: int = Field(default=512, ge=1, description="size of all kept answers")
    limits_folder: str = Field(default="", description="where limits are kept, to share them between workspaces")
    services: dict[str, Service] = Field(default_factory=lambda: dict(DEFAULTS))

    def chosen(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """The services to ask, in their order: those named, else all that are enabled. Raises BadInput."""
        for name in names:
            if name not in self.services:
                close = difflib.get_close_matches(name, self.services, n=1)
                known = ", ".join(self.services)
                raise BadInput(f"there is no service {name!r}", f"did you mean {close[0]}?" if close else known)
        found = tuple(name for name, one in self.services.items() if (name in names if names else one.enabled))
        if not found:
            raise BadInput("no service is enabled", "name one with --service, or enable one in services.toml")
        return found


def read_services(path: Path) -> Services:
    """The settings in a `services.toml` under the environment's; the defaults where there is no such file.

    Raises:
        BadInput: the file is no TOML, or has a key or a value that will not do; the message names it.
        StorageError: the file cannot be read.
    """
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        given = {}
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror or error}", "make it readable") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is not TOML: {error}", "mend that line, or delete the file for the defaults") from error
    general = {name: value for name, value in given.items() if not isinstance(value, dict)}
    services: dict[str, Service] = {}
    known = [*(name for name in Services.model_fields if name != "services"), *DEFAULTS]
    for name in given:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"the settings are {', '.join(known)}"
            raise BadInput(f"{path}: there is no setting or service {name!r}", hint)
    for name, default in DEFAULTS.items():
        own = given.get(name, {})
        if not isinstance(own, dict):
            raise BadInput(f"{path}: {name} is a service", f"write a section [{name}]")
        address = os.environ.get(ADDRESS_VARIABLES[name])
        values = {**default.to_json(), **own, **({"address": address} if address else {})}
        services[name] = _valid(path, Service, values, name)
        if not origin_of(services[name].address):
            raise BadInput(f"{path}: {name}.address is no http address", "write https://host, or http://host:port")
    if os.environ.get(CONTACT_VARIABLE):
        general["contact"] = os.environ[CONTACT_VARIABLE]
    settings = _valid(path, Services, general, "").model_copy(update={"services": services})
    if settings.contact and not _MAIL.fullmatch(settings.contact):
        raise BadInput(f"{settings.contact[:80]!r} is no mail address", "write name@host, or leave contact empty")
    return settings


def _valid(path: Path, model: type[Model], values: dict[str, Any], section: str) -> Model:
    try:
        return model.model_validate(values, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join([*([section] if section else []), *(str(part) for part in first["loc"])])
        what = f"{path}: {name} = {first['input']!r} will not do: {first['msg'].lower()}"
        raise BadInput(what, "see docs/settings.md") from error
