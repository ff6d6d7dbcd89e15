"""Whether images show what their captions say: real images score 1, those of other captions chance."""

import pytest
import torch
from torch.utils.data import Subset

from lightning_gans.batch import Condition
from lightning_gans.data import CaptionedDataset, ImageDataset
from lightning_gans.data.scenes import HELD_OUT, Scene, draw, draw_attributes
from lightning_gans.errors import ConfigError, LightningGANsWarning
from lightning_gans.evaluation.extra_metrics import ExtraMetrics
from lightning_gans.evaluation.features import ScenesFeatures
from lightning_gans.evaluation.metrics import AttributeAccuracy, DominantHue, RPrecision
from lightning_gans.evaluation.sources import DatasetSource, TranslatedSource
from lightning_gans.images import from_uint8
from tests.texts import BagOfWords

JUDGE = ScenesFeatures()


def drawn(attributes):
    """Images in [0, 1]."""
    noise = torch.rand(len(attributes), 6, generator=torch.Generator().manual_seed(0))
    return draw(attributes, noise, 32).float() / 255


def accuracy(preds, target, held_out=HELD_OUT, size=100):
    metric = AttributeAccuracy(JUDGE, held_out)
    for pair in zip(preds.split(size), target.split(size), strict=True):
        metric.update(*pair)
    return {name: float(value) for name, value in metric.compute().items()}


@pytest.mark.parametrize("num_objects", [1, 2])
def test_other_drawings_of_the_same_scenes_have_every_attribute_and_those_of_others_reach_chance(num_objects):
    attributes = draw_attributes("test", range(300), num_objects)
    found = accuracy(drawn(attributes), drawn(attributes.flip(0)).flip(0), size=150)
    assert {value for name, value in found.items() if not name.endswith("_shuffled")} == {1.0}
    chances = {"color": 1 / 6, "shape": 1 / 4, "size": 1 / 2} | ({"relation": 1 / 2} if num_objects == 2 else {})
    for name, chance in chances.items():
        assert found[f"{name}_shuffled"] == pytest.approx(chance, abs=0.1)
    assert found["all_shuffled"] < 0.12  # of the held-out pairs there are four
    assert ("relation" in found) == ("color_2" in found) == (num_objects == 2)


def test_each_mistake_is_counted_where_it_is_made():
    scene = [1, 0, 0, 1, 1, 3, 1]  # a large red circle above a large blue square
    right = torch.tensor([scene] * 8)
    wrong = right.clone()
    wrong[0, 0] = 2  # beside each other
    wrong[1, 2] = 3  # the first in blue
    wrong[2:4, 4] = 0  # the second a circle
    wrong[4, 6] = 0  # the second small
    wrong[5] = torch.tensor([0, 0, 0, 1, -1, -1, -1])  # no second
    found = accuracy(drawn(wrong), drawn(right))
    expected = {
        "count": 7,
        "relation": 6,
        "color_1": 7,
        "color_2": 7,
        "shape_1": 8,
        "shape_2": 5,
        "size_2": 6,
        "all": 2,
    }
    assert {name: found[name] * 8 for name in expected} == expected
    assert found["color"] * 16 == 14
    assert found["shape"] * 16 == 13


def test_scenes_with_a_held_out_pair_are_told_apart_by_what_is_real():
    attributes = draw_attributes("test", range(40), 2)
    rare = torch.tensor([Scene.of(row).held_out for row in attributes.tolist()])
    wrong = attributes.clone()
    wrong[rare, 0] = 3 - wrong[rare, 0]
    found = accuracy(drawn(wrong), drawn(attributes))
    assert (found["relation_seen"], found["relation_held_out"], found["relation"]) == (1, 0, 0.5)
    assert "relation_seen" not in accuracy(drawn(wrong), drawn(attributes), held_out=())


class Pattern:
    """Matches the image of level i / 255 with caption ``"i"`` alone, or everything with everything."""

    def __init__(self, knows=True):
        self.knows = knows

    def similarity(self, images, captions):
        levels = ((images[:, 0, 0, 0] + 1) * 127.5).round()
        wanted = torch.tensor([float(caption) for caption in captions])
        return -(levels[:, None] - wanted).abs() * self.knows


def levels(*numbers):
    return (torch.tensor(numbers) / 255).view(-1, 1, 1, 1).expand(-1, 3, 2, 2)


