import pytest
import torch


@pytest.fixture
def double():
    """Float64 by default, as Lightning has it under ``64-true``: derivatives are compared with differences."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)
