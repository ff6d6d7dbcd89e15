import pytest
import torch
from torch.nn import functional as F

from lightning_gans import ACGAN, ConfigError
from lightning_gans.batch import Batch, Condition
from lightning_gans.networks import MLPDiscriminator, MLPGenerator
from lightning_gans.regularizers import R1
from tests.games import labeled, loss_of

C = 3


def acgan(outputs=1 + C, **kwargs):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        generator = MLPGenerator(3, (2,), (16,), tanh_output=False, num_classes=C)
        return ACGAN(generator, MLPDiscriminator((2,), (16,), out_features=outputs), num_classes=C, **kwargs)


def batch_of(n):
    x, c = labeled(C, n)
    return Batch(x, Condition(label=c))


def test_losses_follow_the_equations():
    """Against cross-entropies written out as logarithms of probabilities."""
    model, batch = acgan(), batch_of(24)
    x, c = batch.image, batch.condition.label
    model._rng.seek(0, 0)
    fake = model.generator(model.latent(batch), c)

    def log_likelihoods(images, source):
        outputs = model.discriminator(images)
        real = torch.sigmoid(outputs[:, 0])
        named = outputs[:, 1:].softmax(1)[range(24), c].log().mean()
        return (real if source == "real" else 1 - real).log().mean(), named

    (source_real, class_real), (source_fake, class_fake) = log_likelihoods(x, "real"), log_likelihoods(fake, "fake")
    model._rng.seek(0, 0)
    expected = -(source_real + source_fake) - (class_real + class_fake)
    torch.testing.assert_close(model.discriminator_loss(batch), expected)
    model._rng.seek(0, 0)
    expected = -log_likelihoods(fake, "real")[0] - class_fake
    torch.testing.assert_close(model.generator_loss(batch), expected)


def test_the_discriminator_is_not_told_the_class():
    model, batch = acgan(), batch_of(24)
    for sample in (model.real(batch), model.fake(batch)):
        assert [part.shape for part in sample.tensors()] == [(24, 2)]
        assert model.critic.logits(sample).shape == (24, 1)


def test_accuracies_of_the_class_head_are_logged():
    model, batch = acgan(), batch_of(24)
    logged = {}
    model.log_value = lambda name, value: logged.update({name: float(value)})
    with torch.no_grad():
        model.discriminator.out.weight.zero_()
        model.discriminator.out.bias.copy_(torch.tensor([0.0, 0.0, 9.0, 0.0]))  # it always says class 1
    model.discriminator_loss(batch)
    expected = float((batch.condition.label == 1).float().mean())
    assert logged["class_accuracy/real"] == logged["class_accuracy/fake"] == pytest.approx(expected)


def test_penalties_look_at_the_source_alone():
    model, batch = acgan(regularizers=[R1(2.0)]), batch_of(24)
    regularized = loss_of(model, "discriminator", (batch.image, batch.condition.label))
    model._rng.seek(0, 0)
    points = batch.image.clone().requires_grad_()
    (slope,) = torch.autograd.grad(model.discriminator(points)[:, 0].sum(), points)
    torch.testing.assert_close(regularized, model.discriminator_loss(batch) + slope.square().sum(1).mean())
    assert F.cross_entropy(model.discriminator(batch.image)[:, 1:], batch.condition.label) > 0


def test_too_few_outputs_are_named():
    with pytest.raises(ConfigError, match=r"discriminator='outputs \(1,\)'.*1 \+ 3"):
        acgan(outputs=1).discriminator_loss(batch_of(8))


def test_networks_are_told_who_knows_labels():
    data, settings = {"image_shape": (1, 8, 8), "num_classes": 10, "latent_dim": 5}, {"given": ["label"]}
    assert ACGAN.network_kwargs("generator", data, settings)["num_classes"] == 10
    told = ACGAN.network_kwargs("discriminator", data, settings)
    assert (told["num_classes"], told["out_features"]) == (0, 11)
