"""A workspace: one folder with a library, a journal, records, keys, a policy and the pages made from them.

library/  journal.sqlite  locks/  records/  hand/  keys/owner.pem  policy.toml  site/
"""

from __future__ import annotations

import contextlib
import difflib
import os
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from sovereign.records import BadInput, NotFound, PolicyRules, StorageError

if TYPE_CHECKING:
    from sovereign.archive import Archive, Ledger
    from sovereign.inquiry.journal import Journal
    from sovereign.language import Chat, Embedder
    from sovereign.library import Library
    from sovereign.library.connectors import Services
    from sovereign.seal import Key, KeyStore

#: The environment variable that names the workspace when no option does.
VARIABLE = "SOVEREIGN_WORKSPACE"
#: The folder used, under the current one, when nothing names a workspace.
DEFAULT = "workspace"


def default_path(given: str | Path | None = None) -> Path:
    """The workspace's folder: what was given, else `$SOVEREIGN_WORKSPACE`, else `./workspace`."""
    return Path(given or os.environ.get(VARIABLE) or DEFAULT).expanduser()


class Workspace:
    """The places of one workspace. Opening one reads its policy; the parts are opened when they are asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(
        cls, path: str | Path | None = None, *, starter: bool = True, progress: Callable[[str], None] | None = None
    ) -> Workspace:
        """Make a workspace, or complete one: what is there already is kept.

        Args:
            path: the folder; see `default_path`.
            starter: add the starter notes to its library.
            progress: told what is being done, a line at a time.

        Raises:
            BadInput: the folder holds other things than a workspace.
            StorageError: the disk is full or read-only.
        """
        workspace = cls(default_path(path).absolute())
        root = workspace.path
        try:
            if root.exists() and not workspace.exists() and (not root.is_dir() or any(root.iterdir())):
                raise BadInput(f"{root} exists and is no workspace", "choose a new or an empty folder")
            for folder in (workspace.library_path, workspace.records_path, workspace.site_path):
                folder.mkdir(parents=True, exist_ok=True)
            workspace.keys_path.mkdir(mode=0o700, exist_ok=True)
            if not workspace.policy_path.exists():
                _write_new(workspace.policy_path, policy_template())
        except OSError as error:
            raise _storage(root, error) from error
        if not workspace.key_path.exists():
            workspace._make_key()
        with workspace.library(create=True) as library:
            if starter:
                from sovereign.starter import starter_path

                if progress:
                    progress("adding the starter notes to the library")
                library.add(starter_path())
        return workspace

    @classmethod
    def open(cls, path: str | Path | None = None) -> Workspace:
        """The workspace at `path`; see `default_path`. Raises NotFound when there is none."""
        workspace = cls(default_path(path).absolute())
        if not workspace.exists():
            raise NotFound(
                f"there is no workspace at {workspace.path}",
                f"make one with `sovereign init`, or name yours with --workspace or ${VARIABLE}",
            )
        return workspace

    def exists(self) -> bool:
        """Whether the folder is a workspace (it has a library and a place for keys)."""
        return self.library_path.is_dir() and self.keys_path.is_dir()

    @property
    def library_path(self) -> Path:
        return self.path / "library"

    @property
    def journal_path(self) -> Path:
        return self.path / "journal.sqlite"

    @property
    def records_path(self) -> Path:
        return self.path / "records"

    @property
    def keys_path(self) -> Path:
        return self.path / "keys"

    @property
    def key_path(self) -> Path:
        return self.keys_path / "owner.pem"

    @property
    def site_path(self) -> Path:
        return self.path / "site"

    @property
    def policy_path(self) -> Path:
        return self.path / "policy.toml"

    @property
    def packs_path(self) -> Path:
        """Packs that were added to this workspace, each in a folder of its name."""
        return self.path / "packs"

    def policy(self) -> PolicyRules:
        """The rules in `policy.toml`, which take effect on every record judged from now on.

        Raises:
            BadInput: the file is no TOML, or has a key that no rule has, or a value of the wrong kind.
        """
        return read_policy(self.policy_path)

    @contextlib.contextmanager
    def language(self, progress: Callable[[str], None]) -> Iterator[tuple[Chat | None, Embedder | None]]:
        """The language models named in `language.toml`, each None where none is.

        Raises:
            BadInput: the file has a setting that will not do, or a named key is not set.
        """
        from sovereign.language import OpenAIChat, OpenAIEmbedder, host_rules, read_language
        from sovereign.net import Client

        settings = read_language(self.path / "language.toml")
        if settings.chat is None and settings.embedder is None:
            yield None, None
            return
        with Client(self.path / "net", host_rules(settings), progress=progress) as client:
            chat = OpenAIChat(settings.chat, client) if settings.chat else None
            yield chat, OpenAIEmbedder(settings.embedder, client) if settings.embedder else None

    def services(self) -> Services:
        """The settings in `services.toml` for live search; the defaults where there is none. Raises BadInput."""
        from sovereign.library.connectors import read_services

        return read_services(self.path / "services.toml")

    @property
    def net_path(self) -> Path:
        """Kept answers of services, and the limits towards their hosts."""
        return self.path / "net"

    @contextlib.contextmanager
    def library(self, *, create: bool = False) -> Iterator[Library]:
        """The workspace's library, open inside the context."""
        from sovereign.library import Library

        library = Library.open(self.library_path, create=create)
        try:
            yield library
        finally:
            library.close()

    def archive(self) -> Archive:
        """The workspace's records."""
        from sovereign.archive import Archive

        return Archive(self.records_path)

    def hand(self) -> Ledger:
        """What the owner's hand has marked in this workspace."""
        from sovereign.archive import Ledger

        return Ledger(self.path / "hand")

    def journal(self, *, create: bool = True) -> Journal:
        """The workspace's runs; a verb that only reads passes `create=False` (NotFound when nothing ran yet)."""
        from sovereign.inquiry.journal import Journal

        return Journal(self.journal_path, create=create)

    def keystore(self) -> KeyStore:
        """The workspace's own keys, and what it knows of others'."""
        from sovereign.seal import KeyStore

        return KeyStore(self.keys_path)

    def key(self) -> Key:
        """The owner's private key. Raises NotFound, BadInput (revoked, or others may read the file), StorageError."""
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        return self.keystore().owner(now)

    def _make_key(self) -> None:
        from sovereign.seal import Key

        try:
            Key.generate().save(self.key_path)
        except BadInput:
            if not self.key_path.exists():  # another process may have made it in the meantime: then it stands
                raise


