import pytest
import torch
from lightning.pytorch import Callback, Trainer
from torch import nn

from lightning_gans import AAE, GAN, VAE, WGAN, ConditionalGAN, ConfigError, Game, Uniform
from lightning_gans.models.gan import pairwise_accuracy
from lightning_gans.networks import DCGANDiscriminator, DCGANGenerator, MLPDiscriminator, MLPEncoder, MLPGenerator
from tests.games import gan, networks, same, state, train


def convolutional(**kwargs):
    torch.manual_seed(0)
    return GAN(DCGANGenerator(8, (1, 8, 8), 4), DCGANDiscriminator((1, 8, 8), 4), **kwargs)


def images(n=64):
    return torch.rand(n, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_a_sample_depends_on_seed_and_index_alone():
    model = convolutional()
    train(model, 6, data=images(), batch_size=16)
    whole = model.sample(700)
    torch.testing.assert_close(torch.cat([model.sample(300), model.sample(400, start=300)]), whole)
    assert not torch.equal(model.sample(4, seed=1), whole[:4])
    assert whole.shape == (700, 1, 8, 8)
    assert whole.abs().max() <= 1


def test_sampling_leaves_no_trace():
    model = convolutional()
    train(model, 6, data=images(), batch_size=16)
    model.train()
    before, modes, rng = state(model.generator), [m.training for m in model.modules()], torch.get_rng_state()
    model.sample(8)
    assert same(before, state(model.generator))
    assert [m.training for m in model.modules()] == modes
    assert torch.equal(rng, torch.get_rng_state())
    assert all(p.grad is None for p in model.generator.parameters())


def channel_variance(hidden):
    return hidden.var((0, 2, 3))


def test_averaged_weights_get_batch_statistics_of_their_own():
    model = convolutional(ema_decay=0.9)
    train(model, 20, data=images(), batch_size=16)
    average = model.network("generator", ema=True)
    norm = next(m for m in average.modules() if isinstance(m, nn.BatchNorm2d))
    with torch.no_grad():
        hidden = [average.project(model._calibration_inputs(i)[0][:, :, None, None]) for i in range(20)]
    mean, var = (torch.stack([f(h) for h in hidden]).mean(0) for f in (lambda h: h.mean((0, 2, 3)), channel_variance))
    torch.testing.assert_close(norm.running_mean, mean, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(norm.running_var, var, rtol=1e-4, atol=1e-8)
    assert norm.momentum == 0.1


def test_sampling_does_not_change_training():
    class Peek(Callback):
        def on_train_batch_end(self, trainer, pl_module, *_):
            pl_module.sample(4)

    undisturbed, watched = (convolutional(ema_decay=0.9) for _ in range(2))
    train(undisturbed, 6, data=images(), batch_size=16)
    train(watched, 6, data=images(), batch_size=16, callbacks=[Peek()])
    assert same(state(undisturbed.generator), state(watched.generator))
    assert torch.equal(undisturbed.sample(4), watched.sample(4))


def test_raw_and_averaged_samples_differ():
    model = gan(ema_decay=0.99)
    train(model, 10)
    assert not torch.equal(model.sample(4), model.sample(4, ema=False))
    assert torch.equal(model.sample(4, ema=False), model.generator(model.sampling_inputs(0, 4, 0, model.prior)[0]))
    off = gan(ema_decay=0)
    train(off, 2)
    assert off.ema is None
    assert torch.equal(off.sample(4), off.sample(4, ema=False))


def test_truncation_and_priors():
    model = gan(prior=Uniform(2, 3))
    (z,) = model.sampling_inputs(0, 100, 0, model.prior)
    assert z.min() >= 2
    assert z.max() < 3
    near = gan().sample(500, truncation=0.1)
    assert near.std() < gan().sample(500).std() / 2


class Labelled(nn.Module):
    """Both networks of a conditional game, for points: the label moves them."""

    latent_dim = 3

    def __init__(self, width):
        super().__init__()
        self.embed, self.out = nn.Embedding(4, 3), nn.Linear(6, width)

    def forward(self, x, labels):
        return self.out(torch.cat([nn.functional.pad(x, (0, 3 - x.shape[1])), self.embed(labels)], 1))


def test_conditional_gan_uses_labels():
    model = ConditionalGAN(Labelled(2), Labelled(1), num_classes=4)
    data = torch.utils.data.TensorDataset(torch.randn(64, 2), torch.arange(64) % 4)
    trainer = Trainer(
        max_steps=4, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False
    )
    trainer.fit(model, torch.utils.data.DataLoader(data, batch_size=16))
    labels = torch.tensor([0, 1, 2, 3, 0])
    chosen = model.sample(5, labels=labels)
    assert not torch.equal(chosen, model.sample(5, labels=labels.flip(0)))
    _, drawn = model.sampling_inputs(0, 4000, 0, model.prior)
    assert (torch.bincount(drawn) > 900).all()
    with pytest.raises(ConfigError, match="one per sample"):
        model.sample(3, labels=labels)
    with pytest.raises(ConfigError, match="not conditional"):
        gan().sample(5, labels=labels)


def test_conditional_gan_needs_labels():
    with pytest.raises(ConfigError, match="needs labels"):
        train(ConditionalGAN(Labelled(2), Labelled(1), num_classes=4), 1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"latent_dim": 5}, "latent_dim=5: the generator takes latents of size 3"),
        ({"n_critic": 0}, "n_critic=0"),
        ({"ema_decay": 1.0}, r"ema_decay=1\.0"),
        ({"accumulate": 0}, "accumulate=0"),
    ],
)
def test_impossible_settings_are_named(settings, message):
    with pytest.raises(ConfigError, match=message):
        gan(**settings)


