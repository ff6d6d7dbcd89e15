"""The embedded emoji themselves: files, tiles, names, pairs, split."""

import re
import time

import numpy as np
import pytest
import torch

from lightning_gans.data import emoji_images
from lightning_gans.data.emoji_images import STYLES, base_of, emoji_records, load_emoji, rows_of, shared_rows, shrink
from lightning_gans.errors import ConfigError

ASSETS = emoji_images.files(emoji_images.__package__) / "assets" / "emoji"
COUNTS = {"openmoji": 2186, "outline": 2186, "noto": 1636, "twemoji": 1636}


def test_everything_is_decoded_soon():
    emoji_records.cache_clear()
    load_emoji.cache_clear()
    start = time.process_time()
    shapes = {style: load_emoji(style)[0].shape for style in STYLES}
    assert time.process_time() - start < 4  # 1 s, where nothing else runs
    assert shapes == {style: (count, 3, 64, 64) for style, count in COUNTS.items()}
    assert load_emoji("noto")[0] is load_emoji("noto")[0]


def test_the_package_stays_small_and_names_the_authors():
    assert sum(file.stat().st_size for file in ASSETS.iterdir()) <= 15e6
    text = (ASSETS / "LICENSES.md").read_text()
    for words in ("OpenMoji", "CC BY-SA 4.0", "Noto Emoji", "Apache License 2.0", "Twemoji", "CC BY 4.0", "Changes:"):
        assert words in text
    assert {file.name for file in ASSETS.iterdir()} <= {"LICENSES.md", *re.findall(r"`([\w.]+)`", text)}


@pytest.mark.parametrize("style", STYLES)
def test_tiles_are_whole_drawings_on_white(style):
    images, records = load_emoji(style)
    assert images.dtype == torch.uint8
    corners = images[:, :, [0, 0, -1, -1], [0, -1, 0, -1]]  # some of Twemoji fill their tile
    assert (corners == 255).flatten(1).all(1).float().mean() > (0.85 if style == "twemoji" else 0.999)
    ink = 255 - images.float().amin(1)  # (N, 64, 64)
    assert ink.flatten(1).any(1).sum() >= len(images) - 1  # OpenMoji's black NEW button is empty
    places = torch.arange(64.0)
    middle = [(ink.sum(axis) @ places / ink.sum((1, 2)).clamp(min=1)).mean() for axis in (1, 2)]
    assert middle == pytest.approx([31.5, 31.5], abs=2)
    assert [one.tiles[style] for one in records] == list(range(len(records)))


def test_outline_and_color_are_one_drawing():
    (color, records), (lines, others) = load_emoji("openmoji"), load_emoji("outline")
    assert records == others
    assert torch.equal(lines, lines[:, :1].expand_as(lines))  # gray
    black, shade = lines[:, 0] < 64, color.float().mean(1)
    kept = (black & (shade < 128)).sum((1, 2)) / black.sum((1, 2)).clamp(min=1)
    assert (kept > 0.9).float().mean() > 0.94  # the others are drawn in color without a line
    moved = (black & (shade.roll(3, -1) < 128)).sum((1, 2)) / black.sum((1, 2)).clamp(min=1)
    assert kept.mean() - moved.mean() > 0.4


def test_records_name_every_emoji_once():
    records = emoji_records()
    assert len({one.codepoints for one in records}) == len(records) == 2186
    assert len({one.group for one in records}) == 10
    assert not {"flags", "component"} & {one.group for one in records}
    assert all(one.name and one.subgroup and "\ufffd" not in one.name for one in records)
    assert np.mean([bool(one.tags) for one in records]) > 0.9
    assert all(one.base == base_of(one.codepoints) for one in records)
    skin_tones = {"1F3FB", "1F3FC", "1F3FD", "1F3FE", "1F3FF"}
    assert not any(skin_tones & set(one.codepoints.split("-")) for one in records)


@pytest.mark.parametrize("style", STYLES)
def test_no_emoji_is_on_both_sides(style):
    _, records = load_emoji(style)
    train, test = rows_of(records, "train"), rows_of(records, "test")
    assert len(train) + len(test) == len(records)
    assert len(test) / len(records) == pytest.approx(0.11, abs=0.01)
    split = {one.codepoints: one.split for one in records}
    known = {"1F680": "train", "1F469-200D-1F680": "train", "1F44D": "test"}  # rocket, woman astronaut, thumbs up
    assert {point: split[point] for point in known} == known
    bases = [{records[row].base for row in rows.tolist()} for rows in (train, test)]
    assert not bases[0] & bases[1]


@pytest.mark.parametrize(
    "variants",
    [
        "1F9D1-200D-1F680 1F468-200D-1F680 1F469-1F3FD-200D-1F680",  # astronauts
        "1F3C3 1F3C3-200D-2640-FE0F 1F3C3-200D-2642-FE0F-200D-27A1-FE0F",  # people running, one to the right
        "1F46C 1F469-200D-1F91D-200D-1F468 1F46D",  # people holding hands
        "1F48F 1F469-200D-2764-FE0F-200D-1F48B-200D-1F468",  # kisses
        "1F466 1F9D3 1F468-200D-1F469-200D-1F467-200D-1F466",  # nothing but persons
        "1F934 1FAC5 1F478",
    ],
)
def test_variants_share_a_base(variants):
    assert len({base_of(one) for one in variants.split()}) == 1


def test_an_arrow_and_a_sign_are_no_modifiers():
    assert base_of("27A1-FE0F") == "27A1"
    assert base_of("2640-FE0F") == "1F9D1"


def test_shared_rows_show_the_same_emoji():
    for first, second in (("noto", "openmoji"), ("openmoji", "twemoji")):
        rows, others = shared_rows(first, second, "test")
        names = [one.name for one in (load_emoji(first)[1][row] for row in rows.tolist())]
        assert names == [one.name for one in (load_emoji(second)[1][row] for row in others.tolist())]
        assert len(names) == len(rows_of(load_emoji("noto")[1], "test"))


def test_shrinking_averages():
    images = load_emoji("noto")[0][:3]
    assert shrink(images, 64) is images
    exact = images.double().view(3, 3, 16, 4, 16, 4).mean((3, 5))
    assert (shrink(images, 16).double() - exact).abs().max() <= 0.5
    for side in (0, 48, 128):
        with pytest.raises(ConfigError, match=f"side={side}: choose a divisor of 64"):
            shrink(images, side)


def test_no_such_style():
    with pytest.raises(ConfigError, match="style='apple': choose one of openmoji, outline, noto, twemoji"):
        load_emoji("apple")
