"""MMBench accuracy: vanilla, circular, and what lies between them (Liu et al., arXiv 2307.06281; rules of VLMEvalKit).

The option is read from the answer by rule: a letter that stands alone near the end, else one option's text. What no
rule reads is the letter Z, which is always wrong: no language model is asked, and nothing is drawn at random.
(VLMEvalKit draws an option after its extractor has failed three times, so that its score may differ from run to run.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from routelab._errors import BadData
from routelab.data import files
from routelab.data.mmbench import Question, load, load_results
from routelab.scoring._report import Report, grouped, some, tallied

NONE: Final = "Z"
FAILED: Final = "Failed to obtain answer via API"
REFUSALS: Final = (
    "Sorry, I can't help with images of people yet.",
    "I can't process this file.",
    "I'm sorry, but without the image provided",
    "Cannot determine the answer",
)
_MARKS: Final = str.maketrans(dict.fromkeys(".()[],:;!*#{}", " "))
_LAST_WORDS: Final = 5


def extracted(prediction: str, options: Mapping[str, str]) -> str:
    """The letter that a prediction chooses, or Z.

    By letter: marks of punctuation become spaces; if exactly one option's letter is a word of its own (a capital, so
    that "A" the article counts too), and it first stands among the last four words, it is chosen. If none is and the
    word Z stands there, or the model refused, nothing is chosen. Otherwise by text: without regard to case, if the
    prediction is at most twice as long as all options together and holds exactly one option's text, that is chosen.
    """
    if FAILED not in prediction:
        if any(refusal in prediction for refusal in REFUSALS):
            return NONE
        words = prediction.translate(_MARKS).split()
        letters = [letter for letter in options if letter in words]
        if len(letters) == 1 and words.index(letters[0]) > len(words) - _LAST_WORDS:
            return letters[0]
        if not letters and NONE in words:
            return NONE
    lowered = prediction.lower()
    if len(lowered) > 2 * sum(len(text) for text in options.values()):
        return NONE
    named = [letter for letter, text in options.items() if text.lower() in lowered]
    return named[0] if len(named) == 1 else NONE


def hits(questions: Sequence[Question], results: Mapping[int, str], named: str | Path = "results") -> dict[int, bool]:
    """Whether each row's prediction chooses its answer, by index.

    Raises:
        BadData: a row has no prediction or a prediction no row. A circular group with a pass left out would be easier.
    """
    files.matched(named, [one.index for one in questions], results, "index")
    return {one.index: extracted(results[one.index], one.options) == one.answer for one in questions}


def score(
    questions: Sequence[Question], results: Mapping[int, str], mode: str = "circular", named: str | Path = "results"
) -> Report:
    """Accuracy overall, by l2-category, category and split.

    Args:
        mode: circular (a question counts if every pass of it is right) or vanilla (pass 0 alone; other rows, if there
            are any, still need a prediction).

    Raises:
        BadData: as `hits`; a question lacks pass 0 or, for circular, has not as many passes as options.
    """
    if mode not in ("circular", "vanilla"):
        raise BadData(f"mode is {mode!r}", "circular or vanilla")
    right = hits(questions, results, named)
    groups: dict[int, list[Question]] = {}
    for one in questions:
        groups.setdefault(one.main, []).append(one)
    mains = []
    for main, rows in groups.items():
        turns = sorted(row.turn for row in rows)
        first = next((row for row in rows if row.turn == 0), None)
        if first is None:
            raise BadData(f"mmbench: question {main} has no pass 0, only {turns}")
        if mode == "circular" and turns != list(range(len(first.options))):
            raise BadData(
                f"mmbench: question {main} has the passes {turns} and {len(first.options)} options",
                "write the file with data.mmbench.circular, or score it as vanilla",
            )
        mains.append(first)
    credits_ = {
        str(one.index): float(
            right[one.index] if mode == "vanilla" else all(right[row.index] for row in groups[one.index])
        )
        for one in mains
    }
    some(credits_, "mmbench")
    kinds = {"l2-category": "l2_category", "category": "category", "split": "split"}
    return Report(
        "mmbench",
        f"{mode}, options read by rule",
        tallied(credits_.values()),
        {
            kind: grouped((getattr(one, name), credits_[str(one.index)]) for one in mains)
            for kind, name in kinds.items()
            if any(getattr(one, name) for one in mains)
        },
        credits_,
    )


def gap(questions: Sequence[Question], results: Mapping[int, str]) -> float:
    """Vanilla less circular accuracy, in points: how much the place of an option counts (position bias)."""
    vanilla = score(questions, results, "vanilla").overall
    return 100 * (vanilla.total / vanilla.count) - 100 * (score(questions, results).overall.total / vanilla.count)


def score_files(dataset: str | Path, results: str | Path, mode: str = "circular") -> Report:
    """As `score`, from the TSV and a file of predictions; the circular report's notes give vanilla and the gap."""
    questions, given = load(dataset), load_results(results)
    report = score(questions, given, mode, results)
    if mode == "vanilla":
        return report
    vanilla = score(questions, given, "vanilla", results).overall
    note = f"vanilla {vanilla.percent:.2f} of the same file; gap {gap(questions, given):.2f} points"
    return Report(report.benchmark, report.protocol, report.overall, report.groups, report.outcomes, (note,))
