"""Plan: what the question asks about, in the field's terms, and the queries that could find it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sovereign.judge import mentions, mentions_any, name_key, term_spans
from sovereign.records import Question, QuestionFacets

from .documents import LibraryPort, NamedSystem, Plan, PlannedQuery
from .facets import is_plain_compound, models_run_on, question_facets, question_factor
from .vocabulary import EMPTY, Vocabulary, choose
from .words import content_words, needed_terms, subject_words

_OWNER = "owner"
_DESCRIBED_RUN = 4
#: Between a Chinese, Japanese or Korean letter and a Latin one: a name may begin or end there.
_BESIDE_NAME = re.compile(r"(?<=[⺀-鿿가-힣])(?=[A-Za-z])|(?<=[A-Za-z0-9])(?=[⺀-鿿가-힣])")


def plan(question: str, library: LibraryPort, vocabularies: Sequence[Vocabulary]) -> Plan:
    """The plan of a question over a library.

    Subject and named systems come first: a system's own sources tell the subject of a question that only names the
    system. Without a vocabulary the question's rarest terms serve as its subject.
    """
    spaced = _BESIDE_NAME.sub(" ", question)
    known = [name for name in library.names_in(spaced) if _looks_named(name, question) or _own_sources(name, library)]
    known = [name for name in known if not is_plain_compound(name) or _has_written_name(name, library)]
    own_texts = [stored.text for name in known for stored in _own_sources(name, library)]
    vocabulary = choose(question, tuple(vocabularies))
    if vocabulary is EMPTY:
        vocabulary = choose(" ".join(text[:4000] for text in own_texts), tuple(vocabularies)) if own_texts else EMPTY
    if vocabulary is EMPTY:  # outside a known field only a name with a source of its own is surely a system's
        known = [name for name in known if _own_sources(name, library)]
    facets = question_facets(question, vocabulary, known)
    systems = [_named(name, library, vocabulary) for name in facets.system]
    # A model that a system is run on is a condition; its sources are looked for all the same.
    run_on = models_run_on(question, facets.system, vocabulary)
    if len(run_on) == len(facets.system):  # no other system is asked about: only what has no source of its own
        run_on = tuple(name for name in run_on if not _own_sources(name, library))
    if run_on:
        asked = tuple(name for name in facets.system if name not in run_on)
        facets = facets.model_copy(update={"system": asked, "condition": (*facets.condition, *run_on)})
    described = _described_system(question, library) if vocabulary is not EMPTY and not systems else None
    if described is not None:
        systems.append(described)
        facets = facets.model_copy(update={"system": (*facets.system, described.name)})
    facets = _with_subject(facets, systems, library, vocabulary)
    systems = [_of_the_subject(system, facets, library, vocabulary) for system in systems]
    factor = question_factor(question, facets.system, vocabulary)
    subject_terms, facet_terms = _terms(question, facets, vocabulary, library, factor)
    found = Plan(
        question=Question(text=question, facets=facets),
        vocabulary=vocabulary.name,
        systems=tuple(systems),
        subject_terms=subject_terms,
        facet_terms=facet_terms,
        factor=factor,
        needed_facets=1 if facets.subject else needed_terms(len(facet_terms)),
        queries=(),
    )
    return found.model_copy(update={"queries": _queries(found)})


def revise(before: Plan, gaps: Sequence[str], round_number: int) -> Plan:
    """The plan of a revision: broader queries for the cells that stayed empty (`gaps` are their facets in words)."""
    asked = {(query.query, query.require) for query in before.queries}
    new = []
    for gap in gaps:
        for require in (before.subject_terms, ()):
            query = PlannedQuery(purpose=f"gap: {gap}", query=gap, require=require, round=round_number)
            if (query.query, query.require) not in asked:
                new.append(query)
                asked.add((query.query, query.require))
                break
    return before.model_copy(update={"queries": (*before.queries, *new)})


def _looks_named(name: str, question: str) -> bool:
    """Written as a name, beyond what any word gets at the start of a sentence; else it must own a source."""
    if any(character.isdigit() for character in name) or any(character.isupper() for character in name[1:]):
        return True
    return name[:1].isupper() and not question.startswith(name)


def _has_written_name(name: str, library: LibraryPort) -> bool:
    """Whether a source owns the name in a form that is no plain compound: `Any-Experts` means AnyExperts."""
    return any(owner.role == _OWNER and not is_plain_compound(owner.surface) for owner in library.owners(name))


def _own_sources(name: str, library: LibraryPort) -> list[Any]:
    return [library.get(owner.source) for owner in library.owners(name) if owner.role == _OWNER][:4]


def _named(name: str, library: LibraryPort, vocabulary: Vocabulary) -> NamedSystem:
    """The system with its own sources, however they write its name.

    A name made of the field's own words (MoE-CLIP) also reads as a description, so there only the same spelling counts.
    """
    own = [owner for owner in library.owners(name) if owner.role == _OWNER]
    if "-" in name and all(_is_field_word(part, vocabulary) for part in name.split("-")):
        own = [owner for owner in own if owner.surface.casefold() == name.casefold()]
    owners = sorted({owner.source for owner in own})
    return NamedSystem(name=name, owners=tuple(owners))


def _of_the_subject(
    system: NamedSystem, facets: QuestionFacets, library: LibraryPort, vocabulary: Vocabulary
) -> NamedSystem:
    """Of several sources that own one name, those on the question's subject: two systems may share a name."""
    subject = next((s for s in vocabulary.subject if facets.subject and s.name == facets.subject[0]), None)
    if subject is None or len(system.owners) < 2:
        return system
    fitting = tuple(owner for owner in system.owners if mentions_any(library.get(owner).text, subject.terms))
    others = tuple(owner for owner in system.owners if fitting and owner not in fitting)
    return system.model_copy(update={"owners": fitting or system.owners, "namesakes": others})


