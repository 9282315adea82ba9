"""Templates into pages: one environment, the style sheet inside the page, its digest in the page's policy."""

from __future__ import annotations

import re
from base64 import b64encode
from functools import lru_cache
from hashlib import sha256
from importlib import resources
from typing import TYPE_CHECKING, Any

from . import _words as words
from ._safe import clip, visible, web_address

if TYPE_CHECKING:
    from jinja2 import Environment, Template

#: The pages of stored texts: a record has dozens of them, and they use a quarter of the style sheet. A text is kept as
#: it is, with its empty lines.
_OF_TEXTS = ("source.html.j2", "others.html.j2")


def render(
    name: str, *, indexed: bool = True, forms: str = "'none'", package: str = __package__, **values: Any
) -> str:
    """A page from its template.

    Args:
        indexed: whether search engines may list it.
        forms: where its forms may be sent, for the content security policy.
        package: whose templates are used; those of this package stand behind them.
    """
    from markupsafe import Markup

    style, digest = _style(name in _OF_TEXTS)
    # The style sheet is our own file: it must reach the page as it is, or its hash in the policy would not match.
    known = {"style": Markup(style), "style_hash": digest, "indexed": indexed, "forms": Markup(forms)}  # noqa: S704
    page = _template(package, name).render(**known, **values)
    return re.sub(r"\n[ \t]*(?=\n)", "", page) if name not in _OF_TEXTS else page


@lru_cache(maxsize=2)
def _style(of_text: bool) -> tuple[str, str]:
    """The style sheet, or the part of it that the page of a text needs, and its digest for the policy."""
    sheet = resources.files(__package__).joinpath("templates/style.css").read_text(encoding="utf-8")
    if of_text:
        sheet = re.sub(r"/\* not of texts \*/.*?/\* of all pages \*/", "", sheet, flags=re.DOTALL)
    sheet = re.sub(r"\n\s*", "\n", re.sub(r"/\*.*?\*/", "", sheet)).strip()
    return sheet, f"sha256-{b64encode(sha256(sheet.encode()).digest()).decode()}"


@lru_cache(maxsize=64)
def _template(package: str, name: str) -> Template:
    return _environment(package).get_template(name)


@lru_cache(maxsize=4)
def _environment(package: str) -> Environment:
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    def finalize(value: object) -> object:
        return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    environment = Environment(
        loader=ChoiceLoader([PackageLoader(name, "templates") for name in dict.fromkeys((package, __package__))]),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "clip": clip,
        "moment": words.moment,
        "full_stop": words.full_stop,
        "plural": words.plural,
        "thousands": "{:,}".format,
        "web_address": web_address,
        "source_kind": words.source_kind,
        "reading": words.reading,
        "number": lambda value: "–" if value is None else f"{value:.10g}",
        "capitalize_first": lambda text: text[:1].upper() + text[1:],
    }
    return environment
