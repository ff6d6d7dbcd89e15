"""What is predicted depends on the number of a sample, not on how samples are dealt to batches and processes."""

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.overrides.distributed import UnrepeatedDistributedSampler
from torch import nn
from torch.utils.data import DataLoader

from lightning_gans import GAN, Batch, Condition, ConditionalGAN, ConfigError, Pix2Pix
from lightning_gans.engine import can_encode, can_sample, can_translate, is_class_conditional
from lightning_gans.networks import MLPDiscriminator, MLPGenerator
from tests.games import gan, points, train

NUMBERS = torch.arange(21)


def plain():
    torch.manual_seed(0)
    generator = MLPGenerator(3, (2,), (8,), tanh_output=False, batch_norm=True)  # statistics may not depend on batches
    return GAN(generator, MLPDiscriminator((2,), (8,)), optimization={"ema_decay": 0.9})


def conditional():
    torch.manual_seed(0)
    generator = MLPGenerator(3, (2,), (8,), tanh_output=False, num_classes=4)
    return ConditionalGAN(generator, MLPDiscriminator((2,), (8,), num_classes=4), num_classes=4)


@pytest.fixture(scope="module", params=[plain, conditional])
def model(request):
    built = request.param()
    train(built, 4, data=(points(64), torch.arange(64) % 4))
    return built


def predicted(model, indices, batch_size):
    """By a trainer, from a loader of numbers."""
    quiet = {"logger": False, "enable_progress_bar": False, "accelerator": "cpu", "devices": 1}
    return torch.cat(Trainer(**quiet).predict(model, DataLoader(indices, batch_size=batch_size)))


@pytest.mark.parametrize("processes", [1, 2, 3])
@pytest.mark.parametrize("batch_size", [4, 21])
def test_numbers_select_the_samples_however_they_are_dealt(processes, batch_size, model):
    whole = model.sample(21)
    for rank in range(processes):
        own = list(UnrepeatedDistributedSampler(NUMBERS, processes, rank, shuffle=False))  # as Lightning deals them
        found = predicted(model, NUMBERS[own], batch_size)
        torch.testing.assert_close(found, whole[rank::processes])
    assert not whole.requires_grad


def test_numbers_may_come_in_any_order_and_from_any_place(model):
    order = torch.tensor([400, 3, 70, 3])
    found = model.predict_step(order, 0)
    torch.testing.assert_close(found, model.sample(401)[order])
    torch.testing.assert_close(model.predict_step({"index": order}, 7), found)
    assert torch.equal(found[1], found[3])


def test_batches_without_numbers_are_counted(model):
    """As those of images are, whose number of samples is wanted."""
    found = torch.cat([model.predict_step(points(5), number) for number in range(3)])
    torch.testing.assert_close(found, model.sample(15))
    assert found.dtype == torch.float32


def test_labels_of_a_batch_are_those_of_its_samples():
    model, labels = conditional(), torch.tensor([3, 3, 0])
    expected = model.sample(3, labels=labels)
    torch.testing.assert_close(model.predict_step({"index": torch.arange(3), "label": labels}, 5), expected)
    torch.testing.assert_close(model.predict_step((points(3), labels), 0), expected)
    torch.testing.assert_close(model.predict_step(Batch(points(3), Condition(label=labels)), 0), expected)


# Translators.


class Channels(nn.Module):
    """A translator from one channel to two; dropout must be off, batch norm settled."""

    source_shape = (1, 4, 4)

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.Dropout(0.5), nn.Tanh())

    def forward(self, source):
        return self.layers(source)


class Patches(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(3, 1, 1)

    def forward(self, image, source):
        return self.layer(torch.cat([image, source], dim=1))


@pytest.fixture(scope="module")
def translator():
    torch.manual_seed(0)
    built = Pix2Pix(Channels(), Patches(), optimization={"ema_decay": 0.9})
    pairs = torch.rand(16, 2, 4, 4) * 2 - 1, torch.rand(16, 1, 4, 4) * 2 - 1
    train(built, 3, data=pairs, batch_size=8)
    return built, pairs


def test_a_translator_predicts_from_sources_however_they_come(translator):
    model, (images, sources) = translator
    expected = model.translate(sources)
    assert expected.shape == images.shape
    assert expected.dtype == torch.float32
    for batch in (sources, (sources,), {"source": sources}, (images, sources), {"image": images, "source": sources}):
        torch.testing.assert_close(model.predict_step(batch, 3), expected)
    torch.testing.assert_close(predicted(model, sources, 5), expected)  # dealt in other batches
    torch.testing.assert_close(model.generate(Condition(source=sources), n=16), expected)


def test_a_translator_has_averaged_weights_and_raw_ones(translator):
    model, (_, sources) = translator
    raw = model.translate(sources, ema=False)
    assert not torch.equal(raw, model.translate(sources))
    modes = [module.training for module in model.modules()]
    model.generator.eval()
    assert torch.equal(raw, model.generator(sources).detach())
    model.generator.train()
    assert torch.equal(raw, model.translate(sources, ema=False))
    assert modes == [module.training for module in model.modules()]
    assert model.translate(sources.double()).dtype == torch.float32


@pytest.mark.parametrize(
    ("generate", "message"),
    [
        (lambda model: model.translate(torch.zeros(2, 3, 4, 4)), "source='3 channels': the model takes sources of 1"),
        (lambda model: model.generate(Condition(source=torch.zeros(2, 1, 4, 4)), n=3), "condition=2: 3 sources"),
        (lambda model: model.generate(Condition(), n=3), "the model is given a source"),
        (lambda model: model.predict_step({"index": NUMBERS}, 0), "the model is given a source"),
    ],
)
def test_what_cannot_be_translated_is_refused_in_one_line(generate, message, translator):
    with pytest.raises(ConfigError, match=message) as told:
        generate(translator[0])
    assert "\n" not in str(told.value)


def test_noise_at_test_time_belongs_to_the_image_and_leaves_no_trace(translator):
    """With dropout and batch norm of the image itself: a function of (seed, i), whatever is translated beside it."""
    model, (_, sources) = translator
    before = {name: value.clone() for name, value in model.state_dict().items()}
    still = model.translate(sources)
    model.stochastic = True
    try:
        noisy = model.translate(sources, seed=1)
        assert not torch.equal(noisy, still)
        assert not torch.equal(noisy, model.translate(sources, seed=2))
        part = model.generate(Condition(source=sources[3:5]), n=2, seed=1, start=3)
        assert torch.equal(part, noisy[3:5])
        norm = model.ema["generator"].layers[1]
        assert norm.track_running_stats
    finally:
        model.stochastic = False
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(model.translate(sources), still)


def test_a_direction_that_was_not_learned_is_refused(translator):
    with pytest.raises(ConfigError, match="direction='BtoA': Pix2Pix translates AtoB"):
        translator[0].translate(torch.zeros(1, 1, 4, 4), direction="BtoA")


def test_training_a_translator_needs_sources():
    with pytest.raises(ConfigError, match="batch='no condition': the model is given a source"):
        train(Pix2Pix(Channels(), Patches()), 1, data=torch.zeros(8, 2, 4, 4), batch_size=8)


def test_abilities_are_those_that_a_model_has(translator):
    assert (can_sample(gan()), can_translate(gan()), can_encode(gan())) == (True, False, False)
    assert (can_sample(translator[0]), can_translate(translator[0])) == (False, True)
    assert is_class_conditional(conditional())
    assert not is_class_conditional(plain())
    assert not is_class_conditional(translator[0])
