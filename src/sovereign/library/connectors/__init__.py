"""Services that know of works: requests out, works in. Nothing here opens a connection; `sovereign.net` does."""

from ._port import Connector, Page, Wanted
from ._settings import ADDRESS_VARIABLES, CONTACT_VARIABLE, DEFAULTS, KEY_VARIABLES, Service, Services, read_services
from ._work import READER, Work, arxiv_of, doi_of, merge, same_title
from .arxiv import Arxiv, search_query
from .asking import connectors_of, open_client, search_arxiv
from .crossref import Crossref
from .fetching import Fetched, fetch_work, is_identifier
from .openalex import OpenAlex
from .semantic_scholar import SemanticScholar
from .updates import Update, read_updates, updates_request

__all__ = [
    "ADDRESS_VARIABLES",
    "CONTACT_VARIABLE",
    "DEFAULTS",
    "KEY_VARIABLES",
    "READER",
    "Arxiv",
    "Connector",
    "Crossref",
    "Fetched",
    "OpenAlex",
    "Page",
    "SemanticScholar",
    "Service",
    "Services",
    "Update",
    "Wanted",
    "Work",
    "arxiv_of",
    "connectors_of",
    "doi_of",
    "fetch_work",
    "is_identifier",
    "merge",
    "open_client",
    "read_services",
    "read_updates",
    "same_title",
    "search_arxiv",
    "search_query",
    "updates_request",
]
