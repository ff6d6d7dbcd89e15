"""What a classifier sees in samples, against what was asked for."""

import torch
from torch import Tensor


def num_classes_covered(logits: Tensor, min_share: float = 0.2) -> int:
    """How many classes hold at least a fifth of the samples that an even spread would give them.

    Args:
        logits: Logits of a classifier, shape (N, K).
        min_share: The part of the even spread, N / K, that counts as covered.

    Returns:
        A number from 0 to K.

    Example:
        >>> num_classes_covered(torch.eye(3).repeat(4, 1)[:11])
        3
        >>> num_classes_covered(torch.eye(3)[[0] * 50 + [1]])
        1
    """
    counts = torch.bincount(logits.argmax(1), minlength=logits.shape[1])
    return int((counts >= min_share * len(logits) / logits.shape[1]).sum())


def class_accuracy(logits: Tensor, labels: Tensor) -> float:
    """How often a classifier's first choice is the label.

    Args:
        logits: Logits of a classifier, shape (N, K).
        labels: Classes, shape (N,), 0 to K - 1.

    Returns:
        Between 0 and 1, 1 where it always is.

    Example:
        >>> class_accuracy(torch.eye(3), torch.tensor([0, 1, 0])) == 2 / 3
        True
    """
    return float((logits.argmax(1).cpu() == labels.cpu()).double().mean())
