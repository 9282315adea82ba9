"""Every escape that is tried, in the order of the table in docs/security.md."""

from __future__ import annotations

from tests.support.escapes.case import HEAD, Escape
from tests.support.escapes.files import FILES
from tests.support.escapes.kernel import KERNEL
from tests.support.escapes.limits import LIMITED
from tests.support.escapes.network import NETWORK
from tests.support.escapes.outputs import OUTPUTS
from tests.support.escapes.processes import PROCESSES

ESCAPES: tuple[Escape, ...] = (*NETWORK, *FILES, *PROCESSES, *KERNEL, *LIMITED, *OUTPUTS)



def table() -> str:
    """The escapes as docs/security.md shows them."""
    rows = ["| escape | the script | stopped by | its control |", "|---|---|---|---|"]
    for escape in ESCAPES:
        control = "none" if escape.unproven else "run without a sandbox" if escape.outside else "those layers away"
        rows.append(f"| `{escape.name}` | {escape.attack} | {', '.join(escape.off)} | {control} |")
    return "\n".join(rows)


__all__ = ["ESCAPES", "HEAD", "Escape", "table"]
