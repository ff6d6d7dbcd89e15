"""A game as one HTML file, that replays without a server and without the network."""

import json
import re
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from lightning_gans.errors import ConfigError
from lightning_gans.lab.timeline import size_of, spread

MOST_BYTES = 2_000_000
"""Of a file; of a longer run fewer frames are kept."""

_PLANE = ("surface", "grid", "fake", "pull", "transport")  # what can be switched, in the plane
_MOST_POINTS = 600  # of a curve
_SPARE = 100_000  # bytes for the page, the curves' ends and JSON's signs


def replay(scene: dict[str, Any], frames: Sequence[dict[str, Any]], config: str = "") -> str:
    """The page: a slider over the frames, the curves, and the game's config.

    Raises:
        ConfigError: There are no frames.
    """
    if not frames:
        raise ConfigError("frames", 0, "there is nothing to replay yet; play a while")
    losses = _curves(frames, "losses")
    measures = {
        name: curve for name, curve in _curves(frames, "measures").items() if any(v is not None for _, v in curve)
    }
    bare = [
        {key: value for key, value in frame.items() if key not in ("losses", "measures", "kind")} for frame in frames
    ]
    left = MOST_BYTES - _SPARE - len(config) - size_of([scene, losses, measures])
    while len(bare) > 2 and sum(map(size_of, bare)) > left:
        bare = spread(bare, max(2, round(0.9 * len(bare))))
    parts = [part for part in _PLANE if any(part in frame for frame in bare)]
    run = {"scene": scene, "frames": bare, "parts": parts, "losses": losses, "measures": measures, "config": config}
    text = json.dumps(run, separators=(",", ":"), allow_nan=False).replace("</", "<\\/")  # it stands within a script
    static = files("lightning_gans.lab") / "static"
    drawing = re.sub(r"^export ", "", (static / "drawing.js").read_text(), flags=re.MULTILINE)
    page = (static / "replay.html").read_text()
    return page.replace("/*DRAWING*/", drawing).replace("/*RUN*/", text)


def _curves(frames: Sequence[dict[str, Any]], kind: str) -> dict[str, list[list[float | None]]]:
    """Of losses or measures by name: [step, value] over all frames, at equal distances."""
    found: dict[str, list[list[float | None]]] = {}
    for frame in frames:
        for name, value in frame.get(kind, {}).items():
            pairs = value if isinstance(value, list) else [[frame["step"], value]]
            found.setdefault(name, []).extend(pairs)
    return {name: pairs[:: max(1, -(-len(pairs) // _MOST_POINTS))] for name, pairs in found.items()}
