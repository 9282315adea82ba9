"""Records as pages: static HTML without scripts, a JSON twin beside each page, a list of all records, a PDF report."""

from ._render import render
from ._summary import archive_metrics
from .notebook import notebook_html
from .page import page_twin, page_values, render_page, render_texts
from .report import Report, render_report
from .site import Published, publish_record, write_list, write_page, write_site
from .table import matrix_csv, matrix_rows

__all__ = [
    "Published",
    "Report",
    "archive_metrics",
    "matrix_csv",
    "matrix_rows",
    "notebook_html",
    "page_twin",
    "page_values",
    "publish_record",
    "render",
    "render_page",
    "render_report",
    "render_texts",
    "write_list",
    "write_page",
    "write_site",
]
