"""Labels reach every network that is given them, the right ones, whatever else the game is; and no other network."""

import pytest
import torch
from torch import nn

from lightning_gans import (
    GAN,
    WGANGP,
    Batch,
    BiGAN,
    Condition,
    ConditionalGAN,
    ConditionalVAE,
    ConfigError,
    PacGAN,
)
from lightning_gans.engine import is_class_conditional
from lightning_gans.networks import MLPDiscriminator, MLPEncoder, MLPGenerator
from tests.games import BOTH_SGD, gan, points, same, state, train

K, N = 3, 12
LABELS = torch.arange(24) % K
DATA = torch.stack([LABELS.float(), torch.randn(24, generator=torch.Generator().manual_seed(0))], dim=1), LABELS
"""Points whose first coordinate is their label: who sees both can be checked."""


def generator():
    return MLPGenerator(3, (2,), (8,), tanh_output=False, num_classes=K)


CONDITIONAL = {"given": ["label"], "num_classes": K}


def bigan(**kwargs):
    encoder = MLPEncoder((2,), (8,), out_features=3, num_classes=K)
    return BiGAN(generator(), encoder, MLPDiscriminator((2,), (8,), latent_dim=3, num_classes=K), **kwargs)


def pacgan(**kwargs):
    discriminator = MLPDiscriminator((4,), (8,), num_classes=K, labels_per_sample=2)
    return PacGAN(generator(), discriminator, pack=2, **kwargs)


def wgan_gp(**kwargs):
    return WGANGP(generator(), MLPDiscriminator((2,), (8,), num_classes=K), **kwargs)


def plain_gan(**kwargs):
    return GAN(generator(), MLPDiscriminator((2,), (8,), num_classes=K), **kwargs)


BUILDERS = {"GAN": plain_gan, "BiGAN": bigan, "PacGAN": pacgan, "WGANGP": wgan_gp}
every = pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)


def recorded(model, *names, steps=1, data=DATA):
    """What each of the networks was called with, and what it gave, in the order of the calls."""
    calls = {name: [] for name in names}
    hooks = [
        getattr(model, name).register_forward_hook(
            lambda _, inputs, output, name=name: calls[name].append(([i.detach() for i in inputs], output.detach()))
        )
        for name in names
    ]
    train(model, steps, data=data, batch_size=N, log_every_n_steps=0)  # nor the last step: what is logged asks networks
    for hook in hooks:
        hook.remove()
    assert all(calls.values())
    return calls


@every
def test_real_samples_come_with_their_own_labels(build):
    model = build(optimization={"n_critic": 1}, **CONDITIONAL)
    real, *_ = recorded(model, "discriminator")["discriminator"]
    image, *_, labels = real[0]
    if build is pacgan:
        assert image.shape == (N // 2, 4)
        assert labels.shape == (N // 2, 2)
        assert labels.dtype == torch.int64
        image = image.unflatten(1, (2, 2))  # (N / m, m, 2)
    assert torch.equal(image[..., 0], labels.float())
    assert sorted(labels.flatten().tolist()) == sorted(LABELS[:N].tolist())


@every
def test_generated_samples_come_with_the_labels_that_they_were_made_for(build):
    calls = recorded(build(optimization={"n_critic": 1}, **CONDITIONAL), "generator", "discriminator")
    shown = [inputs for inputs, _ in calls["discriminator"]]
    for (_, labels), made in calls["generator"]:  # of the discriminator's update, then of the generator's
        assert torch.equal(labels, LABELS[:N])
        if build is pacgan:
            made, labels = torch.cat(made.chunk(2), dim=1), torch.stack(labels.chunk(2), dim=1)
        found = [inputs for inputs in shown if torch.equal(inputs[0], made)]
        assert len(found) == 1
        assert torch.equal(found[0][-1], labels)


def test_the_encoder_is_given_the_labels_of_its_images():
    calls = recorded(bigan(**CONDITIONAL), "encoder", "generator", "discriminator")
    assert len(calls["encoder"]) == 2  # in both players' losses
    for (image, labels), codes in calls["encoder"]:
        assert torch.equal(image[:, 0], labels.float())
        shown = [inputs for inputs, _ in calls["discriminator"] if torch.equal(inputs[0], image)]
        assert any(torch.equal(inputs[1], codes) and torch.equal(inputs[2], labels) for inputs in shown)
    for (z, labels), made in calls["generator"]:
        shown = [inputs for inputs, _ in calls["discriminator"] if torch.equal(inputs[0], made)]
        assert torch.equal(shown[0][1], z)
        assert torch.equal(shown[0][2], labels)


def test_a_penalty_between_samples_keeps_the_labels():
    calls = recorded(wgan_gp(**CONDITIONAL), "discriminator")["discriminator"]
    assert len(calls) == 3  # real, generated, and between them
    assert all(torch.equal(inputs[1], LABELS[:N]) for inputs, _ in calls)


@every
def test_every_label_changes_what_comes_out(build):
    model = build(**CONDITIONAL)
    assert is_class_conditional(model)
    train(model, 5, data=DATA, batch_size=N)
    of_class = [model.sample(4, labels=torch.full((4,), k)) for k in range(K)]
    assert not any(torch.equal(of_class[0], other) for other in of_class[1:])
    generated = model.generate(Condition(label=torch.full((4,), 1)), n=4)
    assert torch.equal(generated, of_class[1])
    assert model.visuals(None)["classes"].shape == (K, 8, 2)
    assert torch.equal(model.visuals(None)["classes"][1, :4], of_class[1])


def test_a_sample_depends_on_seed_index_and_class_alone():
    """However many are asked for at once: they are generated in parts of a few hundred."""
    model, labels = plain_gan(**CONDITIONAL), torch.arange(600) % K
    whole = model.sample(600, labels=labels)
    parts = [model.sample(300, labels=labels[first : first + 300], start=first) for first in (0, 300)]
    torch.testing.assert_close(torch.cat(parts), whole)
    with_drawn = model.sample(600)
    torch.testing.assert_close(torch.cat([model.sample(300), model.sample(300, start=300)]), with_drawn)
    drawn = model.sample_condition(0, 600, 0).label
    torch.testing.assert_close(model.sample(600, labels=drawn), with_drawn)


@every
def test_a_batch_without_labels_is_refused_in_one_line(build):
    with pytest.raises(ConfigError, match="batch='no condition': the model is given a label") as told:
        train(build(**CONDITIONAL), 1, data=DATA[0], batch_size=N)
    assert "\n" not in str(told.value)


def test_a_model_that_is_not_given_labels_shows_them_to_nobody():
    calls = recorded(gan(), "generator", "discriminator", data=DATA)
    assert all(len(inputs) == 1 for made in calls.values() for inputs, _ in made)
    labelled, unlabelled = gan(), gan()
    train(labelled, 3, data=DATA, batch_size=N)
    train(unlabelled, 3, data=DATA[0], batch_size=N)
    assert same(state(labelled), state(unlabelled))
    assert not is_class_conditional(labelled)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"given": ["label"]}, "num_classes=None: a class-conditional model needs data with labels"),
        ({"given": ["label"], "num_classes": 0}, "num_classes=0"),
        ({"given": ["source"]}, "given='source': this model is given nothing but 'label'"),
        ({"given": ["label", "text"], "num_classes": K}, "given='text'"),
    ],
)
def test_what_cannot_be_given_is_named(settings, message):
    with pytest.raises(ConfigError, match=message):
        plain_gan(**settings)


