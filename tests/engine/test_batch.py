"""Batches of a user's making, and what becomes of them: conditions, samples, micro-batches."""

from collections import namedtuple

import pytest
import torch
from torch.utils._pytree import tree_flatten, tree_unflatten
from torch.utils.data import default_collate

from lightning_gans import AAE, GAN, VAE, Batch, Condition, ConditionalGAN, ConfigError, Pix2Pix, Sample
from lightning_gans.batch import split_batch
from lightning_gans.networks import MLPDiscriminator, MLPEncoder, MLPGenerator
from tests.games import gan, loader, points, train

IMAGES, SOURCES, LABELS = torch.rand(6, 3, 4, 4), torch.rand(6, 1, 8, 8), torch.arange(6)
MASK, TEXT = torch.zeros(6, 1, 4, 4), torch.rand(6, 5)
Pair = namedtuple("Pair", "x y")  # what some loaders yield


@pytest.mark.parametrize(
    ("raw", "condition"),
    [
        (IMAGES, {}),
        ((IMAGES,), {}),
        ([IMAGES], {}),
        ((IMAGES, LABELS), {"label": LABELS}),
        ([IMAGES, LABELS, "file names"], {"label": LABELS}),
        (Pair(IMAGES, LABELS), {"label": LABELS}),
        ((IMAGES, SOURCES), {"source": SOURCES}),
        ({"image": IMAGES}, {}),
        ({"image": IMAGES, "label": LABELS, "path": ["a"] * 6}, {"label": LABELS}),
        (
            {"image": IMAGES, "source": SOURCES, "mask": MASK, "text": TEXT},
            {"source": SOURCES, "mask": MASK, "text": TEXT},
        ),
        (Batch(IMAGES, Condition(text=TEXT)), {"text": TEXT}),
    ],
)
def test_every_form_becomes_the_same_batch(raw, condition):
    found = Batch.of(raw)
    assert found.image is found.images is IMAGES
    assert found.size == 6
    assert found.indices is None
    for name in Condition._fields:
        assert getattr(found.condition, name) is condition.get(name)
    assert Batch.of(found) is found


def test_what_is_to_be_predicted_needs_no_image():
    found = Batch.of({"index": LABELS, "label": LABELS})
    assert (found.image, found.indices, found.condition.label) == (None, LABELS, LABELS)
    assert found.size == 6
    assert Batch.of({"source": SOURCES}).condition.source is SOURCES
    with pytest.raises(ConfigError, match="batch='no image': training needs"):
        _ = found.images
    with pytest.raises(ConfigError, match="batch='no label'"):
        _ = Batch(IMAGES).labels
    assert Batch(IMAGES, Condition(label=LABELS)).labels is LABELS


def test_an_item_that_nobody_collated_is_read_as_well():
    """As a dataset yields it: the label is an int, which collation makes a tensor of."""
    alone = Batch.of((IMAGES[0], 3))
    assert alone.condition.label.tolist() == 3
    assert Batch.of({"image": IMAGES[0], "label": 3}).condition.label.tolist() == 3
    together = Batch.of(default_collate([(image, int(label)) for image, label in zip(IMAGES, LABELS, strict=True)]))
    assert torch.equal(together.condition.label, LABELS)
    assert together.condition.label.dtype == torch.int64


@pytest.mark.parametrize(
    ("raw", "named"),
    [
        ("images", "'str'"),
        (None, "'NoneType'"),
        ({"picture": IMAGES}, r"dict with keys \['picture'\]"),
        ((), "tuple of 0"),
        (["a", "b"], "list of 2"),
        ([(IMAGES, LABELS)], "list of 1"),
    ],
)
def test_other_forms_are_refused_in_one_line(raw, named):
    with pytest.raises(ConfigError, match=rf"batch=.*{named}.*expected a tensor of images, \(images, labels\)") as told:
        Batch.of(raw)
    assert "\n" not in str(told.value)


def test_a_model_gets_what_it_uses_and_nothing_else():
    whole = Condition(label=LABELS, source=SOURCES, text=TEXT)
    assert whole.only([]).tensors() == ()
    assert whole.only(["text", "label"]).tensors() == (LABELS, TEXT)  # in the order of the fields
    with pytest.raises(ConfigError, match=r"batch=\['label'\]: the model is given a mask, and the batch has none"):
        Condition(label=LABELS).only(["mask"])
    with pytest.raises(ConfigError, match="batch='no condition': the model is given a label"):
        Condition().only(["label"])


