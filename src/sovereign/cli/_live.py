"""The options of a live search, handed to a verb as one value."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

import click

from sovereign.living import Live
from sovereign.net import OFFLINE_VARIABLE


def live_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command --live, --service, --full-text and --offline, and hand it `live`: what to ask, or None."""

    @click.option("--live", "live_", is_flag=True, help="Ask services first, and add the works they know of.")
    @click.option(
        "--service",
        "services_",
        multiple=True,
        metavar="NAME",
        help="A service to ask: arxiv, semantic-scholar, openalex, crossref. May be given again; implies --live.",
    )
    @click.option(
        "--full-text",
        "texts_",
        type=click.IntRange(0, 50),
        default=0,
        metavar="N",
        help="Fetch the full text of the best N works that are kept and at arXiv; implies --live.",
    )
    @click.option(
        "--offline",
        "offline_",
        is_flag=True,
        help="Make no connection at all; with --live, use the answers that earlier runs kept.",
    )
    @functools.wraps(function)
    def wrapped(
        *args: Any, live_: bool, services_: tuple[str, ...], texts_: int, offline_: bool, **given: Any
    ) -> None:
        if offline_:
            os.environ[OFFLINE_VARIABLE] = "1"  # whatever asks the network in this process is refused
        live = Live(services_, offline_, texts_) if live_ or services_ or texts_ else None
        function(*args, live=live, **given)

    return wrapped
