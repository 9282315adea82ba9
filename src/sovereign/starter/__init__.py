"""The starter library: Markdown notes, in our own words, on works about mixture-of-experts routing and offloading.

The notes are package data, so an installed wheel has them. See ``README.md`` in this folder for their format.
"""

from importlib.resources import files
from pathlib import Path

__all__ = ["note_paths", "starter_path"]


def starter_path() -> Path:
    """Return the folder that holds the starter notes, as a path on disk.

    The folder also holds ``README.md``, which describes the notes and is not one; ``note_paths`` leaves it out.

    Raises:
        FileNotFoundError: the package was imported from a place that is not a folder on disk (a zip file, say).
    """
    folder = Path(str(files(__name__)))
    if not folder.is_dir():
        raise FileNotFoundError(
            f"the starter notes are not on disk at {folder}: install the package as a folder, not as a zip file"
        )
    return folder


def note_paths() -> list[Path]:
    """Return the starter notes, sorted by file name, without ``README.md``."""
    return sorted(path for path in starter_path().glob("*.md") if path.name != "README.md")
