"""The reference method in reading order: four queries, one lead, its claims, cosines, three reviewers, a report.

It writes no answer, and none is written for it. What a record needs besides (the question's facets, which named
systems have no source of their own, a judgement by our rules) is added and is ours.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sovereign import _version
from sovereign.judge import (
    BY_CODE,
    REVISE_BELOW,
    RULES,
    assess,
    mean_score,
    reference_foil,
    status_of,
)
from sovereign.language import Chat, ChatReply, ChatRequest, Embedder, Embeddings
from sovereign.records import (
    Answer,
    Document,
    Evidence,
    Exchange,
    Foil,
    FoilReview,
    Judgement,
    MissingSystem,
    PolicyRules,
    Profile,
    Provenance,
    Search,
    Sentence,
    TextLevel,
)

from .. import documents as doc
from ..pipeline import STAGE_MODULES, StageRunner, _digest, _Inputs, _module_digest
from ..plan import plan
from ..read import read
from ..vocabulary import Vocabulary, shipped
from .draw import Drawn, draw
from .queries import Asked, four_queries
from .retrieve import Answered, retrieve
from .review import Reviewed, prompts, read_reviews, usable
from .wording import extraction, read_claims

Progress = Callable[[str], None]
Output = TypeVar("Output", bound=Document)

_HERE = "sovereign.inquiry.reference"
_LANGUAGE = ("sovereign.language._openai", "sovereign.language._port")
#: What each stage's code is, as `STAGE_MODULES` of the default pipeline has it.
REFERENCE_MODULES: dict[str, tuple[str, ...]] = {
    "plan": STAGE_MODULES["plan"],
    "queries": (f"{_HERE}.queries", "sovereign.inquiry.words"),
    "retrieve": (f"{_HERE}.retrieve", *(f"sovereign.library.{name}" for name in ("library", "index", "ranking"))),
    "read": STAGE_MODULES["read"],
    "draw": (f"{_HERE}.draw", "sovereign.inquiry.sentences", "sovereign.inquiry.extract", "sovereign.judge.quotes"),
    "embed": _LANGUAGE,
    "word": (f"{_HERE}.wording", *_LANGUAGE),
    "review": (f"{_HERE}.review", *_LANGUAGE),
    "print": (
        *(f"sovereign.judge.{name}" for name in ("foil", "tfidf")),
        *(f"{_HERE}.{name}" for name in ("review", "wording", "method")),
        *STAGE_MODULES["tribunal"],
    ),
    "tribunal": STAGE_MODULES["tribunal"],
}


class _Indexed(Document):
    batches: tuple[Embeddings, ...]


def investigate_reference(
    library: doc.LibraryPort,
    question: str,
    policy: PolicyRules,
    run: StageRunner,
    progress: Progress = lambda _: None,
    *,
    chat: Chat | None = None,
    embedder: Embedder | None = None,
    vocabularies: Sequence[Vocabulary] | None = None,
    searches: tuple[Search, ...] | None = None,
    limitations: tuple[str, ...] = (),
) -> tuple[Evidence, Judgement]:
    """Run the reference method on a question; see `investigate` for what the arguments mean.

    Args:
        chat: the reviewers; without it our tribunal scores in their place, and the report says so.
        embedder: makes the index that takes no part in the check; without it there is none.
        searches: what arXiv answered to the four queries; without them the library's works are searched.
        limitations: what its search came to.
    """
    words = tuple(shipped() if vocabularies is None else vocabularies)
    stages = _Stages(library, run, progress, words, policy)
    planned = stages("plan", "reading the question", (question,), lambda: plan(question, library, words), doc.Plan)
    asked = stages("queries", "wording four queries", (question,), lambda: four_queries(question), Asked)
    live = None if searches is None else Answered(searches=searches)
    found = stages(
        "retrieve",
        f"searching ({len(asked.queries)} queries)",
        (asked, live),
        lambda: retrieve(asked, library, live),
        doc.Found,
    )
    reading = stages("read", f"reading {len(found.kept)} papers", (found,), lambda: read(found, library), doc.Reading)
    drawn = stages("draw", "drawing claims from the lead", (reading,), lambda: draw(reading, library), Drawn)
    index = _index(stages, reading, library, embedder)
    worded, wording = _worded(stages, reading, drawn, library, chat)
    evidence = _evidence(planned, found, reading, drawn, library, words, policy)
    by_model: dict[str, Any] = {}
    if wording is not None and worded is not None:
        by_model = {"extracted_by": wording.model, "worded": worded}
    reviews, round_number, exchanges = _reviews(stages, evidence, library, chat, by_model)
    embedded = [Exchange(purpose="embeddings", **_named(batch)) for batch in index]
    if wording is not None:
        embedded.append(Exchange(purpose=wording.purpose, **_named(wording)))
    notes = [f"The embeddings cannot be used: {batch.fault}." for batch in index if batch.fault][:1]
    if reviews and not usable(reviews):
        why = next(review.fault for review in reviews if review.score is None)
        notes.append(f"The language model's reviews cannot be used, so the tribunal here scores in their place: {why}.")
    notes += _of_the_wording(worded, wording)
    sound = index and not any(batch.fault for batch in index)
    foil = stages(
        "print",
        "printing the report",
        (evidence, by_model, reviews, round_number, exchanges, embedded),
        lambda: reference_foil(
            evidence,
            library.text,
            reviewed_by=chat.model if chat is not None and usable(reviews) else BY_CODE,
            reviews=reviews,
            revision_round=round_number,
            exchanges=(*embedded, *exchanges),
            **by_model,
            embedder=f"{index[0].model} ({index[0].dimensions} dimensions)" if sound else "",
        ),
        Foil,
    )
    told = _of_the_search(limitations, live)
    update = {"foil": foil, "limitations": (*evidence.limitations, *told, *notes)}
    evidence = evidence.model_copy(update=update)
    return evidence, stages(
        "tribunal", "holding the tribunal", (evidence,), lambda: assess(evidence, library.text), Judgement
    )


class _Stages:
    """Calls a stage through the journal under the digests of its inputs and of its code."""

    def __init__(
        self,
        library: doc.LibraryPort,
        run: StageRunner,
        progress: Progress,
        vocabularies: tuple[Vocabulary, ...],
        policy: PolicyRules,
    ) -> None:
        self._library_digest, self._run, self._progress = library.digest(), run, progress
        self._read = "".join([*(v.digest for v in vocabularies), policy.model_dump_json()])

    def __call__(
        self, name: str, saying: str, parts: tuple[object, ...], fn: Callable[[], Output], output: type[Output]
    ) -> Output:
        self._progress(saying)
        modules = "".join(_module_digest(module) for module in REFERENCE_MODULES[name])
        code = hashlib.sha256((modules + self._read).encode()).hexdigest()
        inputs = _Inputs(library_digest=self._library_digest, parts=tuple(_digest(part) for part in parts))
        return self._run.stage(name, code, inputs, fn, output)


def _index(
    stages: _Stages, reading: doc.Reading, library: doc.LibraryPort, embedder: Embedder | None
) -> tuple[Embeddings, ...]:
    """The embeddings of the papers, made because the method makes them; nothing reads them."""
    if embedder is None or not reading.sources:
        return ()
    texts = [library.get(item.source.id).text.encode("utf-8", "replace").decode() for item in reading.sources]
    parts = (embedder.model, tuple(texts))
    made = stages("embed", "embedding", parts, lambda: _Indexed(batches=embedder.embed(texts)), _Indexed)
    return made.batches


def _worded(
    stages: _Stages, reading: doc.Reading, drawn: Drawn, library: doc.LibraryPort, chat: Chat | None
) -> tuple[tuple[tuple[str, str | None], ...] | None, ChatReply | None]:
    """The lead's claims in a model's words, each with the sentence that it rests on; None where they cannot be had."""
    if chat is None or not reading.sources:
        return None, None
    source = reading.sources[0].source
    text = library.get(source.id).text
    requests = chat.requests(extraction(source.title, text))
    said = stages("word", f"wording claims ({chat.model})", (requests,), _asking(chat, requests), Reviewed)
    (reply,) = said.replies
    return read_claims(reply, drawn.claims, text), reply


def _of_the_wording(worded: tuple[tuple[str, str | None], ...] | None, reply: ChatReply | None) -> list[str]:
    if reply is None:
        return []
    if worded is None:
        return ["The language model's claims cannot be used, so the lead's own sentences stand in their place."]
    loose = sum(claim is None for _, claim in worded)
    return [f"{loose} of {len(worded)} claims that the model worded rest on no claim of this record."] if loose else []


def _reviews(
    stages: _Stages,
    evidence: Evidence,
    library: doc.LibraryPort,
    chat: Chat | None,
    by_model: dict[str, Any],
) -> tuple[tuple[FoilReview, ...], int, tuple[Exchange, ...]]:
    """The model's reviews, at most twice: the second round where the mean of the first is under the bar."""
    reviews: tuple[FoilReview, ...] = ()
    exchanges: list[Exchange] = []
    if chat is None or not evidence.sources:
        return reviews, 0, ()
    draft = reference_foil(evidence, library.text, **by_model)
    for round_number in (0, 1):
        asked = prompts(evidence.question.text, evidence.sources[0].title, draft.claims, round_number, reviews)
        requests = chat.requests(asked)
        saying = f"three reviewers ({chat.model}), round {round_number}"
        said = stages("review", saying, (requests,), _asking(chat, requests), Reviewed)
        reviews = read_reviews(said.replies)
        exchanges += [Exchange(purpose=reply.purpose, **_named(reply)) for reply in said.replies]
        if not usable(reviews) or mean_score(reviews) >= REVISE_BELOW:
            return reviews, round_number, tuple(exchanges)
    return reviews, 1, tuple(exchanges)


