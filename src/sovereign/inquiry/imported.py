"""An imported text of the earlier system as a record: what it states, its claims where they stand in it, our judgement.

The text is kept whole as a source of its own, so that everything said of it can be computed again. It is no evidence
for what it claims: no cell is filled from it and no answer rests on it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence

from sovereign import _version
from sovereign.judge import RULES, SCHEME, assess, foil_again, plain, read_seed, status_of
from sovereign.records import (
    Answer,
    BadInput,
    Claim,
    Document,
    Evidence,
    Facets,
    Grounding,
    Judgement,
    MissingSystem,
    PolicyRules,
    Profile,
    Provenance,
    Sentence,
    Source,
    SourceKind,
    TextLevel,
)

from . import documents as doc
from .extract import claim_id, span_quote
from .pipeline import STAGE_MODULES, StageRunner, _digest, _Inputs, _module_digest
from .plan import plan
from .question import clean_question
from .read import read
from .vocabulary import Vocabulary, shipped

Progress = Callable[[str], None]

IMPORTED_MODULES: tuple[str, ...] = (
    "sovereign.inquiry.imported",
    *(f"sovereign.judge.{name}" for name in ("foil", "imported", "tfidf")),
    *STAGE_MODULES["plan"],
    *STAGE_MODULES["read"],
    *STAGE_MODULES["tribunal"],
)
_ARXIV = re.compile(r"arxiv\.org/(?:abs|pdf)/(\d{4}\.\d{4,5})", re.I)


class Taken(Document):
    """The imported text, and other texts that were given with it and ask the same question."""

    texts: tuple[str, ...]


def question_of(text: str) -> str:
    """The question that a text of the earlier system asks. Raises BadInput for any other text, or none of ours."""
    try:
        return clean_question(read_seed(text).question)
    except ValueError as error:
        message = f"this is neither a record page nor a report of the earlier system: {error}"
        raise BadInput(message, "give the text of one, with its headings on lines of their own") from error


def take(run: StageRunner, digests: Sequence[str], given: Taken | None) -> Taken:
    """The texts as the journal keeps them, so that a run goes on without the files that it began with.

    Raises:
        BadInput: the run was stopped before it had kept them, and they are not given again.
    """

    def kept() -> Taken:
        if given is None:
            raise BadInput("the run was stopped before it had kept the imported text", "import the file again")
        return given

    code = _module_digest("sovereign.inquiry.imported")
    return run.stage("take", code, list(digests), kept, Taken)


def investigate_imported(
    library: doc.LibraryPort,
    taken: Taken,
    policy: PolicyRules,
    run: StageRunner,
    progress: Progress = lambda _: None,
    vocabularies: Sequence[Vocabulary] | None = None,
) -> tuple[Evidence, Judgement]:
    """The record of an imported text, judged by our rules.

    Args:
        library: asked for the sources that the text lists, so that its claims can be looked for in them.

    Raises:
        ValueError: the first text is no text of the earlier system.
    """
    words = tuple(shipped() if vocabularies is None else vocabularies)
    modules = "".join(_module_digest(module) for module in IMPORTED_MODULES)
    besides = "".join([*(v.digest for v in words), policy.model_dump_json()])
    code = hashlib.sha256((modules + besides).encode()).hexdigest()
    inputs = _Inputs(library_digest=library.digest(), parts=tuple(_digest(text) for text in taken.texts))
    progress("reading what the text states")
    evidence = run.stage("state", code, inputs, lambda: _evidence(library, taken, policy, words), Evidence)
    progress("holding the tribunal")
    texts = texts_of(library, taken)
    judged = _Inputs(library_digest=inputs.library_digest, parts=(_digest(evidence),))
    return evidence, run.stage("tribunal", code, judged, lambda: assess(evidence, texts), Judgement)


def texts_of(library: doc.LibraryPort, taken: Taken) -> Callable[[str], str | None]:
    """The stored text of a source by its SHA-256: an imported one, else one of the library."""
    own = {_sha256(text): text for text in taken.texts}
    return lambda sha256: own[sha256] if sha256 in own else library.text(sha256)


def _evidence(
    library: doc.LibraryPort, taken: Taken, policy: PolicyRules, vocabularies: tuple[Vocabulary, ...]
) -> Evidence:
    seed = read_seed(taken.texts[0])
    planned = plan(question_of(taken.texts[0]), library, vocabularies)
    listed = _listed(seed.foil.references, library)
    sources = (*dict.fromkeys(_source(text) for text in taken.texts), *listed)
    own = sources[0]
    here = {source.id for source in sources}
    says = "shows its abstract and its claims" if seed.foil.claims else "shows an abstract and counts of claims"
    evidence = Evidence(
        library_digest=library.digest(),
        question=planned.question,
        answer=Answer(
            status=status_of((), 0, False, len(sources)),
            sentences=(Sentence(text=f"The imported text states no answer: it {says}, and nothing rests on them."),),
        ),
        claims=tuple(_claim(own, taken.texts[0], start, end) for start, end in seed.spans),
        sources=sources,
        cells=(),
        missing_systems=tuple(
            MissingSystem(name=system.name, reason="named but not found: no source of its own is listed and here")
            for system in planned.systems
            if not here & set(system.owners)
        ),
        searches=(),
        dropped=(),
        limitations=_limitations(seed.kind, bool(seed.spans), listed),
        provenance=Provenance(
            profile=Profile.IMPORTED,
            code_version=_version.__version__,
            code_digest=hashlib.sha256("".join(map(_module_digest, IMPORTED_MODULES)).encode()).hexdigest(),
            rules=RULES,
            policy=policy,
            vocabularies={v.name: v.digest for v in vocabularies},
            readers=library.readers(),
            subject_terms=planned.subject_terms,
            facet_terms=planned.facet_terms,
        ),
    )
    return evidence.model_copy(update={"foil": foil_again(evidence, texts_of(library, taken))})


def _source(text: str) -> Source:
    sha256 = _sha256(text)
    seed = read_seed(text)
    return Source(
        id=f"{SCHEME}{sha256[:16]}",
        title=f"Imported {seed.kind}: {seed.foil.title}",
        kind=SourceKind.WORK,
        text_level=TextLevel.FULL_TEXT,
        sha256=sha256,
    )


def _listed(references: Sequence[str], library: doc.LibraryPort) -> tuple[Source, ...]:
    """The sources that the text lists and that the library holds."""
    numbers = [match[1] for address in references if (match := _ARXIV.search(address))]
    held = set(library.ids("work"))
    names = (name for name in dict.fromkeys(f"arxiv:{number}" for number in numbers) if name in held)
    kept = tuple(doc.Kept(source=name, rank=None, kept_for=()) for name in names)
    found = read(doc.Found(searches=(), kept=kept, dropped=(), missing=()), library)
    return tuple(item.source for item in found.sources)


def _claim(source: Source, text: str, start: int, end: int) -> Claim:
    """A printed claim where it stands in the imported text. What it says is that text's word, read no further."""
    return Claim(
        id=claim_id(source.id, f"{start}-{end}", Facets()),
        text=plain(text[start:end]),
        grounding=Grounding.QUOTED,
        facets=Facets(),
        quotes=(span_quote(source.id, source.sha256, text, start, end),),
    )


def _limitations(kind: str, with_claims: bool, listed: tuple[Source, ...]) -> tuple[str, ...]:
    said = [f"This record was imported from a {kind} of another system; it is kept as what that text states."]
    if with_claims:
        said.append("Its claims are quoted from that text, not from the sources behind it.")
        said.append("Stance was not assessed.")
    if any(source.text_level is not TextLevel.FULL_TEXT for source in listed):
        said.append("The works that it lists are here as abstracts, not in full.")
    return tuple(said)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
