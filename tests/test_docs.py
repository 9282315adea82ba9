"""Whatever is undocumented fails here: verbs, options, variables, exit codes, settings, fields, checks, words."""

from __future__ import annotations

import enum
import inspect
import os
import re
import subprocess
import sys
import tomllib
import typing
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from pydantic import BaseModel

from sovereign import records
from sovereign.check import CHECKS
from sovereign.cli import EXIT_CODES
from sovereign.cli._main import cli
from sovereign.judge import DEFINITIONS
from sovereign.language import ChatSettings, EmbedderSettings
from sovereign.library import Library
from sovereign.library.connectors import ADDRESS_VARIABLES, DEFAULTS, Service, Services
from sovereign.records import PackSpec, PolicyRules, Record, SovereignError
from sovereign.starter import note_paths

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
EVERYWHERE = {"--workspace", "--json", "--help", "-h", "--version"}


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def section(text: str, heading: str) -> str:
    """The text under a heading, up to the next heading of its depth or above; empty where there is none."""
    depth = len(heading) - len(heading.lstrip("#"))
    found = re.search(rf"^{re.escape(heading)}$(.*?)(?=^#{{1,{depth}}} |\Z)", text, re.M | re.S)
    return found[1] if found else ""


def rows(text: str) -> dict[str, list[str]]:
    """The rows of all tables in a text, by their first cell without backticks."""
    found = (re.split(r"(?<!\\)\|", line.strip().strip("|")) for line in text.splitlines() if line.startswith("|"))
    cells = ([cell.strip() for cell in row] for row in found)
    return {row[0].strip("`"): row[1:] for row in cells if not set(row[0]) <= {"-", ":"}}


