"""Lab tests: one thread and one seed, so that a run costs one core and can be repeated."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Also for fixtures of a module or session, which come before those of a test: two threads on busy cores crawl."""
    pytest.importorskip("torch", reason="the extra [lab] is not installed").set_num_threads(1)


@pytest.fixture(autouse=True)
def one_thread_and_a_seed() -> Iterator[None]:
    torch = pytest.importorskip("torch", reason="the extra [lab] is not installed")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)
