"""What happens with a record: the policy's rules, which take effect. By default its owner decides."""

from __future__ import annotations

from sovereign.records import CheckState, Decision, Evidence, Policy, PolicyRules, Role, Tribunal, Verdict

from .counts import firm_claims


def decide(evidence: Evidence, tribunal: Tribunal, rules: PolicyRules) -> Decision:
    """The policy's decision with its reasons. The first rule that applies decides, from the strictest down."""
    faults = [
        check.name
        for review in tribunal.reviews
        if review.role is Role.VALIDATOR
        for check in review.checks
        if check.state is CheckState.FAILED
    ]
    if faults and rules.reject_on_validator_fault:
        return Decision(policy=Policy.REJECT, reasons=tuple(f"the VALIDATOR found a fault: {name}" for name in faults))
    quarantine = []
    if tribunal.score < rules.quarantine_below:
        quarantine.append(f"score {tribunal.score:g} is under {rules.quarantine_below:g}")
    if _no_named_system_found(evidence) and rules.quarantine_missing_all_systems:
        quarantine.append("no system that the question names has a source of its own")
    if quarantine:
        return Decision(policy=Policy.QUARANTINE, reasons=tuple(quarantine))
    short = []
    if not rules.publish_without_owner:
        short.append("the policy sends every record to its owner")
    if tribunal.verdict is not Verdict.ACCEPT:
        short.append(f"the tribunal's verdict is {tribunal.verdict.value}")
    if tribunal.score < rules.publish_score:
        short.append(f"score {tribunal.score:g} is under {rules.publish_score:g}")
    claims = len(firm_claims(evidence))
    if claims < rules.publish_claims:
        short.append(
            f"{claims} first-hand claims fill a cell; publishing without the owner needs {rules.publish_claims}"
        )
    if short:
        return Decision(policy=Policy.ESCALATE_TO_OWNER, reasons=tuple(short))
    return Decision(policy=Policy.PUBLISH, reasons=("score, verdict and claims reach the policy's publication bar",))


def _no_named_system_found(evidence: Evidence) -> bool:
    named = {name.casefold() for name in evidence.question.facets.system}
    return bool(named) and named <= {missing.name.casefold() for missing in evidence.missing_systems}
