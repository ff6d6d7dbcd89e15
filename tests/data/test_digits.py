import pytest
import torch
from lightning.pytorch import Trainer

from lightning_gans import ConfigError
from lightning_gans.data import Digits
from lightning_gans.evaluation.features.train import load_digits
from lightning_gans.images import to_uint8


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
