"""`language.toml`: which endpoint and which model, if any. Keys are named by environment variable, never written."""

from __future__ import annotations

import os
import tomllib
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, ValidationError

from sovereign.net import origin_of
from sovereign.records import BadInput, Document, StorageError


class ChatSettings(Document):
    endpoint: str = Field(description="where `/chat/completions` is, such as `http://127.0.0.1:8000/v1`")
    model: str = Field(min_length=1, description="the model's id")
    key_variable: str = Field(default="", description="environment variable that holds the key; empty: no key is sent")
    temperature: float = Field(default=0.0, ge=0, le=2, description="sent with every request")
    seed: int = Field(default=0, ge=0, description="sent with every request")
    max_tokens: int = Field(default=2000, ge=1, le=100_000, description="the longest reply that is asked for")
    timeout_s: float = Field(default=120.0, gt=0, le=3600, description="seconds for one reply")


class EmbedderSettings(Document):
    endpoint: str = Field(description="where `/embeddings` is")
    model: str = Field(min_length=1, description="the model's id")
    key_variable: str = Field(default="", description="environment variable that holds the key; empty: no key is sent")
    input_type: str = Field(default="", description="sent where it is not empty; some services ask for `passage`")
    batch: int = Field(default=64, ge=1, le=2048, description="texts in one request")
    timeout_s: float = Field(default=120.0, gt=0, le=3600, description="seconds for one request")


class LanguageSettings(Document):
    """Both are optional; without them everything works by code."""

    chat: ChatSettings | None = None
    embedder: EmbedderSettings | None = None


def read_language(path: Path) -> LanguageSettings:
    """The settings in a `language.toml`; none when there is no such file. Raises BadInput, StorageError."""
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return LanguageSettings()
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror or error}", "make it readable") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is not TOML: {error}", "mend that line, or delete the file to use no model") from error
    try:
        settings = LanguageSettings.model_validate(given, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        raise BadInput(f"{path}: {name}: {first['msg'].lower()}", "see docs/settings.md") from error
    for part in (settings.chat, settings.embedder):
        if part is not None:
            _check_endpoint(path, part.endpoint, bool(part.key_variable))
    return settings


def key_of(variable: str) -> str:
    """The key in an environment variable; empty where none is named. Raises BadInput where it is named and not set."""
    if not variable:
        return ""
    key = os.environ.get(variable, "").strip()
    if not key or not key.isascii() or not key.isprintable():
        what = "holds characters that no key has" if key else "is not set"
        raise BadInput(f"the environment variable {variable} {what}", "set it to the endpoint's key, or name none")
    return key


def _check_endpoint(path: Path, endpoint: str, with_key: bool) -> None:
    parts = urlsplit(endpoint) if origin_of(endpoint) else None
    if parts is None or parts.query or parts.fragment:
        raise BadInput(f"{path}: {endpoint!r} is no endpoint", "write http://host:port/v1 or https://host/v1")
    if with_key and parts.scheme == "http" and not _is_this_machine(parts.hostname or ""):
        raise BadInput(f"{path}: a key would be sent to {endpoint} unencrypted", "use https, or name no key_variable")


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