def test_r_precision_of_a_known_ranking():
    captions = [str(number) for number in range(0, 200, 2)]
    metric = RPrecision(Pattern(), captions)  # all hundred: ranks are known
    said = ["100", "100", "100", "100"]
    metric.update(levels(100, 101, 105, 0), levels(100, 100, 100, 100), said)  # ranks 1, a tie, 4 to 6, 51
    found = {name: float(value) for name, value in metric.compute().items()}
    assert found == {"r_precision_1": 0.25, "r_precision_5": 0.5, "r_precision_1_real": 1, "r_precision_5_real": 1}


def test_r_precision_of_images_that_say_nothing_is_chance_and_that_of_a_matcher_without_opinion_is_none():
    captions = [str(number) for number in range(250)]
    shown = torch.randint(250, (250,), generator=torch.Generator().manual_seed(0)).tolist()
    found = {}
    for knows in (True, False):
        metric = RPrecision(Pattern(knows), captions, num=10)
        metric.update(levels(*shown), levels(*range(250)), captions)
        found[knows] = {name: float(value) for name, value in metric.compute().items()}
    assert found[True]["r_precision_1"] == pytest.approx(0.1, abs=0.05)
    assert found[True]["r_precision_5"] == pytest.approx(0.5, abs=0.1)
    assert set(found[False].values()) == {0}


def test_r_precision_refuses_too_few_captions_and_those_it_does_not_know():
    with pytest.raises(ConfigError, match=r"num=100.*of 2 distinct"):
        RPrecision(Pattern(), ["1", "2", "2"])
    metric = RPrecision(Pattern(), ["1", "2"], num=2)
    with pytest.raises(ConfigError, match="caption='3'"):
        metric.update(levels(3), levels(3), ["3"])


def test_the_dominant_hue_is_that_of_most_colored_pixels():
    red, green, gray = (
        torch.tensor(rgb).view(1, 3, 1, 1).expand(1, 3, 4, 4) for rgb in ((1.0, 0, 0), (0, 1.0, 0), (0.5,) * 3)
    )
    mostly_red = torch.cat([red[..., :3], green[..., :1]], dim=3)
    metric = DominantHue()
    metric.update(torch.cat([mostly_red, green, red, gray]), torch.cat([red, red, gray, green]))
    found = metric.compute()
    assert float(found["dominant_hue"]) == pytest.approx(1 / 3)  # a gray target has none to be met
    assert float(found["dominant_hue_shuffled"]) == pytest.approx(2 / 3)  # green and red as half a batch away
    orange = torch.tensor((1.0, 0.4, 0)).view(1, 3, 1, 1).expand(1, 3, 4, 4)  # 24 degrees
    for num_bins, right in ((12, 0), (6, 1)):  # of 30 degrees and of 60, with red in the middle of the first
        metric = DominantHue(num_bins=num_bins)
        metric.update(orange, red)
        assert float(metric.compute()["dominant_hue"]) == right


class Painter:
    """A model whose images are those of the captions' embeddings."""

    def generate(self, condition, **drawn):
        return condition.text[:, :1, None, None].expand(-1, 3, 2, 2) / 127.5 - 1


class Levels(BagOfWords):
    text_dim = 1

    def embed(self, captions):
        return torch.tensor([[float(caption)] for caption in captions])


@pytest.mark.parametrize("subset", [False, True])
def test_metrics_are_told_the_captions_that_images_were_made_from(subset):
    captions = [[str(number), "0"] for number in range(120)]
    images = torch.arange(120, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 3, 2, 2)
    dataset = CaptionedDataset(ImageDataset(images, None), captions, Levels())
    items = Subset(dataset, list(range(119, 20, -1))) if subset else dataset
    source = TranslatedSource(Painter(), items)
    assert source.captions(0, 2) == (["119", "118"] if subset else ["0", "1"])
    metrics = ExtraMetrics({"r": RPrecision(Pattern(), [own[0] for own in captions])}, batch_size=50)
    values = metrics.compute(source, DatasetSource(dataset))
    assert values == dict.fromkeys(["r_precision_1", "r_precision_5", "r_precision_1_real", "r_precision_5_real"], 1.0)


def test_a_metric_of_captions_says_so_where_there_are_none():
    images = torch.zeros(4, 3, 2, 2, dtype=torch.uint8)

    class Same(TranslatedSource):
        def condition(self, first, last):
            return Condition(source=from_uint8(images[first:last]))

        def targets(self, first, last):
            return images[first:last]

    metrics = ExtraMetrics({"r": RPrecision(Pattern(), ["1", "2"], num=2)}, batch_size=4)
    with pytest.warns(LightningGANsWarning, match=r"no r: .*no captions"):
        assert (
            metrics.compute(Same(Painter(), ImageDataset(images, None)), DatasetSource(ImageDataset(images, None)))
            == {}
        )
