"""The rules by which records are made and judged, read out of the code that applies them: nothing is told twice."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any

from sovereign.check import CHECKS
from sovereign.inquiry import STAGE_MODULES
from sovereign.judge import DEFINITIONS, RULES, TIER_BASIS, hold_tribunal
from sovereign.records import (
    Answer,
    AnswerStatus,
    Evidence,
    GateStatus,
    PolicyRules,
    Provenance,
    Question,
    QuestionFacets,
    Role,
)

from . import _words as words
from ._contract_values import GATE_MEANING, PROVENANCE_LADDER

_NOTHING = "0" * 64


def verification_rules() -> dict[str, Any]:
    """Levels, tiers, gate, tribunal, policy, dimensions, provenance and the checks of `check`, as JSON values."""
    rules = PolicyRules()
    thresholds = {
        "FLAGSHIP_CANDIDATE": (rules.flagship_score, rules.flagship_claims),
        "DOI_GRADE": (rules.doi_score, rules.doi_claims),
        "PUBLIC_RECORD": (rules.public_score, rules.public_claims),
        "WATCHLIST": (rules.public_score, 0),
        "QUARANTINE_CANDIDATE": (0.0, 0),
    }
    return {
        "rules_version": RULES,
        "levels": [
            {"level": number, "label": label, "meaning": meaning}
            for number, (label, meaning) in enumerate(words.LEVELS)
        ],
        "tiers": [
            {
                "tier": tier.value,
                "label": words.TIER[tier],
                "basis": basis,
                "score": thresholds[tier.value][0],
                "claims": thresholds[tier.value][1],
            }
            for tier, basis in TIER_BASIS.items()
        ],
        "gate": [{"status": status.value, "meaning": GATE_MEANING[status]} for status in GateStatus],
        "tribunal": _tribunal(rules),
        "policies": [{"policy": policy.value, "meaning": meaning} for policy, meaning in words.POLICY.items()],
        "settings": [
            {"name": name, "default": field.default, "meaning": field.description}
            for name, field in PolicyRules.model_fields.items()
        ],
        "dimensions": [{"name": name.replace("_", " "), "definition": text} for name, text in DEFINITIONS.items()],
        "provenance": [
            {"level": number, "label": label, "meaning": meaning}
            for number, (_, label, meaning) in enumerate(PROVENANCE_LADDER)
        ],
        "statuses": [
            *({"field": "grounding", "value": key.value, "meaning": text} for key, text in words.GROUNDING.items()),
            *({"field": "agreement", "value": key.value, "meaning": text} for key, text in words.AGREEMENT.items()),
            *(
                {"field": "reproduction", "value": key.value, "meaning": text}
                for key, text in words.REPRODUCTION.items()
            ),
        ],
        "checks": _checks(),
    }


def stages() -> list[dict[str, str]]:
    """The stages of a question in their order, each with what its module says of itself."""
    found = []
    for name in STAGE_MODULES:
        place = f"sovereign.inquiry.{name}"
        try:
            module = import_module(place)
        except ModuleNotFoundError:
            module = import_module(f"sovereign.judge.{name}")
        found.append({"stage": name, "meaning": _first(inspect.getdoc(module) or "")})
    return found


def _tribunal(rules: PolicyRules) -> list[dict[str, Any]]:
    """The reviewers and the names of their checks, from a tribunal held over a record of nothing."""
    empty = Evidence(
        library_digest=_NOTHING,
        question=Question(text="nothing", facets=QuestionFacets()),
        answer=Answer(status=AnswerStatus.NO_EVIDENCE, sentences=()),
        claims=(),
        sources=(),
        cells=(),
        missing_systems=(),
        searches=(),
        dropped=(),
        limitations=(),
        provenance=Provenance(code_version="", code_digest=_NOTHING, policy=rules, vocabularies={}, readers={}),
    )
    reviews = {review.role: review for review in hold_tribunal(empty, lambda _: None, rules).reviews}
    return [
        {
            "role": role.value,
            "meaning": _first(inspect.getdoc(import_module(f"sovereign.judge.{role.value.lower()}")) or ""),
            "checks": [check.name for check in reviews[role].checks],
        }
        for role in Role
    ]


def _checks() -> list[dict[str, str]]:
    return [{"name": name, "meaning": text} for name, text in dict(CHECKS).items()]


def _first(text: str) -> str:
    """The first paragraph of a docstring, in one line, without the name that it opens with."""
    line = " ".join(text.split("\n\n")[0].split())
    name, _, rest = line.partition(": ")
    said = rest if rest and " " not in name else line
    return said[:1].upper() + said[1:]
