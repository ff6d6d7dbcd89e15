"""Growing as a schedule over images shown."""

import pytest
import torch

from lightning_gans import ConfigError, ProgressiveGAN
from lightning_gans.networks import DCGANDiscriminator, ProgressiveDiscriminator, ProgressiveGenerator
from tests.games import train

IMAGES = torch.rand(64, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
SHAPE, SMALL = (1, 16, 16), {"channel_base": 64, "max_channels": 8}


def growing(**settings):
    torch.manual_seed(0)
    generator = ProgressiveGenerator(SHAPE, 4, **SMALL)
    return ProgressiveGAN(generator, ProgressiveDiscriminator(SHAPE, **SMALL), **settings)


@pytest.mark.parametrize(
    ("settings", "levels"),
    [
        ({"stable_images": 10, "fade_images": 20}, {0: 0, 9: 0, 15: 0.25, 30: 1, 39: 1, 45: 1.25, 60: 2, 9999: 2}),
        ({"stable_images": 10, "fade_images": 0}, {9: 0, 10: 1, 19: 1, 20: 2, 30: 2}),
        ({"stable_images": 10, "fade_images": 20, "start_size": 8}, {0: 1, 9: 1, 20: 1.5, 30: 2, 99: 2}),
    ],
)
def test_the_level_is_a_function_of_the_images_shown(settings, levels):
    model = growing(**settings)
    for images, level in levels.items():
        model.images_shown = images
        assert model.level == level


def test_images_have_one_size_all_the_time_and_as_many_details_as_were_trained():
    model = growing(stable_images=16, fade_images=32)
    for steps, side in ((0, 4), (2, 8), (5, 16)):
        if steps:
            train(model := growing(stable_images=16, fade_images=32), steps, data=IMAGES, batch_size=16)
        images, factor = model.sample(4), 16 // side
        assert images.shape == (4, *SHAPE)
        pixels = images[..., ::factor, ::factor]
        assert torch.equal(images, pixels.repeat_interleave(factor, 2).repeat_interleave(factor, 3))
        assert not torch.equal(pixels[..., ::2], pixels[..., 1::2]), "no smaller ones"


def test_adam_starts_again_with_each_resolution_and_goes_on_within_one():
    ages = []

    class Seen(ProgressiveGAN):
        def training_step(self, batch, batch_idx):
            super().training_step(batch, batch_idx)
            states = self.optimizer_of("generator").state.values()
            ages.append((self.level, max((int(each["step"]) for each in states), default=0)))

    torch.manual_seed(0)
    networks = ProgressiveGenerator(SHAPE, 4, **SMALL), ProgressiveDiscriminator(SHAPE, **SMALL)
    train(Seen(*networks, stable_images=24, fade_images=32), 9, data=IMAGES, batch_size=16)
    assert ages == [(0, 1), (0.25, 0), (0.75, 1), (1, 2), (1, 3), (1.5, 0), (2, 1), (2, 2), (2, 3)]


def test_the_level_comes_back_with_a_checkpoint(tmp_path):
    model = growing(stable_images=16, fade_images=64)
    trainer = train(model, 3, data=IMAGES, batch_size=16)
    trainer.save_checkpoint(tmp_path / "half.ckpt")
    parts = {"generator": growing().generator, "discriminator": growing().discriminator}
    loaded = ProgressiveGAN.load_from_checkpoint(tmp_path / "half.ckpt", **parts)
    assert loaded.level == 0.5
    for ema in (True, False):
        assert torch.equal(loaded.sample(4, ema=ema), model.sample(4, ema=ema))
    assert float(trainer.callback_metrics["level"]) == 0.25  # of the third step, after two


def test_networks_that_do_not_grow_are_refused():
    with pytest.raises(ConfigError, match="discriminator='DCGANDiscriminator': does not grow: take a GrowingNetwork"):
        ProgressiveGAN(ProgressiveGenerator(SHAPE, 4), DCGANDiscriminator(SHAPE, batch_norm=False))
