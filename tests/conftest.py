import os
from pathlib import Path

import pytest
import torch

# Small networks gain nothing from a second thread, and lose tenfold when something else wants the cores too.
torch.set_num_threads(1)


FIRST = (
    "models/test_family.py",
    "test_docs.py",
    "test_quality.py",
    "cli",
    "evaluation/test_against_torch_fidelity.py",
    "benchmarks",
    "engine/test_processes.py",
    "models",
    "callbacks",
)
"""What takes longest: one of the processes would be left alone with it at the end."""


def pytest_collection_modifyitems(items):
    """Begin with what takes longest; ``--no-loadscope-reorder`` keeps this order among the files."""
    places = [Path(__file__).parent / name for name in FIRST]

    def turn(item):
        return next((turn for turn, place in enumerate(places) if item.path.is_relative_to(place)), len(places))

    items.sort(key=turn)


@pytest.fixture(autouse=True)
def own_environment():
    """What a test leaves in the environment (Lightning keeps its seed there) must not reach the next one."""
    os.environ.pop("PL_GLOBAL_SEED", None)  # of a fixture that served a whole module
    before = dict(os.environ)
    yield
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)