def test_latent_size_must_be_known():
    _, discriminator = networks()
    with pytest.raises(ConfigError, match="latent_dim=None"):
        GAN(nn.Linear(3, 2), discriminator)
    assert GAN(nn.Linear(3, 2), discriminator, latent_dim=3).latent_dim == 3


def test_pairwise_accuracy_is_the_area_under_the_curve():
    from sklearn.metrics import roc_auc_score

    generator = torch.Generator().manual_seed(0)
    real, fake = torch.randn(50, 1, generator=generator) + 0.5, torch.randn(70, 1, generator=generator)
    labels = torch.cat([torch.ones(50), torch.zeros(70)])
    expected = roc_auc_score(labels.numpy(), torch.cat([real, fake]).squeeze(1).numpy())
    assert float(pairwise_accuracy(real, fake)) == pytest.approx(expected, abs=1e-6)


def test_loading_a_model_built_in_python_asks_for_its_modules(tmp_path):
    model = gan(WGAN, clip_value=0.02, prior=Uniform())
    trainer = train(model, 6)
    path = tmp_path / "model.ckpt"
    trainer.save_checkpoint(path)
    with pytest.raises(ConfigError, match=r"generator=\.\.\., prior=\.\.\., discriminator=\.\.\."):
        WGAN.load_from_checkpoint(path)
    generator, discriminator = networks(seed=1)
    loaded = WGAN.load_from_checkpoint(path, generator=generator, discriminator=discriminator, prior=Uniform())
    assert loaded.clip_value == 0.02
    assert loaded.step == 6
    assert torch.equal(loaded.sample(4), model.sample(4))


def test_foreign_checkpoints_are_refused(tmp_path):
    torch.save({"state_dict": {}}, tmp_path / "foreign.ckpt")
    with pytest.raises(ConfigError, match="not written by lightning_gans"):
        Game.load_from_checkpoint(tmp_path / "foreign.ckpt")


def test_importing_is_light():
    import subprocess
    import sys

    code = "import sys, lightning_gans; print(any(name in sys.modules for name in ('sklearn', 'wandb')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_an_optimizer_that_is_built_already_is_refused():
    model = gan()
    model.generator_optimizer = torch.optim.Adam(model.generator.parameters())
    with pytest.raises(ConfigError, match="optimizer='Adam': is built already"):
        train(model, 1)


def test_no_samples_are_none_to_ask_for():
    with pytest.raises(ConfigError, match="n=0"):
        gan().sample(0)


@pytest.mark.parametrize("kind", [GAN, ConditionalGAN, VAE, AAE])
def test_images_that_are_no_floats_are_refused_in_one_line(kind):
    generator = MLPGenerator(4, (1, 8, 8), (8,), num_classes=2 if kind is ConditionalGAN else 0)
    settings = {
        GAN: {"discriminator": MLPDiscriminator((1, 8, 8), (8,))},
        ConditionalGAN: {"discriminator": MLPDiscriminator((1, 8, 8), (8,), num_classes=2), "num_classes": 2},
        VAE: {"encoder": MLPEncoder((1, 8, 8), (8,), out_features=8)},
        AAE: {
            "encoder": MLPEncoder((1, 8, 8), (8,), out_features=4),
            "discriminator": MLPDiscriminator((4,), (8,)),
        },
    }[kind]
    model = kind(generator=generator, **settings)
    batch = (torch.zeros(4, 1, 8, 8, dtype=torch.uint8), torch.zeros(4, dtype=torch.int64))
    with pytest.raises(ConfigError, match=r"batch='torch.uint8': networks take floats"):
        model.players()[0].loss(batch)
