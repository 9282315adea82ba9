"""Records as pages: static HTML without scripts, a JSON twin beside each page, and a list of all records."""

from .notebook import notebook_html
from .page import page_twin, render_page, render_texts
from .site import publish_record, write_list, write_page, write_site

__all__ = [
    "notebook_html",
    "page_twin",
    "publish_record",
    "render_page",
    "render_texts",
    "write_list",
    "write_page",
    "write_site",
]
