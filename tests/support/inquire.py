"""Small libraries written by a test, and the stages run over them without a journal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from sovereign.inquiry import investigate
from sovereign.inquiry.documents import NamedSystem, Plan
from sovereign.inquiry.results import Reader
from sovereign.inquiry.vocabulary import Vocabulary, shipped
from sovereign.library import Library
from sovereign.records import Document, Evidence, Facets, Judgement, PolicyRules, Question, QuestionFacets

Output = TypeVar("Output", bound=Document)


class Direct:
    """A run without a journal: every stage is computed, its output goes through JSON as the journal's would."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.codes: dict[str, str] = {}

    def stage(
        self, name: str, code: str, inputs: object, fn: Callable[[], Output], output_type: type[Output]
    ) -> Output:
        self.stages.append(name)
        self.codes[name] = code
        return output_type.model_validate_json(fn().model_dump_json())


def field() -> Vocabulary:
    """The vocabulary of machine-learning systems that comes with the package."""
    return next(vocabulary for vocabulary in shipped() if vocabulary.name == "ml-systems")


def write_note(folder: Path, name: str, body: str, **front: object) -> Path:
    """A note `note:<name>`; `front` adds or replaces fields of its front matter."""
    fields = {"id": f"note:{name}", "kind": "note", "title": f"{name} (our note)", **front}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.md"
    head = "".join(f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in fields.items())
    path.write_text(f"---\n{head}---\n{body}", encoding="utf-8")
    return path


def write_works(folder: Path, works: Iterable[Mapping[str, object]], name: str = "works") -> Path:
    """Works as JSON lines: `id` (an arXiv id), `title`, `summary`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps(dict(work), ensure_ascii=False) + "\n" for work in works), encoding="utf-8")
    return path


def work(arxiv_id: str, title: str, abstract: str) -> dict[str, object]:
    return {"id": arxiv_id, "title": title, "summary": abstract}


def library_of(folder: Path, *paths: Path) -> Library:
    """A library with those files or folders; everything must have been readable."""
    library = Library.open(folder, create=True)
    for path in paths:
        report = library.add(path)
        assert not report.failed, report.failed
    return library


def ask(library: Library, question: str, run: Direct | None = None, **policy: object) -> tuple[Evidence, Judgement]:
    """The whole pipeline, policy fields by name."""
    return investigate(library, question, PolicyRules.model_validate(policy), run or Direct())


def planned(*systems: str, metric: tuple[str, ...] = (), subject: tuple[str, ...] = ("mixture-of-experts",)) -> Plan:
    """A plan as the extracting stages see it."""
    return Plan(
        question=Question(text="?", facets=QuestionFacets(subject=subject, system=systems, metric=metric)),
        vocabulary="ml-systems",
        systems=tuple(NamedSystem(name=name) for name in systems),
        subject_terms=(("mixture of experts",),),
        facet_terms={},
        queries=(),
    )


def read(
    sentence: str, *, own: tuple[str, ...] = ("OwnMoE",), asked: tuple[str, ...] = (), heading: str = ""
) -> list[Facets]:
    """What the reader takes a sentence's results to be."""
    return [
        facets for facets, negative in Reader(field(), planned(*asked), own).read(sentence, heading) if not negative
    ]


def told(evidence: Evidence) -> str:
    """The answer's sentences, one a line."""
    return "\n".join(sentence.text for sentence in evidence.answer.sentences)
