"""A run as a film: its pictures, ``samples/step_<n>.png``, become one GIF.

``python examples/animate.py runs/gan/2026-01-31_12-00-00 --output run.gif --seconds 6``
"""

import argparse
import sys
from pathlib import Path

from PIL import Image


def animate(run, output, seconds=6.0, width=480):
    """Write the pictures of a run's folder, in the order of their steps; the last one stays for two seconds."""
    paths = sorted((run / "samples").glob("step*.png"))
    if not paths:
        sys.exit(f"no pictures in {run / 'samples'}; give the folder of a run, such as runs/gan/2026-01-31_12-00-00")
    pictures = [Image.open(path).convert("RGB") for path in paths]
    size = (width, round(width * pictures[0].height / pictures[0].width))
    smaller = [picture.resize(size, Image.Resampling.LANCZOS) for picture in pictures]
    some = smaller[:: max(1, len(smaller) // 12)]
    together = Image.new("RGB", (size[0], size[1] * len(some)))
    for index, picture in enumerate(some):
        together.paste(picture, (0, index * size[1]))
    palette = together.quantize(256)  # one for all pictures, or places that do not change would flicker
    frames = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in smaller]
    each = max(20, round(1000 * seconds / len(frames)))  # milliseconds; viewers slow down what is faster
    durations = [each] * (len(frames) - 1) + [2000]
    frames[0].save(output, save_all=True, append_images=frames[1:], duration=durations, loop=0)
    print(f"{len(frames)} pictures in {output}")
    return output


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="folder of a run")
    parser.add_argument("--output", type=Path, default=Path("run.gif"))
    parser.add_argument("--seconds", type=float, default=6.0, help="length of the film")
    parser.add_argument("--width", type=int, default=480, help="of the film, in pixels")
    given = parser.parse_args()
    animate(given.run, given.output, given.seconds, given.width)
