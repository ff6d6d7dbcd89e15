"""A weights file of Inception-v3's shape, made on the spot: the real one is not in the repository."""

import hashlib
from unittest import mock

import torch
from torch import nn
from torch_fidelity import feature_extractor_inceptionv3 as fidelity


def he_initialized(folder):
    """A He-initialized file (PyTorch's default initialization gives constant features), named by its sha256."""
    kind = fidelity.FeatureExtractorInceptionV3
    with (
        torch.random.fork_rng(),
        mock.patch.object(fidelity, "load_state_dict_from_url", return_value={}),
        mock.patch.object(kind, "load_state_dict", return_value=None),
    ):
        torch.manual_seed(0)
        network = kind("random", ["2048"])
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight)
    path = folder / "weights.pth"
    torch.save(network.state_dict(), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return path.rename(path.with_name(f"weights-inception-{digest[:8]}.pth"))
