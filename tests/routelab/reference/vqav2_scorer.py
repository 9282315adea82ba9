"""VQAv2 by the rules as they read, one character and one annotator at a time, in exact fractions."""

from __future__ import annotations

from fractions import Fraction

PUNCTUATION = [";", "/", "[", "]", '"', "{", "}", "(", ")", "=", "+", "\\", "_", "-", ">", "<", "@", "`", ",", "?", "!"]
DIGITS = {
    "none": "0", "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6",
    "seven": "7", "eight": "8", "nine": "9", "ten": "10",
}  # fmt: skip
#: As the official table lists them: misspelling, then what it becomes.
REPAIRS = dict(
    pair.split(":")
    for pair in """
    aint:ain't arent:aren't cant:can't couldve:could've couldnt:couldn't couldn'tve:couldn't've couldnt've:couldn't've
    didnt:didn't doesnt:doesn't dont:don't hadnt:hadn't hadnt've:hadn't've hadn'tve:hadn't've hasnt:hasn't
    havent:haven't hed:he'd hed've:he'd've he'dve:he'd've hes:he's howd:how'd howll:how'll hows:how's Id've:I'd've
    I'dve:I'd've Im:I'm Ive:I've isnt:isn't itd:it'd itd've:it'd've it'dve:it'd've itll:it'll let's:let's maam:ma'am
    mightnt:mightn't mightnt've:mightn't've mightn'tve:mightn't've mightve:might've mustnt:mustn't mustve:must've
    neednt:needn't notve:not've oclock:o'clock oughtnt:oughtn't ow's'at:'ow's'at 'ows'at:'ow's'at 'ow'sat:'ow's'at
    shant:shan't shed've:she'd've she'dve:she'd've she's:she's shouldve:should've shouldnt:shouldn't
    shouldnt've:shouldn't've shouldn'tve:shouldn't've somebody'd:somebodyd somebodyd've:somebody'd've
    somebody'dve:somebody'd've somebodyll:somebody'll somebodys:somebody's someoned:someone'd someoned've:someone'd've
    someone'dve:someone'd've someonell:someone'll someones:someone's somethingd:something'd
    somethingd've:something'd've something'dve:something'd've somethingll:something'll thats:that's thered:there'd
    thered've:there'd've there'dve:there'd've therere:there're theres:there's theyd:they'd theyd've:they'd've
    they'dve:they'd've theyll:they'll theyre:they're theyve:they've twas:'twas wasnt:wasn't wed've:we'd've
    we'dve:we'd've weve:we've werent:weren't whatll:what'll whatre:what're whats:what's whatve:what've whens:when's
    whered:where'd wheres:where's whereve:where've whod:who'd whod've:who'd've who'dve:who'd've wholl:who'll
    whos:who's whove:who've whyll:why'll whyre:why're whys:why's wont:won't wouldve:would've wouldnt:wouldn't
    wouldnt've:wouldn't've wouldn'tve:wouldn't've yall:y'all yall'll:y'all'll y'allll:y'all'll yall'd've:y'all'd've
    y'alld've:y'all'd've y'all'dve:y'all'd've youd:you'd youd've:you'd've you'dve:you'd've youll:you'll youre:you're
    youve:you've""".split()
)


def process_punctuation(text: str) -> str:
    has_comma_number = any(
        text[i].isdecimal() and text[i + 1] == "," and text[i + 2].isdecimal() for i in range(len(text) - 2)
    )
    out = ""
    for letter in text:
        if letter not in PUNCTUATION:
            out += letter
        elif not (has_comma_number or (letter + " ") in text or (" " + letter) in text):
            out += " "
    kept, removed = "", 0
    for i, letter in enumerate(out):
        followed_by_digit = i + 1 < len(out) and out[i + 1].isdecimal()
        if letter == "." and not followed_by_digit and removed < 32:
            removed += 1
        else:
            kept += letter
    return kept


def process_digit_article(text: str) -> str:
    words = []
    for word in text.lower().split():
        word = DIGITS.get(word, word)
        if word == "a" or word == "an" or word == "the":
            continue
        words.append(word)
    for i in range(len(words)):
        if words[i] in REPAIRS:
            words[i] = REPAIRS[words[i]]
    return " ".join(words)


def cleaned(text: str) -> str:
    for letter in "\n\t":
        text = text.replace(letter, " ")
    return text.strip()


def official(answer: str, annotators: list[str]) -> Fraction:
    """As the script at commit a013f00: annotators told apart by their whole entry."""
    entries = [{"answer": cleaned(text), "answer_id": i + 1} for i, text in enumerate(annotators)]
    answer = cleaned(answer)
    if len({entry["answer"] for entry in entries}) > 1:
        for entry in entries:
            entry["answer"] = process_digit_article(process_punctuation(str(entry["answer"])))
        answer = process_digit_article(process_punctuation(answer))
    return leave_one_out(answer, entries)


def always(answer: str, annotators: list[str]) -> Fraction:
    whole = lambda text: process_digit_article(process_punctuation(cleaned(text)))  # noqa: E731
    entries = [{"answer": whole(text), "answer_id": i + 1} for i, text in enumerate(annotators)]
    return leave_one_out(whole(answer), entries)


def first_release(answer: str, annotators: list[str]) -> Fraction:
    """As the script at commit c4e6a0e."""
    entries = [{"answer": text, "answer_id": i + 1} for i, text in enumerate(annotators)]
    if len(set(annotators)) > 1:
        for entry in entries:
            entry["answer"] = process_punctuation(str(entry["answer"]))
    return leave_one_out(process_digit_article(process_punctuation(cleaned(answer))), entries)


def leave_one_out(answer: str, entries: list[dict[str, object]]) -> Fraction:
    total = Fraction(0)
    for entry in entries:
        others = [other for other in entries if other != entry]
        total += min(Fraction(1), Fraction(sum(other["answer"] == answer for other in others), 3))
    return total / len(entries)


def simplified(answer: str, annotators: list[str]) -> Fraction:
    entries = [cleaned(text) for text in annotators]
    answer = cleaned(answer)
    if len(set(entries)) > 1:
        entries = [process_digit_article(process_punctuation(text)) for text in entries]
        answer = process_digit_article(process_punctuation(answer))
    return min(Fraction(1), Fraction(entries.count(answer), 3))
