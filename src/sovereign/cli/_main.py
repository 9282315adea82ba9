"""The group of all verbs, and the one place where errors become messages and exit codes.

Nothing heavy is imported here: `sovereign --help` must not pay for the index, the pages or the keys.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from sovereign._version import __version__

from ._text import harmless

#: Verb -> where its command lies, and what `sovereign --help` says of it.
VERBS: dict[str, tuple[str, str]] = {
    "init": ("init:init", "Make a workspace, with the starter notes in its library."),
    "library": ("library:library", "Add sources, search them, see what is there."),
    "ask": ("ask:ask", "Answer a question from the library; the record is a draft."),
    "resume": ("runs:resume", "Go on with a run that was interrupted."),
    "runs": ("runs:runs", "List runs, or show the stages of one."),
    "import": ("imports:import_", "Read texts of the earlier system into records."),
    "review": ("review:review", "Read drafts; approve or reject them."),
    "hand": ("hand:hand", "Mark claims and sources by hand; later runs of the question take it in."),
    "packs": ("packs:packs", "List and show reproductions; start and add one of your own."),
    "reproduce": ("reproduce:reproduce", "Run packs in the sandbox and judge records again."),
    "agenda": ("agenda:agenda", "Questions that wait to be asked: add, order, work them off."),
    "serve": ("serve:serve", "Open the owner's desk in a browser on this machine."),
    "publish": ("publish:publish", "Write the public records as a site."),
    "metrics": ("metrics:metrics", "Count searches, drops, claims, scores and the time of stages."),
    "report": ("report:report", "Write a record as a PDF report."),
    "prove": ("prove:prove", "Check a proof with Rocq or Lean in the sandbox; keep what is accepted."),
    "export": ("export:export", "Write a record as one file that anyone can check."),
    "check": ("check:check", "Check a record offline: digests, signatures, quotes, every judgement."),
    "keys": ("keys:keys", "Make, list, revoke and hand out keys; say whose you trust."),
    "attest": ("attest:attest", "Ask another party to run or review; bring their signed answer."),
    "matrix": ("matrix:matrix", "Show a record's evidence matrix, or write it as CSV."),
    "outdated": ("outdated:outdated", "Say which records may be outdated, and why."),
    "diff": ("diff:diff", "Show what changed between two versions of a record, and why."),
    "why": ("why:why", "Say why a source, claim or system was kept, dropped or not found."),
    "backup": ("backup:backup", "Write the workspace into one file."),
    "restore": ("backup:restore", "Make a workspace from a backup."),
    "gc": ("garbage:gc", "List what nothing needs any more; remove it."),
    "config": ("config:config", "See the settings in effect and where each comes from."),
    "completion": ("completion:completion", "Print the completion script of a shell."),
    "doctor": ("doctor:doctor", "Look at sandbox, keys, disk and versions; name what to mend."),
    "demo": ("demo:demo", "Four questions, one reproduction, pages to open. Offline."),
    "version": ("version:version", "Print the version."),
}

#: Exit code -> what it means. Documented in README.md; a test compares.
EXIT_CODES: dict[int, str] = {
    0: "done",
    1: "an error that we did not foresee",
    2: "bad input: a malformed question, file, option or policy",
    3: "not found: no such record, run, source, pack or workspace",
    4: "`check`: the record is sound, its signer is unknown to you",
    5: "`check`: the record has a fault",
    6: "busy: another process holds the lock",
    7: "storage: the disk is full, read-only, or holds what we cannot read",
    8: "no sandbox that passes its own test, or no prover: nothing was run",
    9: "`check`: no fault, but the record was judged by other rules and its judgement was not recomputed",
    10: "a service on the network gave no usable answer, or the network is switched off",
    11: "`outdated`: a record may be outdated for a serious cause",
    12: "`prove`: a check refused the proof; nothing of it is kept",
    130: "interrupted: what was completed is kept, `sovereign resume` goes on",
    141: "whoever read our output closed the pipe",
}


class LazyGroup(click.Group):
    """A group that imports a verb's module when the verb is called, and lists them from a table."""

    def __init__(self, *args: Any, verbs: dict[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._verbs = verbs

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(self._verbs)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: ARG002
        if name not in self._verbs:
            return None
        module, _, attribute = self._verbs[name][0].partition(":")
        gc.disable()  # what an import makes stays: looking for garbage in it costs a tenth of the start
        try:
            command: click.Command = getattr(importlib.import_module(f"sovereign.cli.{module}"), attribute)
        finally:
            gc.freeze()
            gc.enable()
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Verbs"):
            formatter.write_dl([(name, help_text) for name, (_, help_text) in self._verbs.items()])


@click.command(
    cls=LazyGroup, verbs=VERBS, subcommand_metavar="VERB ...", context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, prog_name="sovereign", message="%(prog)s %(version)s")
def cli() -> None:
    """Sovereign answers research questions from sources it can quote, says plainly what nobody has measured, and
    keeps a record that anyone can check offline.

    \b
    sovereign demo                 four questions, answered offline
    sovereign init                 a workspace of your own, in ./workspace
    sovereign ask "QUESTION"       a draft record in it

    Every verb takes --workspace DIR and --json. The workspace is --workspace, else $SOVEREIGN_WORKSPACE, else
    ./workspace.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one verb and end the process with the exit code of `EXIT_CODES`."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = cli.main(given, prog_name="sovereign", standalone_mode=False)
    except SystemExit:
        raise
    except BaseException as error:
        if os.environ.get("SOVEREIGN_DEBUG"):
            raise
        cause, remedy, code = _explain(error)
        _say(cause, remedy, code, as_json="--json" in given)
    sys.exit(code if isinstance(code, int) else 0)


def _explain(error: BaseException) -> tuple[str, str, int]:
    """Cause, remedy and exit code of whatever stopped a verb."""
    if isinstance(error, click.UsageError):
        where = error.ctx.command_path if error.ctx else "sovereign"
        return error.format_message(), f"see `{where} --help`", 2
    if isinstance(error, click.ClickException):
        return error.format_message(), "", 2
    if isinstance(error, click.Abort | KeyboardInterrupt):
        return "interrupted", "what was completed is kept; see `sovereign runs`", 130
    from sovereign.records import SovereignError

    if isinstance(error, SovereignError):
        return error.message, error.remedy, error.exit_code
    if isinstance(error, OSError):
        named = f" ({error.filename})" if error.filename else ""
        return f"{error.strerror or error}{named}", "free some disk space, or make the place readable and writable", 7
    remedy = "run it again with SOVEREIGN_DEBUG=1 to see where, and report it"
    return f"unexpected {type(error).__name__}: {error}", remedy, 1


def _say(cause: str, remedy: str, code: int, *, as_json: bool) -> None:
    try:
        if as_json:
            body = {"error": {"message": cause, "remedy": remedy, "exit_code": code}}
            click.echo(json.dumps(body, indent=2))
        else:
            click.echo(f"error: {harmless(cause)}", err=True)
            if remedy:
                click.echo(f"remedy: {harmless(remedy)}", err=True)
    except BrokenPipeError:  # nobody reads: the exit code still tells
        sys.stderr = sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115
