"""The lab's errors: each names its cause and what to do about it."""

from __future__ import annotations


class LabError(Exception):
    """Something that the lab refuses or cannot do. `remedy` says what to do about it."""

    def __init__(self, cause: str, remedy: str = "") -> None:
        self.cause = cause
        self.remedy = remedy
        super().__init__(f"{cause}; {remedy}" if remedy else cause)


class BadShape(LabError, ValueError):
    """A tensor or a number that does not fit: a wrong shape, k over E, no expert, logits that are no numbers."""


class BadData(LabError, ValueError):
    """A data or result file that is not what it is said to be; the message names the file and the field."""


class NotAResult(LabError):
    """A smoke run, or a run that is not whole, was handed to something that publishes results."""