def _is_field_word(word: str, vocabulary: Vocabulary) -> bool:
    key = name_key(word)
    words = (*vocabulary.words.generic, *(term for subject in vocabulary.subject for term in subject.terms))
    return any(name_key(known) == key for known in words)


def _described_system(question: str, library: LibraryPort) -> NamedSystem | None:
    """A system that the question describes by the words of its own source instead of naming it.

    Four content words in a row, as in the source's title or (for a note) its text, with one system to its name.
    """
    words = re.findall(r"[^\W_]+", question.casefold())
    for hit in library.search(question, k=12):
        stored = library.get(hit.source)
        names = list(stored.systems)
        if not names:
            names = [owner.surface for owner in _owner_names(hit.source, stored.title, library)]
        if len({name_key(name) for name in names}) != 1:
            continue
        told = stored.text if str(stored.kind) == "note" else stored.title
        told_words = " " + " ".join(re.findall(r"[^\W_]+", told.casefold())) + " "
        for start in range(len(words) - _DESCRIBED_RUN + 1):
            run = words[start : start + _DESCRIBED_RUN]
            if len(content_words(" ".join(run))) < _DESCRIBED_RUN:
                continue
            if " " + " ".join(run) + " " in told_words:
                return NamedSystem(name=names[0], owners=(hit.source,))
    return None


def _owner_names(source: str, title: str, library: LibraryPort) -> list[Any]:
    head = title.split(":", 1)[0] if ":" in title else ""
    return [owner for owner in library.owners(head) if owner.source == source] if head and len(head) < 40 else []


def _with_subject(
    facets: QuestionFacets, systems: Sequence[NamedSystem], library: LibraryPort, vocabulary: Vocabulary
) -> QuestionFacets:
    """Add the most particular subject of the named systems' own sources; the order is the vocabulary's."""
    own = [library.get(owner) for system in systems for owner in system.owners[:4]]
    subjects = set(facets.subject)
    first_of_own = next(
        (s.name for s in vocabulary.subject if any(mentions_any(stored.text[:3000], s.terms) for stored in own)), None
    )
    if first_of_own is not None:
        subjects.add(first_of_own)
    order = [subject.name for subject in vocabulary.subject if subject.name in subjects]
    return facets.model_copy(update={"subject": tuple(order)})


def _terms(
    question: str, facets: QuestionFacets, vocabulary: Vocabulary, library: LibraryPort, factor: str | None
) -> tuple[tuple[tuple[str, ...], ...], dict[str, tuple[str, ...]]]:
    """The groups that mean the subject, and the terms that mean each further facet."""
    if vocabulary is EMPTY:
        return subject_words(question, library)
    groups = {subject.name: subject.terms for subject in vocabulary.subject}
    if facets.subject:
        primary, *others = facets.subject
        subject: tuple[tuple[str, ...], ...] = (groups[primary],)
        terms: dict[str, tuple[str, ...]] = {f"subject:{name}": groups[name] for name in others}
    else:  # the field's metrics are asked for of a thing that it has no name for: the question's own words are that
        subject, terms = subject_words(_without_facets(question, facets, vocabulary), library)
        if facets.system:
            subject = ((*facets.system, *(subject[0] if subject else ())),)
        elif not subject:
            subject, terms = subject_words(question, library)
    terms |= {f"system:{name}": (name,) for name in facets.system}
    terms |= {f"metric:{m.name}": m.terms for m in vocabulary.metric if m.name in facets.metric}
    for name in facets.benchmark:
        benchmark = vocabulary.benchmark_named(name)
        terms[f"benchmark:{name}"] = benchmark.terms if benchmark else (name,)
    families = {b.family for b in vocabulary.benchmark if b.name in facets.benchmark and b.family}
    terms |= {
        f"near:{b.name}": b.terms
        for b in vocabulary.benchmark
        if b.family in families and b.name not in facets.benchmark
    }
    terms |= {f"baseline:{b.name}": b.terms for b in vocabulary.baseline if b.name in facets.baseline}
    near = [name for m in vocabulary.metric if m.name in facets.metric for name in m.related[:2]]
    terms |= {f"near:{m.name}": m.terms for m in vocabulary.metric if m.name in near and m.name not in facets.metric}
    for condition in facets.condition:
        terms[f"condition:{condition}"] = (*_condition_terms(condition), *_synonyms(condition, vocabulary))
    if factor:
        terms[f"factor:{factor}"] = (factor, *_factor_terms(factor), *_synonyms(factor, vocabulary))
    return subject, {name: found for name, found in terms.items() if found}