def read_policy(path: Path) -> PolicyRules:
    """The rules in a `policy.toml`; the defaults when there is no such file. Raises BadInput, StorageError."""
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return PolicyRules()
    except OSError as error:
        raise _storage(path, error) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is not TOML: {error}", "mend that line, or delete the file for the defaults") from error
    known = list(PolicyRules.model_fields)
    for name in given:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"the rules are {', '.join(known)}"
            raise BadInput(f"{path}: there is no rule {name!r}", hint)
    try:
        return PolicyRules.model_validate(given, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0])
        rule = PolicyRules.model_fields[name]
        raise BadInput(
            f"{path}: {name} = {first['input']!r} will not do: {first['msg'].lower()}",
            f"{rule.description}; the default is {_toml(rule.default)}",
        ) from error


def policy_template() -> str:
    """A `policy.toml` that states every rule with its meaning and its default."""
    lines = [
        "# The rules by which a record is judged. They take effect on every record judged from now on, and are stored",
        "# with it. Delete a line to get its default back. A score is the tribunal's, 0 to 10.",
    ]
    for name, field in PolicyRules.model_fields.items():
        lines += ["", f"# {field.description}", f"{name} = {_toml(field.default)}"]
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


def _write_new(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _storage(path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"{path} cannot be used: {error.strerror or error}", "free some disk space, or make the folder writable"
    )
