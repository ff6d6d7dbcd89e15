"""Text encoders: captions in, sentence embeddings out."""

from lightning_gans.text.encoder import TextEncoder
from lightning_gans.text.joint import JointEmbedding
from lightning_gans.text.sentence import SentenceEncoder

__all__ = ["JointEmbedding", "SentenceEncoder", "TextEncoder"]
