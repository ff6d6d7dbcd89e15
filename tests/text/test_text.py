"""Text encoders: embeddings are a fixed function of captions; what is learned is kept, and belongs to its data."""

import pytest
import torch

from lightning_gans.errors import ConfigError
from lightning_gans.text import JointEmbedding

SHADES = {"black": -1.0, "dark gray": -0.4, "light gray": 0.4, "white": 1.0}


def pairs():
    """A hundred plain images and their shades."""
    words = list(SHADES) * 25
    images = torch.stack([torch.full((3, 8, 8), SHADES[word]) for word in words])
    return [[f"a {word} square", word] for word in words], lambda rows: images[list(rows)]


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIGHTNING_GANS_CACHE", str(tmp_path_factory.mktemp("cache")))
        encoder = JointEmbedding(text_dim=8, steps=30, pairs_per_step=16)
        encoder.fit(*pairs(), seed=0)
        yield encoder


def test_pairs_lie_closest(fitted):
    captions, images = pairs()
    similarity = fitted.similarity(images(range(4)), [caption for caption, _ in captions[:4]])
    assert similarity.argmax(1).tolist() == similarity.argmax(0).tolist() == [0, 1, 2, 3]


def test_an_encoder_without_training_says_so():
    with pytest.raises(ConfigError, match="call fit, or give weights"):
        JointEmbedding()(["a caption"])
