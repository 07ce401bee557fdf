from __future__ import annotations

from collections.abc import Iterator

import pytest

from vivavoce.client import Client

from ..graded_service import GradedService


@pytest.fixture
def client(graded_service: GradedService) -> Iterator[Client]:
    """A client of a real service that grades."""
    with Client(graded_service.url, graded_service.key) as client:
        yield client