def _asking(chat: Chat, requests: tuple[ChatRequest, ...]) -> Callable[[], Reviewed]:
    return lambda: Reviewed(replies=chat.reply(requests))


def _named(came: Document) -> dict[str, str]:
    return {name: getattr(came, name) for name in ("model", "request_sha256", "response_sha256")}


def _evidence(
    planned: doc.Plan,
    found: doc.Found,
    reading: doc.Reading,
    drawn: Drawn,
    library: doc.LibraryPort,
    vocabularies: tuple[Vocabulary, ...],
    policy: PolicyRules,
) -> Evidence:
    """What the method found, in a record's form: no cells and no answer, because it makes none."""
    sources = tuple(item.source for item in reading.sources)
    shown = "shows the abstract of one paper under the question" if sources else "found no paper, so it shows nothing"
    here = {source.id for source in sources}
    return Evidence(
        library_digest=library.digest(),
        question=planned.question,
        answer=Answer(
            status=status_of((), 0, False, len(sources)),
            sentences=(Sentence(text=f"The reference method writes no answer: it {shown}."),),
        ),
        claims=drawn.claims,
        sources=sources,
        cells=(),
        missing_systems=tuple(
            MissingSystem(
                name=system.name,
                reason="named but not found: no paper that the method retrieved is this system's own",
            )
            for system in planned.systems
            if not here & set(system.owners)
        ),
        searches=found.searches,
        dropped=(),
        limitations=_limitations(reading, drawn),
        provenance=Provenance(
            profile=Profile.REFERENCE,
            code_version=_version.__version__,
            code_digest=_all_code(),
            rules=RULES,
            policy=policy,
            vocabularies={v.name: v.digest for v in vocabularies},
            readers=library.readers(),
            subject_terms=planned.subject_terms,
            facet_terms=planned.facet_terms,
        ),
    )


def _limitations(reading: doc.Reading, drawn: Drawn) -> tuple[str, ...]:
    said = ["This record was made by the reference profile, a foil to compare with. It does not answer the question."]
    if any(item.source.text_level is not TextLevel.FULL_TEXT for item in reading.sources):
        said.append("Works were read as abstracts, not in full.")
    if drawn.claims:
        said.append("A tick is the method's own mark for shared words; it says nothing of truth.")
        said.append("Stance was not assessed.")
    return tuple(said)


def _of_the_search(told: tuple[str, ...], live: Answered | None) -> tuple[str, ...]:
    """What to know of where it looked: arXiv alone, or the library alone."""
    if live is None:
        return ("The library's works were searched in place of arXiv; notes and measurements were not.",)
    if not live.searches:  # the live search speaks for a method that falls back on the library; this one does not
        told = tuple(line for line in told if "from the library alone" not in line)
        return ("arXiv answered no query, so no paper was retrieved.", *told)
    return tuple(line for line in told if not line.startswith("Beside the library"))


def _all_code() -> str:
    names = sorted({module for modules in REFERENCE_MODULES.values() for module in modules})
    return hashlib.sha256("".join(_module_digest(name) for name in names).encode()).hexdigest()
