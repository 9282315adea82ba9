"""A mixture-of-experts layer: a router, experts and a way to run them."""

from __future__ import annotations

from torch import Tensor, nn

from routelab._errors import BadShape
from routelab.dispatch._registry import Backend, backend
from routelab.dispatch.experts import Experts
from routelab.routing import Context, Router, Routing


class MoELayer(nn.Module):
    """`(x [N, d], context) -> (y [N, d], Routing)`: y = sum over real slots of weight * expert(input) + bypass.

    The experts read `routing.inputs` where the router gives them, else x. `run` may be changed at any time: all
    backends compute the same.

    Attributes:
        run: name of a backend in `DISPATCH`, or a function like them.
    """

    def __init__(self, router: Router, experts: Experts, run: str | Backend = "grouped") -> None:
        super().__init__()
        if router.d != experts.d or router.n_experts != experts.n_experts:
            raise BadShape(
                f"a router for {router.n_experts} experts of width {router.d} with {experts.n_experts} experts of "
                f"width {experts.d}",
                "build both with the same numbers",
            )
        self.router, self.experts, self.run = router, experts, run
        if isinstance(run, str):
            backend(run)

    def forward(self, x: Tensor, context: Context | None = None) -> tuple[Tensor, Routing]:
        routing: Routing = self.router(x, context)
        run = backend(self.run) if isinstance(self.run, str) else self.run
        y = run(x if routing.inputs is None else routing.inputs, routing, self.experts)
        return (y if routing.bypass is None else y + routing.bypass), routing
