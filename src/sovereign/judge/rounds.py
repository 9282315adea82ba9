"""Whether a further round of searches is worth while: by the verdict, the bound, and what the last round gained."""

from __future__ import annotations

from collections.abc import Sequence

from sovereign.records import PolicyRules, Round, StopReason, Verdict


def why_stop(rounds: Sequence[Round], rules: PolicyRules) -> StopReason | None:
    """Why no round may follow those that were held; None where one may, if a query is left that was not asked.

    A revision that fills no further cell and gains less than `revise_gain` points is the last: the next one asks for
    the same gaps in wider words still.
    """
    last = rounds[-1]
    if last.verdict is Verdict.ACCEPT:
        return StopReason.ACCEPTED
    if last.verdict is Verdict.DECLINE:
        return StopReason.DECLINED
    if last.number >= rules.max_revisions:
        return StopReason.MOST_ROUNDS
    if len(rounds) > 1:
        before = rounds[-2]
        if last.filled <= before.filled and round(last.score - before.score, 2) < rules.revise_gain:
            return StopReason.SMALL_GAIN
    return None
