"""Visual7W, SEED-Bench and MMBench by the rules as they read, from plain dicts as the public files hold them."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any


def visual7w(dataset: dict[str, Any], results: list[dict[str, Any]], split: str, top_k: int) -> dict[str, Any]:
    right: dict[str, int] = defaultdict(int)
    asked: dict[str, int] = defaultdict(int)
    outcome = {}
    given = {entry["qa_id"]: entry["candidates"] for entry in results}
    for image in dataset["images"]:
        if image["split"] != split:
            continue
        for pair in image["qa_pairs"]:
            hit = False
            for candidate in given[pair["qa_id"]][:top_k]:
                if candidate["answer"].lower() == pair["answer"].lower():
                    hit = True
            outcome[pair["qa_id"]] = hit
            asked[pair["type"]] += 1
            right[pair["type"]] += hit
    return {"outcome": outcome, "by_type": {kind: (right[kind], asked[kind]) for kind in asked}}


def seed(dataset: dict[str, Any], results: list[dict[str, Any]]) -> dict[str, Any]:
    answers = {}
    for entry in results:
        if "losses" in entry:
            best = 0
            for choice in range(1, 4):
                if entry["losses"][choice] < entry["losses"][best]:
                    best = choice
            answers[entry["question_id"]] = "ABCD"[best]
        else:
            text = entry["prediction"].strip()
            answers[entry["question_id"]] = text[0].upper() if text else ""
    outcome = {q["question_id"]: answers[q["question_id"]] == q["answer"] for q in dataset["questions"]}
    by_dimension: dict[int, list[bool]] = defaultdict(list)
    by_type: dict[str, list[bool]] = defaultdict(list)
    for q in dataset["questions"]:
        by_dimension[q["question_type_id"]].append(outcome[q["question_id"]])
        by_type[q["data_type"]].append(outcome[q["question_id"]])
    return {"outcome": outcome, "dimension": dict(by_dimension), "data_type": dict(by_type)}


def mmbench_letter(prediction: str, options: dict[str, str]) -> str:
    if "Failed to obtain answer via API" not in prediction:
        for refusal in (
            "Sorry, I can't help with images of people yet.",
            "I can't process this file.",
            "I'm sorry, but without the image provided",
            "Cannot determine the answer",
        ):
            if refusal in prediction:
                return "Z"
        words = re.sub(r"[.()\[\],:;!*#{}]", " ", prediction).split()
        standing = [letter for letter in options if words.count(letter) > 0]
        if len(standing) == 1:
            place = next(i for i, word in enumerate(words) if word == standing[0])
            if len(words) - place <= 4:  # the last four words
                return standing[0]
        if len(standing) == 0 and words.count("Z") > 0:
            return "Z"
    text = prediction.lower()
    length = 0
    found = []
    for letter, option in options.items():
        length += len(option)
        if text.find(option.lower()) >= 0:
            found.append(letter)
    if len(text) > 2 * length or len(found) != 1:
        return "Z"
    return found[0]


def mmbench_circular(rows: list[dict[str, Any]], predictions: dict[int, str]) -> dict[int, bool]:
    right: dict[int, bool] = {}
    for row in rows:
        main = row["index"] - (row["index"] // 1000000) * 1000000
        options = {letter: row[letter] for letter in "ABCD" if row[letter] != ""}
        hit = mmbench_letter(predictions[row["index"]], options) == row["answer"]
        right[main] = right.get(main, True) and hit
    return right
