"""Full float32 precision for one block of code, whatever the program around it chose."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

_EXACT = ("none", "ieee")  # "none" is float32 where no wider setting says otherwise; PyTorch reports the resolved value


@contextmanager
def full_precision() -> Iterator[None]:
    """Compute in exact float32: no TF32, no bfloat16 shortcuts, no autotuned algorithms; restores all settings.

    TF32 keeps 10 bits of mantissa, so the same image would get different features on different devices.

    Example:
        >>> torch.set_float32_matmul_precision("medium")
        >>> with full_precision():
        ...     torch.backends.cuda.matmul.fp32_precision, torch.backends.mkldnn.matmul.fp32_precision
        ('ieee', 'ieee')
        >>> torch.get_float32_matmul_precision(), torch.backends.cuda.matmul.allow_tf32
        ('medium', True)
        >>> torch.set_float32_matmul_precision("highest")
    """
    algorithms = torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic
    torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic = False, True
    exact = _exact_by_operator if hasattr(torch.backends.cudnn, "conv") else _exact_by_flag  # per operator from 2.9 on
    try:
        with exact():
            yield
    finally:
        torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic = algorithms


@contextmanager
def _exact_by_operator() -> Iterator[None]:
    backends: Any = torch.backends  # its stubs lack the operators
    operators = [backends.cuda.matmul, backends.cudnn.conv, backends.mkldnn.matmul, backends.mkldnn.conv]
    before = [(operator, operator.fp32_precision) for operator in operators if operator.fp32_precision not in _EXACT]
    for operator, _ in before:
        operator.fp32_precision = "ieee"
    try:
        yield
    finally:
        for operator, precision in before:
            operator.fp32_precision = precision


@contextmanager
def _exact_by_flag() -> Iterator[None]:
    matmul, convolution = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(matmul)
        torch.backends.cudnn.allow_tf32 = convolution
