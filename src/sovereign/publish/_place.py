"""Where the pages of a version lie in the site: the newest in the record's folder, earlier ones in v1, v2 below it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from sovereign.records import BadInput


def addresses(base_url: str | None) -> Callable[[str], str]:
    """From a path in the site to its address: absolute under `base_url`, else relative to the site's folder.

    Raises:
        BadInput: `base_url` is no plain http(s) address.
    """
    if base_url is None:
        return lambda path: path
    try:
        parts = urlsplit(base_url)
    except ValueError:
        parts = urlsplit("")
    more = parts.query or parts.fragment or parts.username
    plain = parts.scheme in ("http", "https") and parts.hostname and not more
    if not plain or any(char.isspace() or char in "<>\"'" for char in base_url):
        raise BadInput(f"{base_url!r} is no address of a site", "give it as https://example.org/records/")
    root = base_url.rstrip("/")
    return lambda path: f"{root}/{path}"


@dataclass(frozen=True)
class Place:
    """The place of one version's pages.

    Args:
        record: the record's folder.
        version: the version that lies here.
        newest: the newest version that has a page; it lies in the record's folder itself.
        base_url: where the site will stand.
    """

    record: str
    version: int
    newest: int
    base_url: str | None = None

    @property
    def folder(self) -> str:
        """The folder of the pages, relative to the site's."""
        return self.record if self.version == self.newest else f"{self.record}/{version_page(self.version)}"

    @property
    def up(self) -> str:
        """From the page to the site's folder."""
        return "../" if self.version == self.newest else "../../"

    def at(self, path: str) -> str:
        """The address of what lies beside the page: whole with a base, else relative."""
        return addresses(self.base_url)(f"{self.folder}/{path}") if self.base_url else path

    def to(self, version: int, path: str) -> str:
        """From the page to what lies beside another version's page, relative."""
        back = "" if self.version == self.newest else "../"
        return f"{back}{path}" if version == self.newest else f"{back}{version_page(version)}/{path}"

    def address(self, version: int, path: str) -> str:
        """The address of what lies beside another version's page: whole with a base, else relative."""
        other = Place(self.record, version, self.newest, self.base_url)
        return other.at(path) if self.base_url else self.to(version, path)

    def links(self, versions: Sequence[int]) -> list[tuple[int, str]]:
        """The versions that have pages, each with the way to it; empty for the page itself."""
        return [(one, "" if one == self.version else self.to(one, "index.html")) for one in versions]


def version_page(version: int) -> str:
    """The name of an earlier version's folder."""
    return f"v{version}"
