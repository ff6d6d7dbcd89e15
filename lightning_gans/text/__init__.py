"""Text encoders: captions in, sentence embeddings out."""

from lightning_gans.text.encoder import TextEncoder
from lightning_gans.text.joint import JointEmbedding

__all__ = ["JointEmbedding", "TextEncoder"]
