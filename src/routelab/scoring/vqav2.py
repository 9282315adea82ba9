"""VQAv2 accuracy: ten annotators, leave one out (Goyal et al., arXiv 1612.00837; the official evaluation script).

For each annotator, the answer's matches among the other nine give min(1, matches / 3); the credit is the mean of the
ten. With c annotators who match it is 0, 0.3, 0.6, 0.9 and then 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Final

from routelab._errors import BadData
from routelab.data import files
from routelab.data.vqav2 import Annotation, load_annotations, load_questions, load_results
from routelab.scoring._normalise import clean, normalised, plain_words, without_punctuation
from routelab.scoring._report import Report, grouped, some, tallied

#: `official`: both sides are normalised where the annotators' cleaned answers differ, else neither (commit a013f00).
#: `always`: both sides, always (VLMEvalKit; lmms-eval since August 2025).
#: `first_release`: the answer always and fully, the annotators' only where they differ and only their punctuation
#: (commit c4e6a0e; published numbers of 2017 may rest on it).
NORMALISE: Final = ("official", "always", "first_release")
#: `leave_one_out` is the official credit; `simplified` is min(1, c / 3) with c of all ten, which is 0.333 where the
#: official one is 0.3, and 1 from three annotators on.
CREDIT: Final = ("leave_one_out", "simplified")


def matching(answer: str, annotators: Sequence[str], normalise: str = "official") -> list[bool]:
    """Which annotators' answers equal the answer, after the normalisation that is asked for; letter case counts."""
    cleaned = [clean(one) for one in annotators]
    mine = clean(answer)
    if normalise == "first_release":
        differ = len(set(annotators)) > 1
        mine = normalised(answer)
        theirs = [without_punctuation(one) for one in annotators] if differ else list(annotators)
    elif normalise == "always" or len(set(cleaned)) > 1:
        mine = plain_words(without_punctuation(mine))
        theirs = [plain_words(without_punctuation(one)) for one in cleaned]
    else:
        theirs = cleaned
    return [one == mine for one in theirs]


def credit(matches: Sequence[bool], rule: str = "leave_one_out") -> float:
    """Credit of an answer that these annotators gave too; the sum is in the annotators' order, as the official one."""
    c = sum(matches)
    if rule == "simplified":
        return min(1, c / 3)
    total = 0.0
    for mine in matches:
        total += min(1, float(c - mine) / 3)
    return total / len(matches)


def closed_form(matches: int, annotators: int = 10) -> Fraction:
    """The same credit from the number of annotators who match alone: 0, 0.3, 0.6, 0.9, then 1, of ten."""
    one, three = Fraction(1), 3
    mine = matches * min(one, Fraction(max(matches - 1, 0), three))
    others = (annotators - matches) * min(one, Fraction(matches, three))
    return (mine + others) / annotators


def score(
    annotations: Sequence[Annotation],
    results: Mapping[int, str],
    *,
    normalise: str = "official",
    rule: str = "leave_one_out",
    named: str | Path = "results",
) -> Report:
    """Accuracy overall, by answer type and by question type.

    Raises:
        BadData: a question has no answer, or an answer no question; the name of a rule is unknown.
    """
    if normalise not in NORMALISE:
        raise BadData(f"normalise is {normalise!r}", f"one of {', '.join(NORMALISE)}")
    if rule not in CREDIT:
        raise BadData(f"rule is {rule!r}", f"one of {', '.join(CREDIT)}")
    files.matched(named, [one.question_id for one in annotations], results, "question_id")
    credits_ = {
        str(one.question_id): credit(
            matching(results[one.question_id], [given.answer for given in one.answers], normalise), rule
        )
        for one in annotations
    }
    some(credits_, "vqav2")
    with_credit = [(one, credits_[str(one.question_id)]) for one in annotations]
    return Report(
        "vqav2",
        f"credit {rule}, normalise {normalise}",
        tallied(credits_.values()),
        {
            "answer_type": grouped((one.answer_type, gained) for one, gained in with_credit),
            "question_type": grouped((one.question_type, gained) for one, gained in with_credit),
        },
        credits_,
    )


def score_files(
    annotations: str | Path,
    results: str | Path,
    questions: str | Path | None = None,
    *,
    normalise: str = "official",
    rule: str = "leave_one_out",
) -> Report:
    """As `score`, from the public files; with `questions`, those have to be the ones that are annotated.

    Raises:
        BadData: as `score`, or a file does not fit; the message names file and field.
    """
    _, known = load_annotations(annotations)
    if questions is not None:
        _, asked = load_questions(questions)
        answered = [one.question_id for one in known]
        files.matched(annotations, [one.question_id for one in asked], answered, "question_id")
    return score(known, load_results(results), normalise=normalise, rule=rule, named=results)
