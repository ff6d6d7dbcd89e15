"""What super-resolution and inpainting promise beyond what every model is tested for."""

import copy

import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from lightning_gans import ESRGAN, ConfigError, ContextEncoder
from lightning_gans.batch import Batch, Condition
from lightning_gans.data import CenterMask
from lightning_gans.engine import Inpainter
from lightning_gans.evaluation.features import CIFAR10Maps
from lightning_gans.evaluation.sources import TranslatedSource
from lightning_gans.networks import ContextGenerator, GatedGenerator, SRDiscriminator, SRResNet
from lightning_gans.objectives import RelativisticAverage
from tests.games import same, state, train
from tests.models.running import Watch, fit


class Invents(nn.Module):
    """Makes an image of what it is given, holes included."""

    def forward(self, source, mask):
        return torch.tanh(3 * source + mask + 0.1)


@pytest.fixture
def holes():
    source = torch.linspace(-1, 1, 2 * 3 * 8 * 8).view(2, 3, 8, 8)
    mask = torch.zeros(2, 1, 8, 8)
    mask[:, :, 2:5, 3:7] = 1
    return source, mask


def test_what_is_known_comes_back_bit_by_bit(holes):
    source, mask = holes
    made = Inpainter(Invents()).translate(source, mask=mask)
    known = (mask == 0).expand_as(source)
    assert torch.equal(made[known], source[known])
    assert not (made[~known] == source[~known]).any()


def test_what_is_known_is_not_rounded_in_mixed_precision(holes):
    source, mask = holes
    with torch.autocast("cpu", torch.bfloat16):
        made = Inpainter(GatedGenerator((4, 8, 8), (3, 8, 8), base_channels=2)).translate(source, mask=mask)
    known = (mask == 0).expand_as(source)
    assert torch.equal(made[known], source[known])


def test_an_inpainter_that_was_built_of_networks_alone_completes(holes):
    """A network of so many channels is given one image less a mask."""
    source, mask = holes
    model = Inpainter(GatedGenerator((4, 8, 8), (3, 8, 8), base_channels=2))
    expected = model.translate(source, mask=mask)
    assert expected.shape == source.shape
    assert torch.equal(model.predict_step({"image": source, "mask": mask}, 0), expected)
    with pytest.raises(ConfigError, match="takes sources of 3 channels"):
        model.translate(source[:, :1], mask=mask)


def test_whatever_a_mask_calls_missing_a_network_is_shown_ones(holes):
    source, mask = holes
    model = Inpainter(Invents())
    expected = model.translate(source, mask=mask)
    for other in (mask.bool(), (255 * mask).byte()):
        assert torch.equal(model.translate(source, mask=other), expected)


@pytest.mark.parametrize("side", [30, 32])
def test_a_context_encoders_discriminator_sees_the_central_hole(side):
    mask = CenterMask()(torch.empty(1, 0), side, side)
    window = ContextEncoder(Invents(), nn.Flatten()).real(Batch(mask)).image
    assert window.sum() == mask.sum() == window.numel()


def test_vectors_of_one_image_are_not_normalized(holes):
    source, mask = holes
    generator = ContextGenerator((4, 8, 8), (3, 8, 8), base_channels=2, bottleneck=2)
    with pytest.raises(ConfigError, match="stochastic=True: the network normalizes vectors over a batch"):
        Inpainter(generator, stochastic=True).translate(source, mask=mask)


def test_what_is_missing_is_hidden_from_the_network(holes):
    source, mask = holes
    model = Inpainter(Invents())
    other = torch.where(mask > 0, -source, source)
    assert torch.equal(model.translate(source, mask=mask), model.translate(other, mask=mask))
    batches = [{"image": source, "source": each, "mask": mask} for each in (source, other)]
    assert torch.equal(*(model.prepare(batch).condition.source for batch in batches))


def test_a_mask_is_asked_for_and_has_to_fit(holes):
    source, mask = holes
    model = Inpainter(Invents())
    with pytest.raises(ConfigError, match="mask=None: say what is missing"):
        model.translate(source)
    with pytest.raises(ConfigError, match=r"mask=\(2, 1, 4, 8\): must be \(2, 1, 8, 8\)"):
        model.translate(source, mask=mask[:, :, ::2])
    with pytest.raises(ConfigError, match="the model is given a mask"):
        model.generate(Condition(source=source), n=2)