def test_functions_are_applied_to_what_is_there():
    condition = Condition(label=LABELS, text=TEXT).map(lambda part: part[:2])
    assert [None if part is None else len(part) for part in condition] == [2, None, None, 2]
    sample = Sample(IMAGES, condition, latent=TEXT, generated=True)
    doubled = sample.map(lambda part: 2 * part)
    assert torch.equal(doubled.image, 2 * IMAGES)
    assert torch.equal(doubled.latent, 2 * TEXT)
    assert doubled.condition is condition  # which is not to be mixed or moved
    assert doubled.generated
    codes = Sample(None, latent=TEXT).map(lambda part: 2 * part)
    assert codes.image is None
    assert torch.equal(codes.latent, 2 * TEXT)


def test_a_discriminator_takes_image_latent_and_conditions_in_this_order():
    whole = Sample(IMAGES, Condition(label=LABELS, source=SOURCES, mask=MASK, text=TEXT), latent=TEXT + 1)
    assert [id(part) for part in whole.tensors()[2:]] == [id(part) for part in (LABELS, SOURCES, MASK, TEXT)]
    assert whole.tensors()[0] is IMAGES
    assert whole.tensors()[1] is whole.latent
    assert whole.inputs() == (IMAGES, whole.latent)
    assert Sample(None, Condition(label=LABELS), latent=TEXT).tensors() == (TEXT, LABELS)
    assert whole.size == Sample(None, latent=TEXT).size == 6


@pytest.mark.parametrize("count", [1, 2, 3])
def test_micro_batches_cut_all_parts_alike(count):
    whole = Batch(IMAGES, Condition(label=LABELS, source=SOURCES), indices=LABELS + 10)
    parts = list(split_batch(whole, count))
    assert [part.size for part in parts] == [6 // count] * count
    assert torch.equal(torch.cat([part.image for part in parts]), IMAGES)
    assert torch.equal(torch.cat([part.condition.label for part in parts]), LABELS)
    assert torch.equal(torch.cat([part.condition.source for part in parts]), SOURCES)
    assert torch.equal(torch.cat([part.indices for part in parts]), LABELS + 10)
    assert all(isinstance(part, Batch) and part.condition.mask is None for part in parts)


def test_micro_batches_of_unequal_size_are_refused():
    with pytest.raises(ConfigError, match=r"optimization\.micro_batches=4: a batch of 6 does not divide into 4 parts"):
        list(split_batch(Batch(IMAGES), 4))


def test_torch_and_lightning_move_what_is_inside():
    leaves, structure = tree_flatten(Batch(IMAGES, Condition(label=LABELS)))
    again = tree_unflatten([leaf.double() if isinstance(leaf, torch.Tensor) else leaf for leaf in leaves], structure)
    assert isinstance(again, Batch)
    assert isinstance(again.condition, Condition)
    assert again.image.dtype == again.condition.label.dtype == torch.float64


def model_of(kind):
    generator = MLPGenerator(4, (1, 8, 8), (8,), num_classes=2 if kind is ConditionalGAN else 0)
    encoder, codes = MLPEncoder((1, 8, 8), (8,), out_features=8), MLPDiscriminator((4,), (8,))
    return {
        GAN: lambda: GAN(generator, MLPDiscriminator((1, 8, 8), (8,))),
        ConditionalGAN: lambda: kind(generator, MLPDiscriminator((1, 8, 8), (8,), num_classes=2), num_classes=2),
        VAE: lambda: VAE(generator, encoder),
        AAE: lambda: AAE(generator, MLPEncoder((1, 8, 8), (8,), out_features=4), codes),
        Pix2Pix: lambda: Pix2Pix(torch.nn.Conv2d(1, 1, 1), torch.nn.Conv2d(1, 1, 1)),
    }[kind]()


@pytest.mark.parametrize("kind", [GAN, ConditionalGAN, VAE, AAE, Pix2Pix])
def test_images_that_are_no_floats_are_refused_in_one_line(kind):
    images = torch.zeros(4, 1, 8, 8, dtype=torch.uint8)
    batch = {"image": images, "label": torch.zeros(4, dtype=torch.int64), "source": images.float()}
    with pytest.raises(ConfigError, match=r"batch='images of torch.uint8': networks take floats"):
        train(model_of(kind), 1, loader=lambda *_: torch.utils.data.DataLoader([batch], batch_size=None))


def test_a_batch_without_images_is_no_training_data():
    labels = torch.utils.data.DataLoader([{"label": LABELS}], batch_size=None)
    with pytest.raises(ConfigError, match="batch='no image'"):
        train(gan(), 1, loader=lambda *_: labels)


def test_the_loader_s_own_batches_are_left_as_they_are():
    kept = next(iter(loader((points(32), torch.arange(32)))))
    model = gan()
    prepared = model.prepare(kept)
    assert prepared.condition == Condition()
    assert torch.equal(kept[1], torch.arange(32))
