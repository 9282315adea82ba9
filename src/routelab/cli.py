"""`routelab`: list the experiments, train, run and report them, publish what is whole, score result files.

Nothing heavy is imported here: `routelab --help` must not pay for torch.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from typing import Any

import click

from routelab._errors import BadData, BadShape, LabError, NotAResult

#: Exit code -> what it means. Documented in docs/routelab-experiments.md; a test compares.
EXIT_CODES: dict[int, str] = {
    0: "done",
    1: "an error that we did not foresee",
    2: "bad input: an unknown experiment or option, a file or a shape that does not fit",
    3: "no result: a smoke run, or units are missing",
    4: "some units failed; their logs say why, and a further run goes on",
    130: "interrupted: what was done is kept, the same command goes on",
}

#: Verb -> where its command lies, and what `routelab --help` says of it.
VERBS: dict[str, tuple[str, str]] = {
    "list": ("routelab.experiments.command:list_", "List the experiments, what is there of each, and the routers."),
    "train": ("routelab.experiments.command:train", "Train what experiments need; goes on where it was stopped."),
    "run": ("routelab.experiments.command:run", "Run experiments and judge them by their frozen criteria."),
    "report": ("routelab.experiments.command:report", "Write tables and plots of whole full runs."),
    "publish": ("routelab.experiments.command:publish", "Put results, outcomes and checkpoints where packs read them."),
    "shapeqa": ("routelab.experiments.files_command:shapeqa", "Write ShapeQA in a benchmark's public files."),
    "answer": ("routelab.experiments.files_command:answer", "Let a trained lab model answer a benchmark's questions."),
    "score": ("routelab.scoring.command:score", "Score a result file by a benchmark's official rules."),
}


class _LazyGroup(click.Group):
    """A group that imports a verb's module when the verb is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in VERBS:
            return None
        module, _, name = VERBS[cmd_name][0].partition(":")
        try:
            found: click.Command = getattr(importlib.import_module(module), name)
        except ModuleNotFoundError as error:
            if error.name and error.name.split(".")[0] == "routelab":
                raise
            remedy = "install the lab's extra: pip install 'sovereign-kernel[lab]'"
            raise LabError(f"{error.name} is not installed", remedy) from error
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Verbs"):
            formatter.write_dl([(verb, text) for verb, (_, text) in VERBS.items()])


@click.group(cls=_LazyGroup)
def cli() -> None:
    """routelab: routing for multimodal mixtures of experts, measured."""


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script: errors become one line on stderr and an exit code of `EXIT_CODES`."""
    sys.exit(code_of(lambda: cli.main(args=arguments, prog_name="routelab", standalone_mode=False)))


def code_of(call: Callable[[], Any]) -> int:
    """The exit code of a call, its error written to stderr."""
    try:
        given = call()
    except NotAResult as error:
        return _say(error, 3)
    except (BadData, BadShape) as error:
        return _say(error, 2)
    except LabError as error:
        return _say(error, 4 if type(error).__name__ == "UnitsFailed" else 1)
    except click.ClickException as error:
        error.show()
        return 2
    except (KeyboardInterrupt, click.Abort):
        click.echo("Stopped. The same command goes on from here.", err=True)
        return 130
    return given if isinstance(given, int) else 0


def _say(error: LabError, code: int) -> int:
    click.echo(f"Error: {error}.", err=True)
    return code


if __name__ == "__main__":
    main()
