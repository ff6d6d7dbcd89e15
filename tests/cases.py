"""Which cases of a test are part of the test command, where all of them would take too long."""

from collections.abc import Container, Iterable
from typing import Any

import pytest


def few(cases: Iterable[Any], kept: Container[Any]) -> list[Any]:
    """Cases for ``parametrize``: those that are not kept have the mark ``slow``."""
    found = []
    for case in cases:
        values = case if isinstance(case, tuple) else (case,)
        found.append(pytest.param(*values, marks=() if case in kept else pytest.mark.slow))
    return found
