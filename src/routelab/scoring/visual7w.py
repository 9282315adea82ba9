"""Visual7W telling accuracy: exact match in lower case with the right answer (Zhu et al., arXiv 1511.03416).

Multiple choice looks at the first candidate of a result, open-ended at the first k. The official script divides by the
number of results, so that a file of easy questions alone scores higher than a whole one; here every question of the
split needs a result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from routelab._errors import BadData
from routelab.data import files
from routelab.data.visual7w import SPLITS, Image, load, load_results
from routelab.scoring._report import Report, grouped, some, tallied


def score(
    images: Sequence[Image],
    results: Mapping[int, Sequence[str]],
    split: str,
    *,
    mode: str = "mc",
    k: int = 1,
    named: str | Path = "results",
) -> Report:
    """Accuracy overall and by type of question, over every question of the split.

    Args:
        mode: mc (the chosen candidate, k has to be 1) or open (a hit if one of the first k answers is right).

    Raises:
        BadData: a question has no result, a result no question, or mode, k or split do not fit.
    """
    if split not in SPLITS:
        raise BadData(f"split is {split!r}", f"one of {', '.join(SPLITS)}")
    if mode not in ("mc", "open") or k < 1 or (mode == "mc" and k != 1):
        raise BadData(f"mode {mode!r} with k {k}", "mc with k 1, or open with k of at least 1")
    pairs = [pair for image in images if image.split == split for pair in image.qa_pairs]
    files.matched(named, [pair.qa_id for pair in pairs], results, "qa_id")
    credits_ = {}
    elsewhere = 0
    for pair in pairs:
        given = [one.lower() for one in results[pair.qa_id][:k]]
        credits_[str(pair.qa_id)] = float(pair.answer.lower() in given)
        listed = {one.lower() for one in (pair.answer, *pair.multiple_choices)}
        elsewhere += mode == "mc" and not set(given) <= listed
    some(credits_, "visual7w")
    notes = (f"{elsewhere} chosen answers are none of their question's four candidates",) if elsewhere else ()
    return Report(
        "visual7w",
        f"telling, {split}, " + ("multiple choice" if mode == "mc" else f"open-ended, first {k}"),
        tallied(credits_.values()),
        {"type": grouped((pair.type, credits_[str(pair.qa_id)]) for pair in pairs)},
        credits_,
        notes,
    )


def score_files(dataset: str | Path, results: str | Path, split: str, *, mode: str = "mc", k: int = 1) -> Report:
    """As `score`, from the public files."""
    return score(load(dataset), load_results(results), split, mode=mode, k=k, named=results)