def test_one_word_will_do():
    assert plain_gan(given="label", num_classes=K).given == ("label",)
    assert gan(num_classes=K).num_classes is None  # of the data, and no concern of this model


def test_labels_go_with_their_micro_batch():
    whole, parts = (
        wgan_gp(optimization={**BOTH_SGD, "n_critic": 1, "micro_batches": count}, **CONDITIONAL) for count in (1, 3)
    )
    parts.load_state_dict(whole.state_dict())
    for model in (whole, parts):
        train(model, 6, data=DATA, batch_size=N)
    for one, other in zip(whole.parameters(), parts.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-6)


def test_codes_and_reconstructions_are_of_images_with_labels():
    model, (x, labels) = bigan(**CONDITIONAL), DATA
    codes = model.encode(x, Condition(label=labels))
    assert torch.equal(codes, model.encoder(x, labels))
    assert torch.equal(model.reconstruct(x, Condition(label=labels)), model.generator(codes, labels))
    shifted = Condition(label=(labels + 1) % K)
    assert not torch.equal(model.reconstruct(x, shifted), model.reconstruct(x, Condition(label=labels)))
    with pytest.raises(ConfigError, match="the model is given a label"):
        model.reconstruct(x)
    pictures = model.visuals(Batch(x, Condition(label=labels)))
    assert torch.equal(pictures["reconstructions"][1], model.reconstruct(x[:8], Condition(label=labels[:8])))


def test_an_autoencoder_is_given_labels_too():
    nets = generator(), MLPEncoder((2,), (8,), out_features=6, num_classes=K)
    calls = recorded(ConditionalVAE(*nets, num_classes=K), "encoder", "generator")
    assert torch.equal(calls["encoder"][0][0][1], LABELS[:N])
    assert torch.equal(calls["generator"][0][0][1], LABELS[:N])


class Labelled(nn.Module):
    """Both networks of a conditional game, for points: the label moves them."""

    latent_dim = 3

    def __init__(self, width):
        super().__init__()
        self.embed, self.out = nn.Embedding(4, 3), nn.Linear(6, width)

    def forward(self, x, labels):
        return self.out(torch.cat([nn.functional.pad(x, (0, 3 - x.shape[1])), self.embed(labels)], 1))


def test_anybody_s_networks_with_labels_will_do():
    model = ConditionalGAN(Labelled(2), Labelled(1), num_classes=4)
    train(model, 4, data=(points(64), torch.arange(64) % 4), batch_size=16)
    labels = torch.tensor([0, 1, 2, 3, 0])
    chosen = model.sample(5, labels=labels)
    assert not torch.equal(chosen, model.sample(5, labels=labels.flip(0)))
    drawn = model.sample_condition(0, 4000, 0).label
    assert (torch.bincount(drawn) > 900).all()
    assert torch.equal(model.sample_condition(1000, 1010, 0).label, drawn[1000:1010])
    assert not torch.equal(model.sample_condition(0, 4000, 1).label, drawn)
    with pytest.raises(ConfigError, match="one per sample"):
        model.sample(3, labels=labels)
    with pytest.raises(ConfigError, match="the model is given a label"):
        model.generate(n=3)
    with pytest.raises(ConfigError, match="not conditional"):
        gan().sample(5, labels=labels)
