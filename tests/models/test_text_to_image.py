"""What text-to-image models promise beside what every model does (see ``test_family.py``)."""

from types import SimpleNamespace

import pytest
import torch

from lightning_gans import GANCLS, Condition, ConfigError, StackGAN
from lightning_gans.engine import Game, text_model
from lightning_gans.engine.text_model import next_other
from lightning_gans.networks import StackGANGenerator, TextDiscriminator, TextGenerator
from tests.games import same
from tests.models.running import fit
from tests.texts import BagOfWords


def small(**kwargs):
    networks = TextGenerator(4, 8, (3, 32, 32), 4, 4), TextDiscriminator((3, 32, 32), 8, 4, 4)
    return GANCLS(*networks, **kwargs)


def test_the_next_other_sentence_is_that_of_the_global_batch(monkeypatch):
    kinds = torch.tensor([0.0, 0, 1, 1, 2, 0])[:, None]  # as dealt out: process r has rows r, r + 2, r + 4
    whole = next_other(kinds)
    assert whole.flatten().tolist() == [1, 1, 2, 2, 0, 1]
    monkeypatch.setattr(text_model, "gather_rows", lambda rows: kinds)
    monkeypatch.setattr(text_model, "world_size", lambda: 2)
    for process in (0, 1):
        monkeypatch.setattr(text_model, "rank", lambda process=process: process)
        assert next_other(kinds[process::2]).equal(whole[process::2])


def test_where_all_sentences_are_alike_there_is_no_other():
    text = torch.ones(4, 3)
    assert next_other(text).equal(text)


def test_samples_of_a_sentence_are_those_of_its_embedding():
    model = small(text_encoder=BagOfWords())
    sentence = "a red circle"
    images = model.sample(3, text=sentence, seed=5)
    given = Condition(text=model.embed([sentence]).expand(3, -1))
    assert images.equal(model.generate(given, n=3, seed=5))
    assert images[1:].allclose(model.sample(2, text=[sentence, sentence], seed=5, start=1), atol=1e-6)
    assert not images[:1].equal(model.sample(1, text="a blue square", seed=5))


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda model: model.sample(2), "text=None: no captions are known before training"),
        (lambda model: model.sample(2, text="a"), "text='a': this model was given embeddings alone"),
        (lambda model: model.generate(Condition(), n=2), "the model is given a text"),
    ],
)
def test_what_is_missing_is_named(ask, message):
    with pytest.raises(ConfigError, match=message):
        ask(small())


def test_sizes_of_embeddings_must_agree():
    networks = TextGenerator(4, 5, (3, 32, 32), 4, 4), TextDiscriminator((3, 32, 32), 5, 4, 4)
    with pytest.raises(ConfigError, match="give one size of an embedding"):
        GANCLS(*networks, text_encoder=BagOfWords())


def test_model_and_data_have_one_encoder():
    class Other(BagOfWords):
        pass

    data = SimpleNamespace(text_encoder=BagOfWords())
    model = small(text_encoder=BagOfWords())
    model._trainer = SimpleNamespace(datamodule=data)
    model.setup("fit")
    assert model.text_encoder is data.text_encoder
    data.text_encoder = Other()
    with pytest.raises(ConfigError, match=r"model\.text_encoder='BagOfWords': the data are embedded by a Other"):
        model.setup("fit")


def test_a_checkpoint_knows_encoder_and_captions(tmp_path):
    model = fit("gan_cls", steps=1)
    assert len(model.known_captions) == len(model.known_text) == 256
    assert model.known_text.equal(model.embed(model.known_captions).cpu())
    model.trainer.save_checkpoint(file := tmp_path / "model.ckpt")
    again = Game.load_from_checkpoint(file, weights_only=True)
    assert isinstance(again.text_encoder, BagOfWords)
    assert again.known_captions == model.known_captions
    images = again.sample(4, seed=1)
    assert images.equal(model.sample(4, seed=1))
    captions = [again.known_captions[row] for row in again.known_rows(torch.arange(4), 1)]
    assert images.allclose(again.sample(4, seed=1, text=captions), atol=1e-6)
    assert again.sample(4).allclose(again.predict_step(torch.arange(4), 0), atol=1e-6)


def test_the_stage_that_is_reached_is_what_comes_out():
    network = StackGANGenerator(3, 8, (3, 32, 32), base_channels=4, text_features=4, num_blocks=1)
    discriminators = TextDiscriminator((3, 16, 16), 8, 4, 4), TextDiscriminator((3, 32, 32), 8, 4, 4)
    model = StackGAN(network, discriminators[0], discriminator2=discriminators[1])
    given = Condition(text=torch.eye(8)[:2])
    z = torch.randn(2, network.latent_dim)
    small_images = network.eval().first(z, given.text)
    assert small_images.shape == (2, 3, 16, 16)
    assert network(z, given.text).equal(network.enlarged(small_images))
    before = model.generate(given, n=2)
    network.stage.fill_(2)
    assert network(z, given.text).equal(network.second(small_images, z, given.text))
    assert before.shape == model.generate(given, n=2).shape == (2, 3, 32, 32)


def test_the_average_forgets_how_the_second_stage_was_drawn():
    for steps, own in ((2, 1), (5, 3)):  # of the second stage
        model = fit("stackgan", steps=steps, optimization={"ema_decay": 0.9})
        first, second = (
            [each.state_dict() for each in (network.images, network.up)]
            for network in (model.ema["generator"], model.generator)
        )
        assert model.ema.num_updates.tolist() == [own]
        assert same(first[0], second[0]), "stage 1 stands still"
        assert same(first[1], second[1]) == (own == 1), "the first is copied"


def test_each_stage_has_noise_of_its_own():
    network = StackGANGenerator(3, 8, (3, 32, 32), base_channels=4, text_features=4, num_blocks=1).eval()
    z, text = torch.randn(2, network.latent_dim), torch.randn(2, 8)
    small_images = network.first(z, text)
    large_images = network.second(small_images, z, text)
    for part, first_changes, second_changes in ((slice(0, 4), True, False), (slice(4, 8), False, True)):
        other = z.clone()
        other[:, part] += 1
        assert network.first(other, text).equal(small_images) is not first_changes
        assert network.second(small_images, other, text).equal(large_images) is not second_changes


def test_conditioning_augmentation_draws_from_the_gaussian_it_says():
    augmentation = StackGANGenerator(3, 8, (3, 32, 32), base_channels=4, text_features=4).augment1
    text = torch.randn(1, 8)
    draws = augmentation(text.expand(20_000, -1), torch.randn(20_000, 4, generator=torch.Generator().manual_seed(0)))
    mean, log_variance = augmentation.moments(text)
    assert draws.mean(0).allclose(mean[0], atol=0.05)
    assert draws.std(0).allclose((log_variance[0] / 2).exp(), rtol=0.05)
