"""Prints the table of escapes for docs/security.md: python -m tests.support.escapes"""

from tests.support.escapes import table

print(table())
