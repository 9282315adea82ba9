"""Vocabularies as the stages use them: read from TOML, checked, and known by digest."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from sovereign.judge import mentions, mentions_any, name_key
from sovereign.records import BadInput, Document


class Subject(Document):
    name: str
    terms: tuple[str, ...] = Field(min_length=1)
    hints: tuple[str, ...] = Field(default=(), description="words by which a question, not a source, implies it")


class Metric(Document):
    name: str
    terms: tuple[str, ...] = Field(min_length=1)
    units: tuple[str, ...] = ()
    better: Literal["higher", "lower"] = Field(
        default="higher", description="which way `improves` and `faster` move it"
    )
    related: tuple[str, ...] = ()


class Benchmark(Document):
    name: str
    terms: tuple[str, ...] = Field(min_length=1)
    family: str = ""


class Baseline(Document):
    name: str
    terms: tuple[str, ...] = Field(min_length=1)


class Condition(Document):
    """What results depend on, and the ways of writing it: a batch size is also a concurrency or tokens per step."""

    name: str
    terms: tuple[str, ...] = Field(min_length=1)


class Words(Document):
    """`implementations` name what a measurement was made with; asked for, one is a condition like a batch size."""

    hardware: tuple[str, ...] = ()
    implementations: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    generic: tuple[str, ...] = ()


class Vocabulary(Document):
    """A field's words. `digest` is of the file, and is part of what a stage's output is kept under."""

    name: str
    version: int
    subject: tuple[Subject, ...] = ()
    metric: tuple[Metric, ...] = ()
    benchmark: tuple[Benchmark, ...] = ()
    baseline: tuple[Baseline, ...] = ()
    condition: tuple[Condition, ...] = ()
    words: Words = Words()
    digest: str = ""

    def metric_named(self, name: str | None) -> Metric | None:
        """The metric of that standard name, or None."""
        return next((metric for metric in self.metric if metric.name == name), None)

    def benchmark_named(self, name: str | None) -> Benchmark | None:
        """The benchmark of that name, however it is written, or None."""
        key = name_key(name or "")
        return next((b for b in self.benchmark if key and name_key(b.name) == key), None)

    def speaks_to(self, question: str) -> bool:
        """Whether the question is about one of the field's subjects."""
        return any(mentions_any(question, (*subject.terms, *subject.hints)) for subject in self.subject)

    def measures(self, question: str) -> bool:
        """Whether the question asks for what the field measures, on a subject that the vocabulary does not know.

        A benchmark of the field is enough. A metric is not (accuracy is asked of other things too), but with one of the
        field's own words, models or machines beside it.
        """
        if any(mentions_any(question, benchmark.terms) for benchmark in self.benchmark):
            return True
        own = (*self.words.generic, *self.words.models, *self.words.hardware)
        return any(mentions_any(question, metric.terms) for metric in self.metric) and any(
            mentions(question, word) for word in own if len(word) > 2 and sum(c.isupper() for c in word) >= 2
        )


#: The vocabulary of a question that no vocabulary speaks to: the question's own terms serve.
EMPTY = Vocabulary(name="none", version=0, digest=hashlib.sha256(b"").hexdigest())


@lru_cache(maxsize=1)
def shipped() -> tuple[Vocabulary, ...]:
    """All vocabularies that come with the package, by name."""
    return tuple(sorted(_shipped(), key=lambda vocabulary: vocabulary.name))


def load(path: Path) -> Vocabulary:
    """A vocabulary from a TOML file. Raises BadInput naming the file and the field."""
    return _parse(path.read_bytes(), path.name)


def choose(question: str, vocabularies: tuple[Vocabulary, ...] | None = None) -> Vocabulary:
    """The first vocabulary that has a subject of the question, else whose metrics it asks for, or the empty one."""
    candidates = shipped() if vocabularies is None else vocabularies
    spoken = next((vocabulary for vocabulary in candidates if vocabulary.speaks_to(question)), None)
    return spoken or next((vocabulary for vocabulary in candidates if vocabulary.measures(question)), EMPTY)


def _shipped() -> Iterator[Vocabulary]:
    for entry in resources.files("sovereign.vocabularies").iterdir():
        if entry.name.endswith(".toml"):
            yield _parse(entry.read_bytes(), entry.name)


def _parse(data: bytes, name: str) -> Vocabulary:
    try:
        fields = tomllib.loads(data.decode("utf-8"))
        return Vocabulary.model_validate({**fields, "digest": hashlib.sha256(data).hexdigest()})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValidationError) as error:
        raise BadInput(f"the vocabulary {name} cannot be read: {error}", "mend the field that is named") from error