def test_a_context_encoder_is_judged_in_hole_and_band_alone(holes):
    source, mask = holes
    model = ContextEncoder(Invents(), nn.Flatten(), adversarial_weight=0.0, overlap=1)
    near = torch.zeros_like(mask)
    near[:, :, 1:6, 2:8] = 1
    losses = []
    for far in (0.0, 1.0):  # what the image shows elsewhere changes nothing
        image = torch.where(near > 0, 0.3 * source, torch.full_like(source, far))
        batch = model.prepare({"image": image, "source": source, "mask": mask})
        losses.append(model.generator_loss(batch))
    assert torch.equal(*losses)
    first = torch.cat([mask[:1], torch.zeros_like(mask[1:])])  # an image without a hole is right as it is
    batch = model.prepare({"image": image, "source": source, "mask": first})
    alone = model.prepare({"image": image[:1], "source": source[:1], "mask": mask[:1]})
    torch.testing.assert_close(model.generator_loss(batch), model.generator_loss(alone) / 2)


def small_esrgan(**kwargs):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        networks = (
            SRResNet((1, 8, 8), (1, 16, 16), 4, 1, 3, norm=None),
            SRDiscriminator((1, 16, 16), 2, 4, norm=None),
        )
    return ESRGAN(*networks, **kwargs)


def pairs():
    generator = torch.Generator().manual_seed(0)
    large, small = (torch.randn(32, 1, side, side, generator=generator).tanh() for side in (16, 8))
    return large, small


def test_esrgan_goes_back_to_the_end_of_the_first_phase():
    first = small_esrgan(content_share=1.0)
    train(first, 3, data=pairs(), batch_size=8)
    model = small_esrgan(content_share=0.5)
    train(model, 6, data=pairs(), batch_size=8)
    content, game = state(first.generator), state(model.generator)
    assert not same(content, game)
    for alpha, expected in ((1.0, game), (0.0, content), (0.25, {k: 0.75 * content[k] + 0.25 * game[k] for k in game})):
        mixed = copy.deepcopy(model)
        mixed.interpolate(alpha)
        for name, value in state(mixed.generator).items():
            torch.testing.assert_close(value, expected[name], rtol=0, atol=1e-7)


def test_esrgan_without_a_first_phase_has_nothing_to_go_back_to():
    with pytest.raises(ConfigError, match=r"interpolation=0\.5: content_share is 0"):
        small_esrgan(content_share=0.0).interpolate(0.5)
    with pytest.raises(ConfigError, match=r"interpolation=2: must be a share"):
        small_esrgan().interpolate(2)


def test_esrgan_before_its_game_has_one_set_of_weights():
    model = small_esrgan(content_share=1.0)
    train(model, 3, data=pairs(), batch_size=8)
    with pytest.raises(ConfigError, match=r"interpolation=0\.5: the game has not begun"):
        model.interpolate(0.5)


def test_what_contents_are_compared_in_stands_in_the_provenance():
    provenance = TranslatedSource(small_esrgan(features=CIFAR10Maps((2,))), TensorDataset(*pairs())).provenance()
    assert provenance["features"]["name"] == "CIFAR10Maps"
    assert provenance["features"]["layers"] == [2]
    assert len(provenance["features"]["sha256"]) == 64


def test_relative_realness_is_symmetric_and_of_differences():
    objective, real, fake = RelativisticAverage(), torch.randn(5), torch.randn(5)
    assert float(objective.discriminator(real, real)) > 2 * torch.tensor(2.0).log()  # by Jensen; equal where all are
    torch.testing.assert_close(objective.discriminator(real[:1], real[:1]), 2 * torch.tensor(2.0).log())
    torch.testing.assert_close(objective.generator(fake, real), objective.discriminator(fake, real))
    torch.testing.assert_close(objective.discriminator(real + 7, fake + 7), objective.discriminator(real, fake))


@pytest.mark.slow  # test_family stops a run between phases
@pytest.mark.parametrize("config", ["srgan"])
def test_a_run_stopped_in_either_phase_goes_on_bit_for_bit(config, tmp_path):
    """Inside the phase of content, at the border, and inside the game."""
    whole = Watch({step: tmp_path / f"{step}.ckpt" for step in (1, 2, 3)})
    fit(config, whole)
    assert [name for name, _ in whole.updates] == ["content"] * 2 + ["discriminator", "generator"] * 3
    for checkpoint in whole.checkpoints.values():
        rest = Watch({})
        fit(config, rest, ckpt_path=checkpoint, seed=123)
        assert same(whole.end["state_dict"], rest.end["state_dict"])
