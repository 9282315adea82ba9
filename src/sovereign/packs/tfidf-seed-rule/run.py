"""Does a TF-IDF cosine over 0.15 tell a supported claim from a refuted one? On SciFact, standard library only.

The rule under test calls a claim verified when the cosine of its words and word pairs with the cited abstract, TF-IDF
weighted, is at least 0.15. Here it gets the right abstract from the start, which is the easiest case for it. Two ways
to weigh terms are measured: by a corpus (the vectoriser is fitted on all abstracts), and by the two texts alone (fitted
on claim and abstract, English stop words out), which is how the earlier system did it.

As in scikit-learn's TfidfVectorizer(ngram_range=(1, 2)): lower case, words of two letters or more, raw counts, smoothed
idf = ln((1 + n) / (1 + df)) + 1, vectors of unit length; terms that the fitted texts do not hold count for nothing.
"""

import itertools
import json
import math
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

PACK = "tfidf-seed-rule"
THRESHOLD = 0.15
KINDS = {"SUPPORT": "supported", "CONTRADICT": "refuted", None: "not_enough_information"}
WORD = re.compile(r"(?u)\b\w\w+\b")


def main() -> None:
    folder = Path(os.environ["SOVEREIGN_INPUT_SCIFACT"])
    stop_words = frozenset((Path(__file__).parent / "stop_words.txt").read_text(encoding="utf-8").split())
    pairs = {split: list(read_pairs(folder / f"claims_{split}.jsonl")) for split in ("train", "dev")}
    cited = {document for found in pairs.values() for _, document, _ in found}
    needed = {term for found in pairs.values() for claim, _, _ in found for term in terms(claim)}
    abstracts = {}
    with (folder / "corpus.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            entry = json.loads(line)
            if entry["doc_id"] in cited:
                abstracts[entry["doc_id"]] = " ".join([entry["title"], *entry["abstract"]])
    needed |= {term for text in abstracts.values() for term in terms(text)}
    documents, frequency = count_documents(folder / "corpus.jsonl", needed)
    print(f"{documents} abstracts, {len(abstracts)} of them cited")
    values: dict[str, object] = {}
    for split, found in pairs.items():
        by_corpus = [corpus_cosine(claim, abstracts[d], documents, frequency) for claim, d, _ in found]
        by_pair = [pair_cosine(claim, abstracts[d], stop_words) for claim, d, _ in found]
        kinds = [kind for _, _, kind in found]
        values[split] = {"by_corpus": told(by_corpus, kinds), "by_pair": told(by_pair, kinds)}
        print(f"{split}: {len(found)} pairs of claim and cited abstract")
    seed = int(os.environ["SOVEREIGN_SEED"])
    results = {"schema": "sovereign-results-v1", "pack": PACK, "seed": seed, "values": values}
    Path("results.json").write_text(json.dumps(results, indent=1, sort_keys=True), encoding="utf-8")


def read_pairs(path: Path) -> Iterator[tuple[str, int, str]]:
    """Claim, cited abstract, and what the annotators say that it says of the claim."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            entry = json.loads(line)
            for document in entry["cited_doc_ids"]:
                evidence = entry["evidence"].get(str(document))
                yield entry["claim"], document, KINDS[evidence[0]["label"] if evidence else None]


def terms(text: str, stop_words: frozenset[str] = frozenset()) -> Counter[str]:
    words = [word for word in WORD.findall(text.lower()) if word not in stop_words]
    return Counter([*words, *(f"{one} {other}" for one, other in itertools.pairwise(words))])


def count_documents(path: Path, needed: set[str]) -> tuple[int, Counter[str]]:
    """How many abstracts there are, and in how many of them each needed term occurs."""
    documents, frequency = 0, Counter[str]()
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            entry = json.loads(line)
            frequency.update(needed & terms(" ".join([entry["title"], *entry["abstract"]])).keys())
            documents += 1
    return documents, frequency


def corpus_cosine(claim: str, abstract: str, documents: int, frequency: Counter[str]) -> float:
    """The cosine with weights fitted on all abstracts."""
    idf = {}
    left, right = terms(claim), terms(abstract)
    for term in left.keys() | right.keys():
        if frequency[term]:
            idf[term] = math.log((1 + documents) / (1 + frequency[term])) + 1
    return cosine(left, right, idf)


def pair_cosine(claim: str, abstract: str, stop_words: frozenset[str]) -> float:
    """The cosine with weights fitted on the two texts alone."""
    left, right = terms(claim, stop_words), terms(abstract, stop_words)
    only = math.log(3 / 2) + 1
    return cosine(left, right, {t: 1.0 if t in left and t in right else only for t in left.keys() | right.keys()})


def cosine(left: Counter[str], right: Counter[str], idf: dict[str, float]) -> float:
    product = math.fsum(count * right[term] * idf[term] ** 2 for term, count in left.items() if term in idf)
    lengths = [
        math.sqrt(math.fsum((count * idf[term]) ** 2 for term, count in side.items() if term in idf))
        for side in (left, right)
    ]
    return product / (lengths[0] * lengths[1]) if all(lengths) else 0.0


def told(cosines: list[float], kinds: list[str]) -> dict[str, object]:
    """For each kind of claim whether it is stamped; and whether the cosine tells support from contradiction at all."""
    found: dict[str, object] = {}
    for kind in KINDS.values():
        stamped = [int(value >= THRESHOLD) for value, own in zip(cosines, kinds, strict=True) if own == kind]
        share = sum(stamped) / len(stamped)
        found[kind] = {"stamped": stamped, "share": round(share, 6), "pairs": len(stamped), "unit": "1"}
    supported, refuted = (
        [value for value, own in zip(cosines, kinds, strict=True) if own == kind] for kind in ("supported", "refuted")
    )
    area, error = area_under_curve(supported, refuted)
    found["support_against_refute"] = {
        "area": round(area, 6),
        "standard_error": round(error, 6),
        "supported": len(supported),
        "refuted": len(refuted),
        "unit": "1",
    }
    return found


def area_under_curve(higher: list[float], lower: list[float]) -> tuple[float, float]:
    """How often one of the first lies over one of the second, ties half; standard error by DeLong et al. (1988)."""

    def over(value: float, others: list[float]) -> float:
        return sum((value > other) + 0.5 * (value == other) for other in others) / len(others)

    of_higher = [over(value, lower) for value in higher]
    of_lower = [1 - over(value, higher) for value in lower]
    area = math.fsum(of_higher) / len(of_higher)
    spread = [
        math.fsum((value - area) ** 2 for value in side) / (len(side) - 1) / len(side) for side in (of_higher, of_lower)
    ]
    return area, math.sqrt(math.fsum(spread))


if __name__ == "__main__":
    main()
