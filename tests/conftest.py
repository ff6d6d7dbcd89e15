import os

import pytest
import torch

# Small networks gain nothing from a second thread, and lose tenfold when something else wants the cores too.
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def own_environment():
    """What a test leaves in the environment (Lightning keeps its seed there) must not reach the next one."""
    os.environ.pop("PL_GLOBAL_SEED", None)  # of a fixture that served a whole module
    before = dict(os.environ)
    yield
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)
