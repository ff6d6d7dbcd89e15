"""Render the embedded emoji: four atlases of 64 x 64 tiles on white, and their names, tags and groups.

Needs three npm packages, unpacked (``npm pack NAME`` and ``tar xzf``; each archive holds one folder ``package``), and
one Python package, at the releases with which the files in the repository were made:

- ``openmoji`` 17.0.0: drawings in color and as outlines, names, tags, groups,
- ``emoji-datasource-google`` 16.0.0: Noto's pictures,
- ``emoji-datasource-twitter`` 16.0.0: Twemoji's pictures (the two hold no picture of another vendor in ``img/*/64``),
- ``resvg_py`` 0.5.0 from PyPI, which draws the SVG files.

    python scripts/render_emoji.py --openmoji DIR --google DIR --twitter DIR

writes ``openmoji.webp``, ``outline.webp``, ``noto.webp``, ``twemoji.webp`` (lossless) and ``emoji.json`` into
``lightning_gans/data/assets/emoji``, where ``LICENSES.md`` says whose work they are and what was changed.
"""

import argparse
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import resvg_py
from PIL import Image

from lightning_gans.data.emoji_images import SIDE, base_of

Pixels = npt.NDArray[np.uint8]
OUTPUT = Path(__file__).parents[1] / "lightning_gans" / "data" / "assets" / "emoji"
LEFT_OUT = ("flags", "component")  # groups: flags are no drawings of their own, components are parts of other emoji
BROKEN, MENDED = "le\ufffdn", "león"  # the one encoding error of the source


def main() -> None:
    """Render, write, and say how many and how large."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--openmoji", type=Path, required=True, help="folder of the npm package openmoji")
    parser.add_argument("--google", type=Path, required=True, help="folder of the npm package emoji-datasource-google")
    parser.add_argument("--twitter", type=Path, required=True, help="folder of emoji-datasource-twitter")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    emoji = read_openmoji(options.openmoji)
    codepoints = [entry["codepoints"] for entry in emoji]
    rendered = {
        "openmoji": {code: draw(options.openmoji / "color" / "svg" / f"{code}.svg") for code in codepoints},
        "outline": {code: draw(options.openmoji / "black" / "svg" / f"{code}.svg") for code in codepoints},
        "noto": read_datasource(options.google, "google", codepoints),
        "twemoji": read_datasource(options.twitter, "twitter", codepoints),
    }
    for style, images in rendered.items():
        for tile, code in enumerate(images):
            emoji[codepoints.index(code)]["tiles"][style] = tile
        path = options.output / f"{style}.webp"
        # method 6 with quality 100: the smallest lossless file.
        Image.fromarray(atlas(list(images.values()))).save(path, lossless=True, quality=100, method=6)
        print(f"{path.name}: {len(images)} tiles, {path.stat().st_size / 1e6:.2f} MB")
    lines = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in emoji)
    (options.output / "emoji.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def read_openmoji(folder: Path) -> list[dict[str, Any]]:
    """Records of the emoji without flags, components and skin tones, in Unicode's order, OpenMoji's own last."""
    text = (folder / "data" / "openmoji.json").read_text(encoding="utf-8")
    listed = json.loads(text.replace(BROKEN, MENDED))
    kept = [entry for entry in listed if not entry["skintone"] and entry["group"] not in LEFT_OUT]
    kept.sort(key=lambda entry: entry["order"] or math.inf)  # stable: those without a place keep the file's order
    return [
        {
            "codepoints": entry["hexcode"],
            "name": entry["annotation"].strip(),
            "tags": tags_of(entry),
            "group": entry["group"],
            "subgroup": entry["subgroups"],
            "base": base_of(entry["hexcode"]),
            "tiles": {},
        }
        for entry in kept
    ]


def tags_of(entry: dict[str, Any]) -> list[str]:
    """Unicode's tags, then OpenMoji's, each once, without the name."""
    words = [word.strip() for word in f"{entry['tags']},{entry['openmoji_tags']}".split(",")]
    return [word for word in dict.fromkeys(words) if word and word != entry["annotation"].strip()]


def draw(path: Path) -> Pixels:
    """An SVG file as (64, 64, 3) pixels on white."""
    picture = resvg_py.svg_to_bytes(
        svg_path=str(path), background="#ffffff", width=SIDE, height=SIDE, skip_system_fonts=True
    )
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))


def read_datasource(folder: Path, vendor: str, codepoints: list[str]) -> dict[str, Pixels]:
    """Pictures of a vendor on white, by OpenMoji's code points and in their order."""
    listed = json.loads((folder / "emoji.json").read_text(encoding="utf-8"))
    names = {without_selector(entry["unified"]): entry["image"] for entry in listed if entry[f"has_img_{vendor}"]}
    found = {code: names.get(without_selector(code)) for code in codepoints}
    return {code: on_white(folder / "img" / vendor / str(SIDE) / name) for code, name in found.items() if name}


def without_selector(codepoints: str) -> str:
    """Code points without the picture selector FE0F, about which the two lists disagree."""
    return "-".join(point for point in codepoints.split("-") if point != "FE0F")


def on_white(path: Path) -> Pixels:
    """A picture with transparency as (64, 64, 3) pixels on white."""
    picture = Image.open(path).convert("RGBA")
    if picture.size != (SIDE, SIDE):
        raise ValueError(f"{path} is {picture.size}, not {SIDE} x {SIDE}")
    ground = Image.new("RGBA", picture.size, "white")
    ground.alpha_composite(picture)
    return np.asarray(ground.convert("RGB"))


def atlas(images: list[Pixels]) -> Pixels:
    """Tiles row by row in the smallest square that holds them; what is left over stays white."""
    side = math.ceil(math.sqrt(len(images)))
    tiles = np.full((side * side, SIDE, SIDE, 3), 255, np.uint8)
    tiles[: len(images)] = images
    return tiles.reshape(side, side, SIDE, SIDE, 3).transpose(0, 2, 1, 3, 4).reshape(side * SIDE, side * SIDE, 3)


if __name__ == "__main__":
    main()
