import copy
import os
from pathlib import Path

import pytest

# What takes seconds to import is imported within fixtures: the process that hands out the tests needs none of it.

# Small networks gain nothing from a second thread, and lose tenfold when something else wants the cores too; and a
# process with such threads cannot be forked. Here, since torch reads it once, when it is imported.
os.environ["OMP_NUM_THREADS"] = "1"

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
def own_seed():
    """Networks that a test builds before it seeds anything must not depend on the tests before it in its process."""
    import torch

    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def own_environment():
    """What a test leaves in the environment (Lightning keeps its seed there) must not reach the next one."""
    os.environ.pop("PL_GLOBAL_SEED", None)  # of a fixture that served a whole module
    before = dict(os.environ)
    yield
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)


_LOADED = {}


@pytest.fixture
def loaded_once(monkeypatch):
    """Commands get a copy of a model that an earlier one loaded from the same file: building takes half a second."""
    from lightning_gans.cli import runs

    load = runs.load_model

    def load_once(checkpoint, device):
        path = Path(checkpoint)
        if not path.is_file():
            return load(checkpoint, device)
        key = path.resolve(), path.stat().st_mtime_ns, path.stat().st_size, device
        if key not in _LOADED:
            _LOADED[key] = load(checkpoint, device)
        return copy.deepcopy(_LOADED[key])

    for command in ("sampling", "translating", "evaluating"):
        monkeypatch.setattr(f"lightning_gans.cli.{command}.load_model", load_once)