def commands(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


@pytest.mark.parametrize(("path", "command"), list(commands(cli, "sovereign")), ids=lambda value: str(value)[:40])
def test_every_verb_and_option_is_documented(path: str, command: click.Command) -> None:
    text = page("verbs.md")
    heading = next((line for line in text.splitlines() if re.match(rf"## `{re.escape(path)}[ `]", line)), None)
    assert heading, f"docs/verbs.md has no heading for `{path}`"
    said = section(text, heading)
    assert said.strip(), f"docs/verbs.md says nothing of `{path}`"
    assert command.help and "Example" in command.help, f"`{path} --help` shows no example"
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            for option in set(parameter.opts) - EVERYWHERE:
                assert f"`{option}" in said, f"docs/verbs.md does not explain {option} of `{path}`"
            assert {"--workspace", "--json"} <= {opt for p in command.params for opt in p.opts}, path


def test_no_verb_is_documented_that_does_not_exist() -> None:
    known = {path for path, _ in commands(cli, "sovereign")}
    for heading in re.findall(r"^## `(sovereign [a-z ]+?)(?: [A-Z\[].*)?`$", page("verbs.md"), re.M):
        assert heading in known


def test_the_readme_names_every_verb() -> None:
    text = section((ROOT / "README.md").read_text(), "## Verbs")
    for path, _ in commands(cli, "sovereign"):
        for word in path.split()[1:]:
            assert re.search(rf"`(?:\w+ )?{word}\b", text), f"README's table lacks {path}"


def test_every_exit_code_is_documented_and_used_by_the_errors() -> None:
    documented = rows(section(page("verbs.md"), "## Exit codes"))
    documented.pop("code")
    assert set(documented) == {str(code) for code in EXIT_CODES}
    for code, meaning in EXIT_CODES.items():
        assert documented[str(code)][0].startswith(meaning)
    kinds = [kind for _, kind in inspect.getmembers(records, inspect.isclass) if issubclass(kind, SovereignError)]
    assert {kind.exit_code for kind in kinds} <= set(EXIT_CODES)


def test_every_environment_variable_is_documented() -> None:
    source = "".join(path.read_text() for path in (ROOT / "src" / "sovereign").rglob("*.py"))
    names = {name for name in re.findall(r"\bSOVEREIGN_[A-Z_]+\b", source) if not name.endswith("_")}
    assert "SOVEREIGN_WORKSPACE" in names
    told = "".join(path.read_text() for path in PAGES)
    assert {name for name in names if name not in told} == set()


def test_every_setting_is_documented_with_its_default_and_meaning() -> None:
    documented = rows(page("settings.md").partition("\n## ")[0])
    documented.pop("key")
    assert list(documented) == list(PolicyRules.model_fields)
    for name, field in PolicyRules.model_fields.items():
        default = f'"{field.default}"' if isinstance(field.default, str) else str(field.default).lower()
        assert documented[name] == [f"`{default}`", field.description]


@pytest.mark.parametrize(("heading", "kind"), [("### `[chat]`", ChatSettings), ("### `[embedder]`", EmbedderSettings)])
def test_every_setting_of_a_language_model_is_documented(heading: str, kind: type[BaseModel]) -> None:
    documented = rows(section(page("settings.md"), heading))
    documented.pop("key")
    assert list(documented) == list(kind.model_fields)
    for name, field in kind.model_fields.items():
        default = "" if field.is_required() else f'`"{field.default}"`' if field.default == "" else f"`{field.default}`"
        assert documented[name] == [default, field.description]


def test_every_setting_of_live_search_is_documented() -> None:
    text = section(page("settings.md"), "## services.toml")
    general = rows(text.partition("\n### ")[0])
    own = rows(section(text, "### `[arxiv]`, `[semantic-scholar]`, `[openalex]`, `[crossref]`"))
    assert set(general) == {"key", *Services.model_fields} - {"services"}
    assert set(own) >= {"key", *Service.model_fields}
    for kind, told in ((Services, general), (Service, own)):
        for name, field in kind.model_fields.items():
            if name != "services":
                default = f'"{field.default}"' if field.default == "" else str(field.default).lower()
                assert told[name] == ["" if field.is_required() else f"`{default}`", field.description]
    for name, service in DEFAULTS.items():
        figures = [f"{service.interval_s:g}", str(service.connections), str(service.results)]
        assert own[name] == [f"`{service.address}`", f"`{ADDRESS_VARIABLES[name]}`", *figures]


def models(kind: object) -> Iterator[type[BaseModel]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for part in typing.get_args(kind):
        yield from models(part)


def reachable(model: type[BaseModel], seen: dict[str, type[BaseModel]]) -> dict[str, type[BaseModel]]:
    if model.__name__ not in seen:
        seen[model.__name__] = model
        for field in model.model_fields.values():
            for part in models(field.annotation):
                reachable(part, seen)
    return seen


IN_RECORD = reachable(Record, {})
IN_PACK = {name: model for name, model in reachable(PackSpec, {}).items() if name not in IN_RECORD}


@pytest.mark.parametrize("name", [*IN_RECORD, *IN_PACK])
def test_every_field_is_documented(name: str) -> None:
    model = {**IN_RECORD, **IN_PACK}[name]
    text = (
        page("settings.md")
        if model is PolicyRules
        else section(page("record.md" if name in IN_RECORD else "packs.md"), f"### {name}")
    )
    assert text.strip(), f"there is no section on {name}"
    missing = [field.alias or key for key, field in model.model_fields.items() if f"`{field.alias or key}`" not in text]
    assert missing == []


def test_every_value_of_an_enumeration_is_documented() -> None:
    told = "".join(path.read_text() for path in PAGES)
    kinds = [kind for _, kind in inspect.getmembers(records, inspect.isclass) if issubclass(kind, enum.Enum)]
    assert len(kinds) > 10
    missing = [f"{kind.__name__}.{value.value}" for kind in kinds for value in kind if value.value not in told]
    assert missing == []


def test_every_check_of_check_is_documented() -> None:
    documented = rows(section(page("record.md"), "## Checks of `check`"))
    documented.pop("check")
    assert {name: cells[0] for name, cells in documented.items()} == CHECKS


def test_every_check_of_the_tribunal_and_every_dimension_is_documented(tmp_path: Path) -> None:
    from sovereign import ask

    with Library.open(tmp_path / "library", create=True) as library:
        library.add(next(path for path in note_paths() if path.stem == "anyexperts"))
        record = ask("How does AnyExperts compare to top-k routing in latency?", library=library)
    held = [(review.role.value, check.name) for review in record.tribunal.reviews for check in review.checks]
    text = section(page("record.md"), "## Checks of the tribunal")
    documented = re.findall(r"^\| ([A-Z]+) \| `([a-z -]+)` \|", text, re.M)
    assert sorted(documented) == sorted(held)
    assert {name for name in DEFINITIONS if f"`{name}`" not in page("record.md")} == set()


WORDS = """source, span, quote, claim, facet, cell, gap, nearest, status of a claim, grounding, agreement, reproduction,
stance, tribunal, policy, gate verdict, verification level, quality tier, record, pack, library digest, evidence matrix,
kind, text level, journal, run, stage, audit chain, event, manifest, seal, export, fingerprint, owner, workspace,
library, vocabulary, correction, version, body digest, quality dimension, missing system, sandbox, attestation"""


@pytest.mark.parametrize("word", [word.strip() for word in WORDS.split(",")])
def test_the_glossary_has_the_word(word: str) -> None:
    assert f"**{word}**" in page("glossary.md")


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + [one for extra in project["optional-dependencies"].values() for one in extra]
    names = {re.match(r"[A-Za-z0-9._-]+", one)[0] for one in wanted}  # type: ignore[index]
    told = section(page("decisions.md"), "## Dependencies").casefold()
    assert {name for name in names if f"`{name.casefold()}`" not in told} == set()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", path.read_text()):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        linked = (path.parent / name) if name else path
        assert linked.is_file(), f"{path.name} links to {target}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", linked.read_text(), re.M)
            slugs = {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}
            assert anchor in slugs, f"{path.name} links to {target}"


def environment(folder: Path) -> dict[str, str]:
    command = folder / "bin" / "sovereign"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m sovereign "$@"\n')
    command.chmod(0o755)
    path = os.pathsep.join([str(command.parent), os.environ["PATH"]])
    variables = {name: value for name, value in os.environ.items() if name != "SOVEREIGN_WORKSPACE"}
    return {**variables, "PATH": path, "PYTHONPATH": str(ROOT / "src")}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S)


def test_the_commands_of_the_readme_run(tmp_path: Path) -> None:
    (script,) = blocks("sh")
    ended = subprocess.run(
        ["sh", "-e", "-c", script], cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, timeout=300
    )
    assert ended.returncode == 0, ended.stderr
    assert "not measured" in ended.stdout and (tmp_path / "workspace" / "site" / "index.html").is_file()


def test_the_python_of_the_readme_runs(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    note = "# ZebraRoute\n\nOn one A100 GPU, ZebraRoute lowers latency by 12% against top-k routing.\n"
    (tmp_path / "notes" / "zebra.md").write_text(note)
    (script,) = blocks("python")
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True,
        timeout=300,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip()
