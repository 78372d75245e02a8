"""Fixtures that several tests of the bundle share."""

from __future__ import annotations

import pytest

from tests.bundle.old_pythons import VERSIONS, interpreter


@pytest.fixture(params=VERSIONS)
def python(request: pytest.FixtureRequest) -> str:
    """Each Python that a bundle may meet."""
    path = interpreter(request.param)
    if path is None:
        pytest.skip(f"no Python {request.param} on this machine")
    return path
