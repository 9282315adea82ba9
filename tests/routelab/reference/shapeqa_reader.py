"""Answers a ShapeQA question from the grid alone: written from the question's English, not from the maker."""

from __future__ import annotations

from collections import Counter

COLOURS = ["red", "green", "blue", "yellow", "purple", "cyan"]
SHAPES = ["square", "circle", "triangle", "cross"]
SIZES = ["small", "large"]
STEP = {"left": (0, -1), "right": (0, 1), "above": (-1, 0), "below": (1, 0)}

Thing = dict[str, str | tuple[int, int]]


def things(grid: list[list[int]]) -> list[Thing]:
    found: list[Thing] = []
    for cell, (colour, shape, size) in enumerate(grid):
        if colour >= 0:
            where = (cell // 4, cell % 4)
            found.append({"color": COLOURS[colour], "shape": SHAPES[shape], "size": SIZES[size], "at": where})
    return found


def fits(thing: Thing, words: list[str]) -> bool:
    for word in words:
        single = {"crosses": "cross"}.get(word, word.removesuffix("s"))
        if word not in ("object", "objects") and word not in thing.values() and single not in thing.values():
            return False
    return True


def the(scene: list[Thing], words: list[str]) -> Thing:
    (only,) = [thing for thing in scene if fits(thing, words)]
    return only


def place(word: str) -> tuple[int, int]:
    return "abcd".index(word[0]), int(word[1]) - 1


def name(cell: tuple[int, int]) -> str:
    return "abcd"[cell[0]] + str(cell[1] + 1)


def side(of: tuple[int, int], seen_from: tuple[int, int], word: str) -> bool:
    down, right = of[0] - seen_from[0], of[1] - seen_from[1]
    return {"left": right < 0, "right": right > 0, "above": down < 0, "below": down > 0}[word]


def yes(fact: bool) -> str:
    return "yes" if fact else "no"


def answer_of(question: str, grid: list[list[int]]) -> str:
    words = question.rstrip("?").split()
    scene = things(grid)
    match words:
        case ["is", "there", "a", *which]:
            return yes(any(fits(thing, which) for thing in scene))
        case ["how", "many", *which]:
            return str(sum(fits(thing, which) for thing in scene))
        case ["what", ("color" | "shape") as asked, "is", "most", "common"]:
            (top, most), (_, second) = Counter(thing[asked] for thing in scene).most_common(2)
            assert most > second
            return str(top)
        case ["what", asked, "is", "the", "object", "just", direction, *rest]:
            start = the(scene, rest[rest.index("the") + 1 :])["at"]
            cell = (start[0] + STEP[direction][0], start[1] + STEP[direction][1])
            (neighbour,) = [thing for thing in scene if thing["at"] == cell]
            return str(neighbour[asked])
        case ["what", "is", a, "plus", b]:
            return str(int(a) + int(b))
        case ["what", asked, "is", cell]:
            (there,) = [thing for thing in scene if thing["at"] == place(cell)]
            return str(there[asked])
        case ["where", "is", "the", c1, s1, "from", "the", c2, s2]:
            one, two = the(scene, [c1, s1])["at"], the(scene, [c2, s2])["at"]
            assert one[0] == two[0] or one[1] == two[1]
            return next(word for word in STEP if side(one, two, word))
        case ["where", "is", "the", *which]:
            return name(the(scene, which)["at"])
        case ["is", "the", c1, s1, direction, *_, c2, s2]:
            return yes(side(the(scene, [c1, s1])["at"], the(scene, [c2, s2])["at"], direction))
        case ["are", "there", "more", a, "than", b]:
            return yes(sum(fits(t, [a]) for t in scene) > sum(fits(t, [b]) for t in scene))
        case ["name", "the", "object", "at", cell]:
            (there,) = [thing for thing in scene if thing["at"] == place(cell)]
            return f"{there['color']} {there['shape']}"
        case ["describe", "the", "object", "at", cell]:
            (there,) = [thing for thing in scene if thing["at"] == place(cell)]
            return f"{there['size']} {there['color']} {there['shape']}"
        case ["is", a, "more", "than", b]:
            return yes(int(a) > int(b))
        case [c1, s1, c2, s2, asked, "of", "the", what]:
            pair = next((c, s) for c, s in ((c1, s1), (c2, s2)) if what in (c, s))
            return pair[0] if asked == "color" else pair[1]
    raise AssertionError(question)
