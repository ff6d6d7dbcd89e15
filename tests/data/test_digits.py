import pytest
import torch
from lightning.pytorch import Trainer
from torch import nn
from torch.utils.data import Subset

from lightning_gans import ConfigError, Pix2Pix
from lightning_gans.data import Digits, UnpairedDigits
from lightning_gans.data.digits import color, enlarge
from lightning_gans.evaluation.features.train import load_digits
from lightning_gans.evaluation.sources import TranslatedSource
from lightning_gans.images import to_uint8
from lightning_gans.networks import PatchDiscriminator


def test_facts_are_known_before_anything_is_read():
    data = Digits()
    assert data.image_shape == (1, 8, 8)
    assert data.num_classes == 10
    assert data._train is None


def test_images_and_labels():
    dataset = Digits().train_dataset
    images, labels = dataset.__getitems__(range(len(dataset)))
    assert images.shape == (1797, 1, 8, 8)
    assert images.dtype == torch.float32
    assert images.min() == -1
    assert images.max() == 1
    assert torch.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert torch.equal(dataset[5][0], images[5])


def test_the_classifier_was_trained_on_the_same_pixels():
    found = load_digits()
    images, _ = Digits().train_dataset.__getitems__(range(1797))
    theirs = torch.cat([found.train_images, found.test_images])
    assert torch.equal(to_uint8(images).unique(dim=0), theirs.unique(dim=0))


def order(data, epoch=0):
    loader = data.train_dataloader()
    loader.sampler.set_epoch(epoch)
    return torch.cat([labels for _, labels in loader])


def test_the_order_is_a_function_of_seed_and_epoch():
    assert torch.equal(order(Digits()), order(Digits()))
    assert not torch.equal(order(Digits()), order(Digits(), epoch=1))
    assert not torch.equal(order(Digits()), order(Digits(seed=1)))
    assert len(order(Digits(batch_size=64))) == 28 * 64


def test_there_is_no_validation_inside_fit():
    data = Digits()
    data.trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)
    data.trainer.state.fn = "fit"
    assert data.val_dataloader() == []
    data.trainer.state.fn = "validate"
    assert sum(len(labels) for _, labels in data.val_dataloader()) == 1797
    assert sum(len(labels) for _, labels in data.test_dataloader()) == 1797


def test_the_fingerprint_covers_pixels_and_labels():
    first, second = Digits(), Digits(batch_size=8)
    assert first.fingerprint() == second.fingerprint()
    second.train_dataset.images = second.train_dataset.images.clone()
    second.train_dataset.images[0, 0, 0, 0] += 1
    assert first.fingerprint() != second.fingerprint()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 0}, "batch_size=0"),
        ({"num_workers": -1}, "num_workers=-1"),
        ({"batch_size": 1798}, "batch_size=1798: the data set has 1797 images"),
    ],
)
def test_impossible_settings_are_named(settings, message):
    with pytest.raises(ConfigError, match=message):
        Digits(**settings).setup()


@pytest.fixture(scope="module")
def unpaired():
    return UnpairedDigits()


def test_no_digit_is_in_both_domains_and_those_held_out_are_in_none(unpaired):
    train, test = unpaired.train_dataset, unpaired.test_dataset
    digits = Digits().train_dataset
    large, held_out = enlarge(digits.images), torch.arange(0, 1797, 6)
    rest = torch.tensor([row for row in range(1797) if row % 6])
    for part, rows, others in ((train, rest[::2], rest[1::2]), (test, held_out, held_out)):
        assert torch.equal(part.sources.images, large[rows].expand_as(part.sources.images))
        assert torch.equal(part.sources.labels, digits.labels[rows])
        assert torch.equal(part.images.images, color(large[others], others))
        assert torch.equal(part.images.labels, digits.labels[others])
    assert unpaired.reference_dataset is test.images
    assert torch.bincount(train.images.labels).min() > 65
    batch = next(iter(unpaired.train_dataloader()))
    assert (batch.keys(), batch["source"].shape) == ({"image", "source"}, (64, *unpaired.source_shape))


def test_a_colored_digit_has_one_dark_color_on_a_pale_ground_that_varies():
    digits = torch.tensor([0, 255] * 50, dtype=torch.uint8)[:, None, None, None].expand(-1, 1, 32, 32)
    images = color(digits, torch.arange(100)).double() / 255
    ground, ink = images[::2], images[1::2]
    assert torch.equal(ink, ink[:, :, :1, :1].expand_as(ink))
    assert ink.max() <= 0.4 < ground.min()
    assert ground.std((2, 3)).min() > 0.03  # within an image, in every channel
    steps = torch.cat([ground.diff(dim=2).flatten(), ground.diff(dim=3).flatten()])
    assert steps.abs().max() < 0.1  # smooth
    assert (ground.mean((2, 3)).std(0) > 0.02).all()  # from image to image
    assert (ink[:, :, 0, 0].std(0) > 0.08).all()


def test_the_color_of_a_digit_is_a_function_of_seed_and_row():
    digits = enlarge(Digits().train_dataset.images[:9])
    whole = color(digits, torch.arange(9))
    assert torch.equal(color(digits[[7, 2]], torch.tensor([7, 2])), whole[[7, 2]])
    assert not torch.equal(color(digits, torch.arange(9), seed=1), whole)


def test_classifiers_of_both_domains_know_the_digits_held_out(unpaired):
    test, agreement = unpaired.test_dataset, unpaired.metrics()["agreement"]
    of_sources, of_images = agreement.source_classifier, agreement.image_classifier
    for extractor, part, least in ((of_sources, test.sources, 0.99), (of_images, test.images, 0.97)):
        right = extractor(part.images).logits.argmax(1) == part.labels
        assert right.double().mean() >= least
    assert right.double().mean() == pytest.approx(extractor.facts["test_accuracy"], abs=1e-3)


class Inverse(nn.Module):
    """Black on white, of any number of channels: the class stays readable."""

    def __init__(self, channels):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.channels = channels

    def forward(self, source):
        return -self.weight * source.mean(1, keepdim=True).expand(-1, self.channels, -1, -1)


@pytest.mark.parametrize("part", [range(300), range(0, 300, 7)], ids=["all", "some"])
def test_agreement_is_that_of_the_classifier_with_the_labels_of_what_was_translated(unpaired, part):
    test, (agreement,) = unpaired.test_dataset, unpaired.metrics().values()
    model = Pix2Pix(Inverse(3), PatchDiscriminator((3, 32, 32), source_shape=unpaired.source_shape, base_channels=4))
    agreement.update(TranslatedSource(model, Subset(test, part), paired=False))
    inverse = 255 - test.sources.images[list(part)].expand(-1, 3, -1, -1)
    right = unpaired.features()(inverse).logits.argmax(1) == test.sources.labels[list(part)]
    expected = float(right.double().mean())
    found = agreement.compute()
    assert found.keys() == {"agreement_to_image"}  # Pix2Pix knows no way back
    assert float(found["agreement_to_image"]) == pytest.approx(expected)
    assert expected > 0.9


def test_negative_sources_are_black_on_white_and_their_classifier_sees_the_same_digits():
    plain, negative = UnpairedDigits(), UnpairedDigits(negative=True)
    given, turned = (data.test_dataset.sources.images for data in (plain, negative))
    assert torch.equal(turned, 255 - given)
    assert torch.equal(negative.test_dataset.images.images, plain.test_dataset.images.images)
    classifiers = [data.metrics()["agreement"].source_classifier for data in (plain, negative)]
    one, other = (classifier(images).logits for classifier, images in zip(classifiers, (given, turned), strict=True))
    assert torch.equal(one, other)
