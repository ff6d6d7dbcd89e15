import inspect
from collections import Counter

import pytest
import torch

from lightning_gans.batch import Batch
from lightning_gans.data import Emoji, EmojiPairs, UnpairedEmoji
from lightning_gans.data.emoji_images import load_emoji
from lightning_gans.errors import ConfigError
from lightning_gans.images import from_uint8

STYLES = ["openmoji", "outline", "noto", "twemoji"]


@pytest.mark.parametrize("style", STYLES)
def test_shapes_and_classes_are_known_before_anything_is_read(style):
    data = Emoji(style, image_size=32)
    assert (data.image_shape, data.source_shape, data.num_classes) == ((3, 32, 32), None, len(data.classes))
    assert data.classes[:8] == Emoji().classes[:8]  # a label means the same group in every style
    assert data._train is None


def test_parts_hold_every_emoji_once_and_labels_are_groups():
    data, (images, records) = Emoji("noto"), load_emoji("noto")
    train, test = data.train_dataset, data.test_dataset
    whole = torch.cat([train.images, test.images])
    assert len(whole) == len(records)
    assert len(test) == pytest.approx(len(records) / 9, rel=0.1)
    rows = [row for row, one in enumerate(records) if one.split == "test"]
    assert torch.equal(test.images, images[rows])
    assert [data.classes[label] for label in test.labels] == [records[row].group for row in rows]
    assert torch.equal(torch.cat([train.labels, test.labels]).unique(), torch.arange(8))
    assert data.reference_dataset is train


def test_sizes_are_averages():
    large, small = Emoji(), Emoji(image_size=16)
    means = large.test_dataset.images.double().unflatten(2, (16, 4)).unflatten(4, (16, 4)).mean((3, 5))
    assert (small.test_dataset.images - means).abs().max() <= 0.5
    assert len({Emoji(style, size).fingerprint() for style, size in (("noto", 64), ("noto", 32), ("twemoji", 32))}) == 3


@pytest.mark.parametrize(
    ("source_style", "style"), [("outline", "openmoji"), ("noto", "twemoji"), ("twemoji", "outline")]
)
def test_the_two_of_a_pair_are_one_emoji(source_style, style):
    data = EmojiPairs(source_style, style)
    (images, records), (sources, source_records) = load_emoji(style), load_emoji(source_style)
    other = {one.codepoints: row for row, one in enumerate(source_records)}
    for split, dataset in (("train", data.train_dataset), ("test", data.test_dataset)):
        both = [(row, other[one.codepoints]) for row, one in enumerate(records) if one.codepoints in other]
        rows, source_rows = zip(*[pair for pair in both if records[pair[0]].split == split], strict=True)
        assert torch.equal(dataset.images, images[list(rows)])
        assert torch.equal(dataset.sources, sources[list(source_rows)])
        assert [data.classes[label] for label in dataset.labels] == [records[row].group for row in rows]


def test_pairs_are_batches_with_a_source():
    data = EmojiPairs(image_size=16, batch_size=4)
    assert data.image_shape == data.source_shape == (3, 16, 16)
    raw = next(iter(data.test_dataloader()))
    batch, reference = Batch.of(raw), data.reference_dataset
    assert torch.equal(batch.condition.source, from_uint8(reference.sources[:4]))
    assert torch.equal(batch.images, from_uint8(reference.images[:4]))
    assert torch.equal(batch.condition.label, reference.labels[:4])
    item = reference[2]
    assert all(torch.equal(item[name], raw[name][2]) for name in ("image", "source", "label"))
    assert len({EmojiPairs(*styles, image_size=16).fingerprint() for styles in ((), ("noto", "openmoji"))}) == 2


def test_both_of_a_pair_are_mirrored_alike():
    loaders = [EmojiPairs(image_size=16, batch_size=200, flip=flip).train_dataloader() for flip in (True, False)]
    seen, plain = (next(iter(loader)) for loader in loaders)
    turned = {}
    for name in ("image", "source"):
        same, mirrored = ((seen[name] == part).flatten(1).all(1) for part in (plain[name], plain[name].flip(-1)))
        assert (same | mirrored).all()
        turned[name] = mirrored.int() - same.int()  # 0 where an image is its own mirror image
    assert (turned["image"] * turned["source"] >= 0).all()
    assert 70 <= int((turned["image"] > 0).sum()) <= 130
    assert torch.equal(seen["label"], plain["label"])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Emoji("apple"), "style='apple': choose one of openmoji"),
        (lambda: Emoji(image_size=48), "image_size=48: choose one of 16, 32, 64"),
        (lambda: EmojiPairs("apple"), "source_style='apple'"),
        (lambda: EmojiPairs("openmoji"), "source_style='openmoji': .* choose another"),
        (lambda: EmojiPairs(image_size=0), "image_size=0"),
    ],
)
def test_impossible_settings_are_refused(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


def test_metrics_of_pairs_know_a_perfect_translator_and_one_that_leaves_white():
    held_out = EmojiPairs(image_size=16).reference_dataset
    batch = {name: (part + 1) / 2 for name, part in held_out.__getitems__(range(0, 243, 9)).items() if name != "label"}
    found = {}
    for kind, made in (("perfect", batch["image"]), ("white", batch["source"])):
        for name, metric in EmojiPairs().metrics().items():
            source = [batch["source"]] if "source" in inspect.signature(metric.update).parameters else []
            metric.update(made, batch["image"], *source)
            found[kind, name] = float(metric.compute())
    assert (found["perfect", "l1"], found["perfect", "ssim"], found["perfect", "hue_tv"]) == (0, pytest.approx(1), 0)
    assert found["perfect", "hue_entropy"] == found["white", "hue_entropy_target"] > 1 > found["white", "hue_entropy"]
    assert found["white", "l1"] > 0.05
    assert EmojiPairs("noto", "twemoji").metrics().keys() == {"l1", "psnr", "ssim"}


@pytest.mark.parametrize("style", STYLES)
def test_classes_of_features_are_labels(style):
    assert Emoji(style).features().classes == [f"{style}/{group}" for group in Emoji(style).classes]
    assert EmojiPairs("noto" if style == "outline" else "outline", style).features().num_classes is not None


def test_outlines_are_black_lines():
    levels = Emoji("outline").test_dataset.images
    assert torch.equal(levels[:, :1].expand_as(levels), levels)


def test_unpaired_emoji_show_no_pair_and_no_variant_of_one_and_hold_out_pairs():
    data, pairs = UnpairedEmoji(image_size=16), EmojiPairs(image_size=16)
    train, whole = data.train_dataset, pairs.train_dataset
    assert torch.equal(data.test_dataset.sources, pairs.test_dataset.sources)
    assert torch.equal(data.reference_dataset.images, pairs.test_dataset.images)
    records = [one for one in load_emoji("openmoji")[1] if one.split == "train"]
    bases = []
    for part, seen in ((train.sources, whole.sources), (train.images, whole.images)):
        known = [image.numpy().tobytes() for image in seen]
        counts = Counter(known)
        once = {image: place for place, image in enumerate(known) if counts[image] == 1}  # some outlines are alike
        found = [once.get(image.numpy().tobytes()) for image in part.images]
        bases.append({records[place].base for place in found if place is not None})
    assert not bases[0] & bases[1]
    assert len(train.sources) + len(train.images) == len(whole)
    assert min(len(train.sources), len(train.images)) > 0.4 * len(whole)
    assert (data.num_classes, next(iter(data.train_dataloader())).keys()) == (None, {"image", "source"})
    assert data.metrics().keys() == pairs.metrics().keys()
