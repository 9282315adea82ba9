"""The command line: `sovereign VERB`. Each verb lies in a file of its own, loaded when it is called."""

from ._main import EXIT_CODES, VERBS, main

__all__ = ["EXIT_CODES", "VERBS", "main"]
