"""What a game looked like on its way, within a stated memory, and the states that it can go back to."""

from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path
from typing import Any

MOST_BYTES = 16 * 2**20
"""Of the frames of a game; when there are more, every second one is forgotten."""
MOST_STATES = 32
"""Checkpoints of a game, in its folder; likewise."""

_OF_NUMBER = 32  # bytes, about: of what is no text


class Timeline:
    """The frames of a game in their order, ever sparser the longer it plays, and its states by their steps."""

    def __init__(self, most_bytes: int = MOST_BYTES, most_states: int = MOST_STATES) -> None:
        self.frames: list[dict[str, Any]] = []
        self.size = 0
        """Bytes of all frames, about."""
        self.states: dict[int, Path] = {}
        self._most_bytes, self._most_states = most_bytes, most_states
        self._every, self._since = 1, 0  # of the frames that come, one in so many is kept

    def add(self, frame: dict[str, Any]) -> None:
        """Keep a frame, unless as many others must come first as lie between the older ones."""
        self._since += 1
        if self._since < self._every:
            return
        self._since = 0
        self.frames.append(frame)
        self.size += size_of(frame)
        while self.size > self._most_bytes and len(self.frames) > 1:
            self._every *= 2
            self.frames = self.frames[::2]
            self.size = sum(map(size_of, self.frames))

    def add_state(self, step: int, path: Path) -> None:
        """Keep a checkpoint; the files of those that are too many are removed."""
        self.states[step] = path
        if len(self.states) > self._most_states:
            for each in sorted(self.states)[1::2]:
                self.states.pop(each).unlink(missing_ok=True)

    def at(self, step: int) -> dict[str, Any] | None:
        """The last frame up to a step; the first one where there is none."""
        index = bisect_right(self.frames, step, key=lambda frame: frame["step"])
        return self.frames[max(index - 1, 0)] if self.frames else None

    def state_before(self, step: int) -> Path | None:
        """The checkpoint of the last state up to a step; None for the beginning."""
        earlier = [each for each in self.states if each <= step]
        return self.states[max(earlier)] if earlier else None

    def forget_after(self, step: int) -> None:
        """Forget what came later."""
        self.frames = [frame for frame in self.frames if frame["step"] <= step]
        self.size = sum(map(size_of, self.frames))
        for each in [each for each in self.states if each > step]:
            self.states.pop(each).unlink(missing_ok=True)


def size_of(content: Any) -> int:
    """Bytes of texts and numbers within dicts and lists, about.

    Example:
        >>> size_of({"fake": "AAAA", "losses": {"generator": [[1, 0.5]]}})
        68
    """
    if isinstance(content, dict):
        return sum(map(size_of, content.values()))
    if isinstance(content, list):
        return sum(map(size_of, content))
    return len(content) if isinstance(content, str) else _OF_NUMBER


def spread(frames: Sequence[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """So many frames at equal distances, the first and the last among them; all where there are fewer.

    Example:
        >>> [frame["step"] for frame in spread([{"step": step} for step in range(10)], 4)]
        [0, 3, 6, 9]
    """
    if len(frames) <= count:
        return list(frames)
    return [frames[round(k * (len(frames) - 1) / (count - 1))] for k in range(count)]
