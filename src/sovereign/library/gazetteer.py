"""Names of systems: which sources own a name, and which names stand in a text.

A name is read from a front matter (`systems`), from a title ("AnyExperts: on-demand ..."), and from an abstract ("we
propose X", "called X", "... Weights Manipulation (UWM)": the source owns it; "such as X", "outperforms X": it mentions
it). Plain words are not names: a single capitalised word counts only in front of a title's colon or right after
"propose", and only if it is not a word that titles open with. Names are compared without case, hyphens, underscores,
spaces and dots; two systems of one name stay two owners.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache

from ._types import Stored

OWNER, MENTION = "owner", "mention"
_BODY_READ = 6000  # code points: an abstract is under 3,000; of a full text the opening is enough
_JOINERS = str.maketrans("", "", "-_ .\u00a0\u2010\u2011\u2012\u2013'’·$\\{}\t\n\r")

_TOKEN = r"[A-Za-z0-9\u0391-\u03C9][\w+*\u0391-\u03C9]*(?:[-.\u2010\u2011][\w+*]+)*\+*"  # noqa: S105
_MARKUP = r"(?:\\\w+\{)?[*_\"“']{0,3}"
_OPENS, _CALLS, _COMPARES = range(3)
# (letters of a cue after its first, first letter, endings, what it announces). Plain `str.find` looks for the letters,
# and only there a pattern is tried: a fifth of the time of one pattern over the whole text.
_CUES = tuple(
    (letters, first, re.compile(rf"{letters}{endings}\s+"), announces)
    for letters, first, endings, announces in (
        ("ropos", "pP", "(?:e|es|ed|ing)", _OPENS), ("resent", "pP", "(?:s|ed|ing)?", _OPENS),
        ("ntroduc", "iI", "(?:e|es|ed|ing)", _OPENS), ("evelop", "dD", "(?:s|ed|ing)?", _OPENS),
        ("eleas", "rR", "(?:e|es|ed|ing)", _OPENS), ("esign", "dD", "(?:s|ed|ing)?", _OPENS),
        ("escrib", "dD", "(?:e|es|ed|ing)", _OPENS), ("nveil", "uU", "(?:s|ed|ing)?", _OPENS),
        ("pen-sourc", "oO", "(?:e|es|ed|ing)", _OPENS), ("alled", "c", "", _CALLS), ("amed", "n", "", _CALLS),
        ("ubbed", "d", "", _CALLS), ("ermed", "t", "", _CALLS), ("oined", "c", "", _CALLS), ("amely", "n", "", _CALLS),
        ("enoted as", "d", "", _CALLS), ("eferred to as", "r", "", _CALLS),
        ("hich we", "w", r"\s+(?:call|name|term|dub)", _CALLS), ("uch as", "s", "", _COMPARES),
        ("utperform", "o", "(?:s|ing|ed)?", _COMPARES), ("ompared", "c", r"\s+(?:with|to)", _COMPARES),
        ("aseline", "b", "s?", _COMPARES), ("ncluding", "i", "", _COMPARES), ("urpass", "s", "(?:es|ing)?", _COMPARES),
    )
)  # fmt: skip
_NAME = re.compile(
    r"(?:(?:the|an?|our)\s+)?" + _MARKUP + r"(?P<name>" + _TOKEN + r"(?:\s(?=[A-Z\dv])" + _TOKEN + r")?)"
)
_ENDS_NAME = re.compile(r"\}?[*_\"”']{0,3}\s*(?:[,(:;.—–]|(?:an?|the|to|for|that|which|as|is|by|in|on)\b|$)")
_APPOSED = re.compile(
    r"[,:]\s+" + _MARKUP + r"(?P<name>" + _TOKEN + r")\}?[*_\"”']{0,3}\s*(?:[,(:—–]|\.\s|(?:that|which|to|an?)\b)"
)
_BRACKETED = re.compile(r"\((?:\\\w+\{)?[*_]{0,3}(?P<name>[A-Za-z\d][\w+*.-]{1,24})\}?[*_]{0,3}\)")
_PROPOSES = re.compile(r"\b(?:we|paper|work|article)\b.*\b(?:propos|present|introduc|develop|design)", re.DOTALL)
_TITLE = re.compile(r"^\s*[\"“]?(?P<name>[^:：]{2,60}?)[\"”]?\s*[:：]\s*(?=\S)")
_SHAPE = re.compile(r"[a-z].*[A-Z]|[A-Z]{2}|[A-Za-z].*\d|\d.*[A-Za-z].*[A-Za-z]|[A-Z]\+|[A-Z].*\*|[\u0391-\u03C9]")
_PLAIN_ENDING = re.compile(r"(?:ing|tion|tions|sion|sions|ness|ity|ities|ment|ments|ence|ance|ism|ology|ers|ics|ies)$")
_PARTS = re.compile(r"[-.\u2010\u2011]")
_WORDS_AFTER = re.compile(r"[a-z]+(?:ed|ing|ic|al|ive|able|less|free|aware|like|style|wise|level|only)")
_WORD = re.compile(r"[\w+*\u0391-\u03C9]+(?:[-.'’\u2010\u2011][\w+*]+)*")

# Words that open titles and sentences without naming anything.
_GENERIC = frozenset(
    """a an the on in of for from to toward towards beyond when what why how where who whose which is are do does can
    should will not no more less all one two three first second new novel simple fast efficient effective robust
    deep large small open closed adaptive dynamic static hybrid sparse dense unified general universal scalable
    lightweight multi cross self semi un zero few many single pre post non sub inter intra off local global edge
    user mobile end via with without within between against across under over into through position perspective
    survey review overview tutorial report technical benchmark benchmarks dataset data model models method methods
    framework approach system systems network networks algorithm algorithms agent agents language vision image
    images video videos audio speech text code math science theory practice case study studies analysis evidence
    insights lessons challenges opportunities problems problem task tasks test tests evaluation safety trust privacy
    fairness bias truth time space memory attention diffusion transformer transformers graph graphs tree trees
    neural quantum optimal rational human humans world worlds life future past present today back forward again
    still yet better best good bad right wrong true false real fake hidden lost found stop think look see read write
    say tell ask answer answers question questions don't it we our you your they their this that these those there
    here part chapter appendix abstract introduction conclusion extended short long high low early late note notes
    letter comment response reply erratum correction paper papers work works experiments results contribution code's
    mixture experts expert router routing training inference learning reasoning generation retrieval search ai ml
    llm llms vlm vlms mllm mllms lvlm lvlms lm lms slm slms moe moes nlp cv rl rlhf sft rag gan gans cnn cnns rnn
    rnns lstm gnn gnns vit vits gpu gpus cpu cpus tpu npu fpga cuda api apis ui gui ide iot uav uavs ocr asr tts qa
    vqa sota ood id iid mlp mlps ssm ssms pde pdes ode odes svm pca kl mse mae auc roc iou map miou fid bleu psnr
    ssim 2d 3d 4d 1d rgb rgb-d lidar slam nerf nerfs 3dgs mri ct eeg ecg fmri pet ehr ehrs usa us uk eu covid-19
    english chinese json html xml sql pdf llm-based i ii iii iv v vi state-of-the-art kv ffn peft lora dpo ppo grpo
    cot icl nlu nlg ner t2i t2v i2v tta dl dnn dnns ann anns snn snns hpc os ar vr xr hci f1 acc p r k n top-1 top-2
    top-k top-p e2e gt pc mcq mcqs cta cpt wer cer dsp rtl eda qubit qec nisq""".split()
)


def normalise(name: str) -> str:
    """A name for comparison: NFKC, case folded, without hyphens, underscores, spaces, dots and quotes."""
    return unicodedata.normalize("NFKC", name).casefold().translate(_JOINERS)


def _shaped_part(part: str) -> bool:
    return bool(_SHAPE.search(part)) and part.casefold() not in _GENERIC


@lru_cache(maxsize=8192)
def is_shaped(name: str) -> bool:
    """Whether a word looks like a name by itself: an inner capital, capitals in a row, or letters with a digit.

    A hyphen joins parts that are looked at one by one, so that "Test-Time" and "LLM-based" are words and "GPT-4" and
    "DEEP-GAP" are names.
    """
    if name.casefold() in _GENERIC:
        return False
    parts = [part for part in _PARTS.split(name) if part]
    if len(parts) == 1:
        return _shaped_part(name)
    if any(map(_shaped_part, parts)):
        # "CLIP-based" is a word made of a name; "CLIP-MoE" and "Qwen2.5-VL" are names.
        return not (parts[-1].islower() and len(parts[-1]) > 3 and _WORDS_AFTER.fullmatch(parts[-1]))
    if any(map(_SHAPE.search, parts)):
        # "Gaze-VLM" is a name by its first part; "Video-LLM" and "Multi-GPU" are words.
        return parts[0][:1].isupper() and parts[0].casefold() not in _GENERIC and not parts[-1].islower()
    return any(part[0].isdigit() for part in parts[1:]) and any(p[:1].isupper() for p in parts) and not (
        all(part[0].isdigit() or part.casefold() in _GENERIC for part in parts)
    )


def _plain_name(word: str) -> bool:
    """A single capitalised word that may be a name: not one that titles open with, not an abstract noun."""
    folded = word.casefold()
    return (
        len(word) > 2 and word[0].isupper() and folded not in _GENERIC and not _PLAIN_ENDING.search(folded)
        and not any(part in _GENERIC for part in folded.split("-"))
    )  # fmt: skip


def _accept(name: str, plain: bool) -> str | None:
    """The part of a matched name that is one: its first word, with the second if both look the part."""
    words = name.split()
    if not words or len(words) > 4:
        return None
    if is_shaped(words[0]):
        if len(words) == 2 and (is_shaped(words[1]) or re.fullmatch(r"v?\d[\w.]*", words[1])):
            return " ".join(words)
        return words[0]
    if len(words) == 2 and words[0][:1].isupper() and is_shaped(words[1]):
        return name
    if len(words) == 1 and plain and _plain_name(words[0]):
        return words[0]
    return None


def _title_name(title: str) -> str | None:
    match = _TITLE.match(title)
    if not match:
        return None
    name = match["name"].strip()
    words = name.split()
    if len(words) == 1 and title[match.end("name") :].isupper():
        return None  # a title all in capitals says nothing by them
    if len(words) == 1:
        return _accept(name, plain=True)
    # "Soft MoE", "Llama 3": one word of a name's shape, nothing in lower case, and no word that titles open with.
    if len(words) <= 3 and not any(w[0].islower() for w in words) and any(map(_SHAPE.search, words[1:])):
        return name if is_shaped(words[0]) or _plain_name(words[0]) else None
    if len(words) == 2 and is_shaped(words[0]) and words[1][0].isdigit():
        return name
    return None


def _spells(long: str, short: str) -> bool:
    """Whether an acronym in brackets is made of the letters of the words before it, beginning with an initial."""
    letters = [c.casefold() for c in short if c.isupper()]
    if len(letters) < 2:
        return False
    words = re.findall(r"[A-Za-z0-9]+", long.casefold())[-len(letters) - 3 :]
    for start, word in enumerate(words):
        if word[0] == letters[0]:
            rest = iter("".join(words[start:]))
            if all(letter in rest for letter in letters):
                return True
    return False


def names_of(source: Stored) -> tuple[tuple[str, str, str], ...]:
    """(normalised, surface, role) of the names in a source, each normalised name once per role."""
    found: dict[tuple[str, str], str] = {}

    def keep(surface: str | None, role: str) -> None:
        norm = normalise(surface) if surface else ""
        if surface and len(norm) > 1 and not norm.isdigit():
            found.setdefault((norm, role), surface)

    for system in source.systems:
        keep(system, OWNER)
    if source.kind == "work":
        keep(_title_name(source.title), OWNER)
        for match in _BRACKETED.finditer(source.title):
            if is_shaped(match["name"]) and _spells(source.title[: match.start()], match["name"]):
                keep(match["name"], OWNER)
        _from_body(source.body[:_BODY_READ], keep)
    owned = {norm for norm, role in found if role == OWNER}
    return tuple((n, s, r) for (n, r), s in found.items() if r == OWNER or n not in owned)


def _cues(body: str) -> Iterator[tuple[int, int]]:
    """(where a cue and its white space end, what it announces) of every cue in a text."""
    for letters, first, pattern, announces in _CUES:
        at = body.find(letters)
        while at >= 0:
            inside = at > 1 and body[at - 2].isalpha()
            if at and body[at - 1] in first and not inside and (match := pattern.match(body, at)):
                yield match.end(), announces
            at = body.find(letters, at + len(letters))


def _from_body(body: str, keep: Callable[[str | None, str], None]) -> None:
    for at, announces in _cues(body):
        match = _NAME.match(body, at, at + 90)
        if announces == _OPENS:
            if match and (name := _accept(match["name"], plain=bool(_ENDS_NAME.match(body, match.end(), at + 110)))):
                keep(name, OWNER)
                continue
            # "a novel framework, X, that ...": up to the end of the sentence, at most 110 code points on.
            stop = body.find(". ", at, at + 110)
            apposed = _APPOSED.search(body, at, stop + 2 if stop >= 0 else at + 110)
            if apposed and is_shaped(apposed["name"]):
                keep(apposed["name"], OWNER)
        elif match and announces == _CALLS:
            keep(_accept(match["name"], plain=True), OWNER)
        elif match and is_shaped(first := match["name"].split()[0]):
            keep(first, MENTION)
    for match in _BRACKETED.finditer(body):
        before = body[max(0, match.start() - 120) : match.start()]
        before = before[before.rfind(". ") + 1 :]
        if is_shaped(match["name"]) and _spells(before, match["name"]):
            keep(match["name"], OWNER if _PROPOSES.search(before) else MENTION)


def candidates(text: str, longest: int = 4) -> list[tuple[int, int, str]]:
    """(start, end, surface) of every run of one to four words in a text, longest first at each place.

    A possessive ending is cut off the last word.
    """
    words = [(m.start(), m.end()) for m in _WORD.finditer(text)]
    runs: list[tuple[int, int, str]] = []
    for at, (start, _) in enumerate(words):
        for size in range(min(longest, len(words) - at), 0, -1):
            end = words[at + size - 1][1]
            surface = re.sub(r"['’]s?$", "", text[start:end])
            if len(surface) <= 80 and "\n" not in surface:
                runs.append((start, start + len(surface), surface))
    return runs
