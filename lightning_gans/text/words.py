"""Captions as words, and words as sums of hashed character n-grams: any script, no vocabulary."""

import re
import unicodedata
import zlib
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

MAX_WORDS = 64
_MAX_LETTERS = 32  # of a word: what follows is a file's name or an address
_NGRAMS = (3, 4, 5)
# Ideographs and kana are words each, as these scripts have no spaces; so is a sign, an emoji among them.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+|[^\w\s]")


def words_of(caption: str) -> list[str]:
    """The first ``MAX_WORDS`` words and signs, in lower case; an empty caption is one empty word.

    Example:
        >>> words_of("A red circle, above it: 猫猫 🐈!")
        ['a', 'red', 'circle', ',', 'above', 'it', ':', '猫', '猫', '🐈', '!']
        >>> words_of("")
        ['']
    """
    text = unicodedata.normalize("NFKC", caption).casefold()
    return [found[0] for found, _ in zip(_WORD.finditer(text), range(MAX_WORDS), strict=False)] or [""]


@lru_cache(maxsize=2**16)
def buckets_of(word: str, num_buckets: int) -> tuple[int, ...]:
    """Where a word's n-grams of 3 to 5 characters and the whole word lie in a table of vectors.

    Bojanowski et al. 2017, arXiv:1607.04606, section 3.2.
    """
    marked = f"<{word[:_MAX_LETTERS]}>"
    grams = [marked[at : at + size] for size in _NGRAMS for at in range(len(marked) - size + 1)]
    return tuple(zlib.crc32(gram.encode()) % num_buckets for gram in [marked, *grams])


class SentenceNetwork(nn.Module):
    """Hashed words, then a bidirectional GRU, whose states are pooled: the order of words matters.

    Args:
        out_features: Numbers made of a sentence.
        num_buckets: Vectors that words are summed from.
        width: Numbers in such a vector, and in the GRU's state either way.
    """

    def __init__(self, out_features: int, num_buckets: int, width: int) -> None:
        super().__init__()
        self.num_buckets = num_buckets
        self.table = nn.EmbeddingBag(num_buckets, width, mode="mean")
        self.gru = nn.GRU(width, width, batch_first=True, bidirectional=True)
        self.project = nn.Linear(4 * width, out_features)

    def forward(self, captions: Sequence[str]) -> Tensor:
        """(N, out_features), each of length 1, of N sentences."""
        sentences = [words_of(caption) for caption in captions]
        states, last = self.gru(self._packed(sentences))  # last: (2, N, D)
        padded, _ = pad_packed_sequence(states, batch_first=True, padding_value=float("-inf"))  # (N, L, 2 D)
        return nn.functional.normalize(self.project(torch.cat([padded.amax(1), *last], dim=1)), dim=1)

    def _packed(self, sentences: list[list[str]]) -> PackedSequence:
        """Vectors of the words, each distinct word's made once."""
        device = self.table.weight.device
        places = {word: place for place, word in enumerate(dict.fromkeys(word for one in sentences for word in one))}
        bags = [torch.tensor(buckets_of(word, self.num_buckets)) for word in places]
        starts = torch.tensor([0, *(len(bag) for bag in bags[:-1])]).cumsum(0)
        vectors = self.table(torch.cat(bags).to(device), starts.to(device))  # (distinct words, D)
        rows = [torch.tensor([places[word] for word in one]) for one in sentences]
        padded = nn.utils.rnn.pad_sequence(rows, batch_first=True).to(device)  # (N, L)
        lengths = torch.tensor([len(one) for one in sentences])
        return pack_padded_sequence(vectors[padded], lengths, batch_first=True, enforce_sorted=False)
