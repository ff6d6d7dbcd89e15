"""Scenes: captions say exactly what is drawn, whole pairs of color and shape are held out, a judge sees it all."""

import math
import re

import pytest
import torch

from lightning_gans.data import Scenes
from lightning_gans.data.augmentation import augmentation_noise
from lightning_gans.data.scenes import COLORS, HELD_OUT, SHAPES, Scene, Thing, draw, draw_attributes, parse
from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.features import ScenesFeatures
from tests.texts import BagOfWords


def scenes_of(split, num_objects, count=100):
    return [Scene.of(row) for row in draw_attributes(split, range(count), num_objects).tolist()]


@pytest.mark.parametrize("num_objects", [1, 2])
@pytest.mark.parametrize("split", ["train", "test"])
def test_every_caption_says_its_scene(num_objects, split):
    for scene in scenes_of(split, num_objects):
        full, other, *bare = scene.captions()
        assert full != other
        assert parse(full) == parse(other) == scene
        plain = Scene(tuple(thing._replace(size=None) for thing in scene.things), scene.relation)
        assert [parse(caption) for caption in bare] == [plain] * len(bare)
        assert Scene.of(scene.attributes()) == scene


def test_one_order_names_the_upper_or_left_object_first():
    data = Scenes(both_orders=False, text_encoder=BagOfWords())
    for index, scene in enumerate(scenes_of("test", 2, 20)):
        full, _, bare, _ = scene.captions()
        assert data.test_dataset.captions(index) == [full, bare]
        for caption in (full, bare):
            assert re.findall("above|below|left of|right of", caption) == [scene.relation]


@pytest.mark.parametrize("num_objects", [1, 2])
def test_no_training_scene_has_a_held_out_pair_and_every_other_test_scene_has_one(num_objects):
    data = Scenes(num_objects, text_encoder=BagOfWords())
    assert not any(scene.held_out for scene in scenes_of("train", num_objects, 10_000))
    assert [scene.held_out for scene in scenes_of("test", num_objects, 1000)] == data.held_out.tolist()
    seen = {(t.color, t.shape) for scene in scenes_of("train", num_objects, 2000) for t in scene.things}
    assert seen == {(color, shape) for color in COLORS for shape in SHAPES} - HELD_OUT  # all others


def test_a_drawn_circle_has_its_area_and_its_color_and_lies_where_the_relation_says():
    middle = torch.full((1, 6), 0.5)
    scene = parse("a large blue circle above a small red circle")
    image = draw(torch.tensor([scene.attributes()]), middle, 64)[0].double()
    blue, red = image[2] - image[1], image[0] - image[1]
    assert image[:, 0, 0].tolist() == [255, 255, 255]
    for levels, rgb, radius, center in ((blue, (40, 70, 220), 0.2, 0.26), (red, (220, 30, 30), 0.12, 0.74)):
        row, column = int(64 * center), 32
        assert image[:, row, column].tolist() == list(rgb)
        cover = levels.clamp_min(0) / levels.max()
        part = cover[32:] if center > 0.5 else cover[:32]
        assert part.sum() == pytest.approx(math.pi * (64 * radius) ** 2, rel=0.01)


def test_a_scene_is_one_drawing_at_every_size_and_in_every_part_of_a_batch():
    attributes, noise = draw_attributes("train", range(40), 2), augmentation_noise(0, 1, range(40), 6)
    small, large = (draw(attributes, noise, side).double() for side in (32, 64))
    assert (torch.nn.functional.avg_pool2d(large, 2) - small).abs().mean() < 1
    assert torch.equal(draw(attributes[7:9], noise[7:9], 32).double(), small[7:9])
    assert torch.equal(draw_attributes("train", [30, 3], 2), attributes[[30, 3]])


@pytest.mark.parametrize("num_objects", [1, 2])
@pytest.mark.parametrize("side", [32, 64])
def test_the_judge_sees_every_attribute_of_real_scenes(num_objects, side):
    attributes = draw_attributes("test", range(200), num_objects)
    judge = ScenesFeatures()
    assert torch.equal(judge.attributes(draw(attributes, augmentation_noise(9, 9, range(200), 6), side)), attributes)
    facts = {name: value for name, value in judge.facts.items() if name.startswith("test_accuracy")}
    assert len(facts) == 4
    assert set(facts.values()) == {1.0}


def test_what_a_judge_cannot_see_is_refused():
    with pytest.raises(ConfigError, match="H a multiple of 32"):
        ScenesFeatures().attributes(torch.zeros(1, 3, 48, 48, dtype=torch.uint8))


def test_scenes_of_one_object_have_their_attributes_as_a_class():
    data = Scenes(1, text_encoder=BagOfWords())
    batch = data.test_dataset.__getitems__(range(32))
    assert {name: tuple(part.shape) for name, part in batch.items()} == {
        "image": (32, 3, 32, 32),
        "text": (32, 8),
        "label": (32,),
    }
    for index, label in enumerate(batch["label"].tolist()):
        assert data.test_dataset.captions(index)[0] == f"a {data.classes[label]}"
    assert data.num_classes == len(data.classes) == 48
    assert Scenes(2, text_encoder=BagOfWords()).num_classes is None


@pytest.mark.parametrize(
    ("caption", "said"),
    [
        ("a red dog", "'dog'"),
        ("a red blue circle", "'blue'"),
        ("a circle", "name a color"),
        ("", "name a color"),
        ("a red circle above a blue square above a green cross", "one relation"),
    ],
)
def test_a_caption_that_says_no_scene_is_one_line(caption, said):
    with pytest.raises(ConfigError, match=said) as caught:
        parse(caption)
    assert "\n" not in str(caught.value)


def test_words_of_a_user_are_understood():
    things = Thing("circle", "red"), Thing("square", "blue", "small")
    assert parse("There is a red circle to the left of the small blue square.") == Scene(things, "left of")


@pytest.mark.parametrize(("setting", "value"), [("num_objects", 3), ("image_size", 16), ("image_size", 48)])
def test_settings_that_cannot_work_are_refused(setting, value):
    with pytest.raises(ConfigError, match=f"{setting}={value}"):
        Scenes(**{setting: value}, text_encoder=BagOfWords())
