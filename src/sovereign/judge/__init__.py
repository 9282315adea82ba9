"""Pure rules over a record: anyone can run them again on the stored record and must get the same."""

from .answers import unfounded_numbers, without_marks
from .assess import RULES, assess
from .counts import answer_claims, cell_claims, count, firm_claims
from .dimensions import DEFINITIONS
from .foil import BY_CODE, REVISE_BELOW, TextMissing, foil_again, mean_score, reference_foil
from .hand import RULE_BANNED, applied_fault, banned, in_force, is_meant, pinned, place_of, places_of, reading_of
from .imported import SCHEME, SeedText, read_seed
from .matches import PackMatch, pack_matches
from .notices import HandNotice, SourceNotice, hand_since, quoting, source_notices
from .numbers import RESULT_UNITS, Quantity, bracketed_units, numbers_in, quantities
from .policy import decide
from .quotes import CONTEXT, plain, pointer_text, quote_fault, resolve_pointer, text_digest
from .rounds import why_stop
from .standing import LEVELS, TIER_BASIS, claim_level, quality_tier, verification_level
from .synthesizer import NOT_MEASURED, status_of
from .terms import may_hold, mentions, mentions_any, name_key, speaks_of, term_pattern, term_spans
from .tfidf import STOP_WORDS, tfidf_cosine
from .tribunal import hold_tribunal
from .validator import value_fault
from .verdicts import gate_verdict, reproduction_status, same_facets, settling, tests_of

__all__ = [
    "BY_CODE",
    "CONTEXT",
    "DEFINITIONS",
    "LEVELS",
    "NOT_MEASURED",
    "RESULT_UNITS",
    "REVISE_BELOW",
    "RULES",
    "RULE_BANNED",
    "SCHEME",
    "STOP_WORDS",
    "TIER_BASIS",
    "HandNotice",
    "PackMatch",
    "Quantity",
    "SeedText",
    "SourceNotice",
    "TextMissing",
    "answer_claims",
    "applied_fault",
    "assess",
    "banned",
    "bracketed_units",
    "cell_claims",
    "claim_level",
    "count",
    "decide",
    "firm_claims",
    "foil_again",
    "gate_verdict",
    "hand_since",
    "hold_tribunal",
    "in_force",
    "is_meant",
    "may_hold",
    "mean_score",
    "mentions",
    "mentions_any",
    "name_key",
    "numbers_in",
    "pack_matches",
    "pinned",
    "place_of",
    "places_of",
    "plain",
    "pointer_text",
    "quality_tier",
    "quantities",
    "quote_fault",
    "quoting",
    "read_seed",
    "reading_of",
    "reference_foil",
    "reproduction_status",
    "resolve_pointer",
    "same_facets",
    "settling",
    "source_notices",
    "speaks_of",
    "status_of",
    "term_pattern",
    "term_spans",
    "tests_of",
    "text_digest",
    "tfidf_cosine",
    "unfounded_numbers",
    "value_fault",
    "verification_level",
    "why_stop",
    "without_marks",
]
