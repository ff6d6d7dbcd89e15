"""The classifier of the embedded emoji, and convolutions that nobody trained."""

from importlib.resources import files

import pytest
import torch

from lightning_gans.data.emoji_images import STYLES, load_emoji, rows_of, shrink
from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.features import EmojiFeatures, RandomFeatures
from lightning_gans.evaluation.metrics.functional.frechet import frechet_distance


def noise(*shape):
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


@pytest.mark.parametrize("side", [64, 32])
def test_style_and_group_of_unseen_emoji(side):
    features = EmojiFeatures()
    right = torch.zeros(2)
    seen = 0
    for style in STYLES:
        images, records = load_emoji(style)
        rows = rows_of(records, "test")[::5]
        logits = features(shrink(images[rows], side)).logits
        styles, style_logits = features.style_logits(logits)
        groups, group_logits = features.group_logits(logits)
        truth = torch.tensor([groups.index(records[row].group) for row in rows.tolist()])
        right[0] += (style_logits.argmax(1) == styles.index(style)).sum()
        right[1] += (group_logits.argmax(1) == truth).sum()
        seen += len(rows)
    assert right[0] / seen > 0.9
    assert right[1] / seen > 0.6  # the most frequent group makes .23


def test_a_group_is_as_likely_as_its_classes():
    features = EmojiFeatures()
    logits = features(noise(4, 3, 64, 64)).logits
    names, groups = features.group_logits(logits)
    assert len(names) == 10
    both = [place for place, name in enumerate(features.classes) if name.endswith("/food-drink")]
    assert torch.allclose(groups.softmax(1)[:, names.index("food-drink")], logits.softmax(1)[:, both].sum(1))


def test_one_style_has_the_logits_of_its_groups():
    every, noto = EmojiFeatures(), EmojiFeatures("noto")
    images = noise(3, 3, 64, 64)
    chosen = [every.classes.index(name) for name in noto.classes]
    assert (every.num_classes, noto.num_classes) == (36, 8)
    assert torch.equal(noto(images).logits, every(images).logits[:, chosen])
    assert torch.equal(noto(images).features, every(images).features)
    assert len({EmojiFeatures(style).fingerprint for style in (None, *STYLES)}) == 5
    order = list(dict.fromkeys(one.group for one in load_emoji("noto")[1]))
    assert noto.classes == [f"noto/{group}" for group in order]  # as the data module's labels


def test_gray_is_repeated_and_other_channels_refused():
    features, gray = EmojiFeatures(), noise(2, 1, 64, 64)
    assert torch.equal(features(gray).features, features(gray.expand(-1, 3, -1, -1)).features)
    with pytest.raises(ConfigError, match="gray or RGB"):
        features(noise(2, 4, 64, 64))
    with pytest.raises(ConfigError, match="style='apple': choose one of openmoji"):
        EmojiFeatures("apple")


def test_the_classifier_is_small_and_keeps_its_accuracy():
    path = files("lightning_gans.evaluation.features") / "weights" / "emoji.safetensors"
    assert path.stat().st_size < 2e6
    facts = EmojiFeatures().facts
    assert facts["test_accuracy_style"] > 0.94
    assert facts["test_accuracy_group"] > 0.65


@pytest.mark.parametrize("shape", [(1, 8, 8), (2, 9, 13), (3, 64, 64), (20, 8, 8)])
def test_random_features_take_any_image(shape):
    images = noise(7, *shape)
    features = RandomFeatures()(images).features
    assert features.shape == (7, 192)
    assert features.isfinite().all()
    assert (features.std(0) > 0).float().mean() > 0.9


def test_random_features_are_one_function_of_the_image():
    images, extractor = noise(20, 3, 32, 32), RandomFeatures()
    whole = extractor(images).features
    state = torch.get_rng_state()
    again = RandomFeatures()
    assert torch.equal(torch.get_rng_state(), state)
    assert again.fingerprint == extractor.fingerprint != RandomFeatures(1).fingerprint
    parts = torch.cat([again(part).features for part in images.split(3)])
    assert torch.allclose(parts, whole, rtol=1e-5, atol=1e-5)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        assert torch.allclose(extractor(images).features, whole, rtol=1e-5, atol=1e-5)
    finally:
        torch.set_num_threads(threads)
    with pytest.raises(ConfigError, match="8 x 8 pixels or more"):
        extractor(noise(2, 3, 7, 9))


def test_random_features_rank_as_the_eye_does():
    images, records = load_emoji("noto")
    faces = [row for row, one in enumerate(records) if one.subgroup.startswith("face")]
    faces = shrink(images[faces], 32).float()
    soft, mud = (torch.nn.functional.avg_pool2d(faces, side, 1, side // 2, count_include_pad=False) for side in (3, 11))
    speckle = 40 * torch.randn(mud.shape, generator=torch.Generator().manual_seed(0))
    real, *fakes = (
        RandomFeatures()(one.round().clamp(0, 255).to(torch.uint8)).features
        for one in (faces, soft, mud + speckle, mud)
    )
    soft_distance, speckled_distance, mud_distance = (float(frechet_distance(real, fake)) for fake in fakes)
    assert 0 < 2 * soft_distance < speckled_distance < mud_distance