def _without_facets(question: str, facets: QuestionFacets, vocabulary: Vocabulary) -> str:
    """The question without the names of its metrics, benchmarks, baselines and systems."""
    terms = [term for m in vocabulary.metric if m.name in facets.metric for term in m.terms]
    terms += [term for b in vocabulary.benchmark if b.name in facets.benchmark for term in b.terms]
    terms += [term for b in vocabulary.baseline if b.name in facets.baseline for term in b.terms]
    terms += [*facets.benchmark, *facets.system, *facets.condition]
    spans = [span for term in terms for span in term_spans(question, term)]
    return "".join(" " if any(low <= at < high for low, high in spans) else c for at, c in enumerate(question))


def _condition_terms(condition: str) -> tuple[str, ...]:
    """`across varying batch sizes` -> batch size; a bare number is no term."""
    words = [w for w in content_words(condition) if not w.isdigit() and w not in {"varying", "different", "increasing"}]
    phrase = " ".join(words[:3])
    return (phrase,) if len(words) >= 2 else ()


def _factor_terms(factor: str) -> tuple[str, ...]:
    """Parts of a factor that still mean it: its last two content words."""
    words = content_words(factor)
    return (" ".join(words[-2:]),) if len(words) > 2 else ()


def _synonyms(phrase: str, vocabulary: Vocabulary) -> tuple[str, ...]:
    """The field's other ways of writing what a phrase names; the longest term that it holds decides."""
    held = [
        (len(term), condition.terms)
        for condition in vocabulary.condition
        for term in condition.terms
        if mentions(phrase, term)
    ]
    return max(held)[1] if held else ()


def _queries(planned: Plan) -> tuple[PlannedQuery, ...]:
    """At least four: per system, per system and metric, subject with each facet, and the whole question."""
    facets, subject = planned.question.facets, planned.subject_terms
    topic = " ".join(facets.subject[:2])
    queries: list[PlannedQuery] = []

    def add(purpose: str, query: str, require: Sequence[Sequence[str]] = ()) -> None:
        made = PlannedQuery(purpose=purpose, query=query, require=tuple(tuple(group) for group in require))
        if query.strip() and made not in queries:
            queries.append(made)

    for system in facets.system:
        add(f"system {system}", f"{system} {topic}", [[system]])
        for metric in facets.metric:
            add(f"system {system}, metric {metric}", f"{system} {metric} {' '.join(facets.benchmark)}", [[system]])
    add("the whole question, on its subject", planned.question.text, subject)
    for name, terms in planned.facet_terms.items():
        kind, label = name.split(":", 1)
        if kind in ("system", "near"):
            continue
        add(f"subject with {kind} {label}", f"{topic} {label} {' '.join(terms[:4])}", [*subject, list(terms)])
    near = [term for name, terms in planned.facet_terms.items() if name.startswith("near:") for term in terms[:1]]
    if near and facets.benchmark:
        add("subject and related benchmarks", f"{topic} {' '.join(near)}", [*subject, near])
    for metric in facets.metric:
        for other in (n for n in planned.facet_terms if n.startswith(("subject:", "factor:", "baseline:"))):
            terms = planned.facet_terms[other]
            add(f"{other} with metric {metric}", f"{topic} {other.split(':', 1)[1]} {metric}", [*subject, list(terms)])
    add("the whole question", planned.question.text)
    add("subject and benchmarks", f"{topic} {' '.join(facets.benchmark)} {' '.join(facets.metric)}", subject)
    add("subject and baselines", f"{topic} {' '.join(facets.baseline)} {' '.join(facets.condition)}", subject)
    if len(queries) < 4:
        words = content_words(planned.question.text)
        for start in range(0, len(words), 3):
            add("part of the question", " ".join(words[start : start + 4]))
            if len(queries) >= 4:
                break
    return tuple(queries)


def speaks_of_facets(text: str, planned: Plan) -> tuple[str, ...]:
    """The further facets of the question that a text speaks of, by name."""
    return tuple(name for name, terms in planned.facet_terms.items() if any(mentions(text, term) for term in terms))
