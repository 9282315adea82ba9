"""Pictures in a folder or in a tar beside it, by name, as public sets are handed out."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from routelab._errors import BadData
from routelab.data.pictures import load_picture, pixels_of


class Pictures:
    """Pictures by their name in a folder or a tar file; a context manager. Nothing is unpacked to disk.

    Raises:
        BadData: there is neither folder nor tar, the tar is damaged, or a name is not in it.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._tar: tarfile.TarFile | None = None
        self._members: dict[str, tarfile.TarInfo] = {}
        if self.path.is_dir():
            return
        try:
            self._tar = tarfile.open(self.path)  # noqa: SIM115
            self._members = {one.name.removeprefix("./"): one for one in self._tar.getmembers() if one.isfile()}
        except FileNotFoundError:
            raise BadData(f"{path}: there is no such folder or tar file") from None
        except (tarfile.TarError, EOFError, OSError) as error:
            raise BadData(f"{path}: not a whole tar file ({error})", "was the download cut short?") from None

    def __enter__(self) -> Pictures:
        return self

    def __exit__(self, *_: object) -> None:
        if self._tar is not None:
            self._tar.close()

    def __getitem__(self, name: str) -> NDArray[np.uint8]:
        """uint8 [height, width, 3]."""
        if self._tar is None:
            return load_picture(self.path / name)
        member = self._members.get(name)
        if member is None:
            raise BadData(f"{self.path}: holds no {name}")
        try:
            stream = self._tar.extractfile(member)
            data = stream.read() if stream is not None else b""
        except (tarfile.TarError, EOFError, OSError) as error:
            raise BadData(f"{self.path}: {name} cannot be read ({error})") from None
        return pixels_of(data, f"{self.path}: {name}")
