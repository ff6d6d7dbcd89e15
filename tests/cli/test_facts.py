"""What the command line tells the model and its networks of the data, and of each other."""

import pytest
from jsonargparse import Namespace

from lightning_gans import ConfigError
from lightning_gans.cli.facts import fill_facts, require_fitting
from lightning_gans.data import Digits

NETWORKS = "lightning_gans.networks."


def node(path, **arguments):
    return Namespace(class_path=path, init_args=Namespace(**arguments))


def recipe(model, data="Digits", kind="MLP", generator=None, discriminator=None, **settings):
    networks = {
        "generator": node(f"{NETWORKS}{kind}Generator", **(generator or {})),
        "discriminator": node(f"{NETWORKS}{kind}Discriminator", **(discriminator or {})),
    }
    return Namespace(
        model=node(f"lightning_gans.{model}", **networks, **settings), data=node(f"lightning_gans.data.{data}")
    )


def told(*args, **kwargs):
    """What the model, its generator and its discriminator are told, by name."""
    config = recipe(*args, **kwargs)
    fill_facts(config)
    settings = vars(config.model.init_args)
    networks = [vars(settings.pop(name).init_args) for name in ("generator", "discriminator")]
    return settings, *networks


SHAPE, RING = {"image_shape": [1, 8, 8]}, {"image_shape": [2]}


@pytest.mark.parametrize(
    ("model", "kind", "data", "classes", "generator", "discriminator"),
    [
        ("GAN", "MLP", "Digits", None, SHAPE, SHAPE),
        ("GAN", "DCGAN", "Digits", None, SHAPE, SHAPE),
        ("ConditionalGAN", "MLP", "Digits", 10, SHAPE | {"num_classes": 10}, SHAPE | {"num_classes": 10}),
        ("ConditionalGAN", "DCGAN", "Digits", 10, SHAPE | {"num_classes": 10}, SHAPE | {"num_classes": 10}),
        ("ConditionalGAN", "MLP", "Ring2D", 8, RING | {"num_classes": 8}, RING | {"num_classes": 8}),
        ("ACGAN", "DCGAN", "Digits", 10, SHAPE | {"num_classes": 10}, SHAPE | {"num_classes": 0, "out_features": 11}),
        ("ACGAN", "MLP", "Ring2D", 8, RING | {"num_classes": 8}, RING | {"num_classes": 0, "out_features": 9}),
        ("ProjectionGAN", "MLP", "Ring2D", 8, RING | {"num_classes": 8}, RING | {"num_classes": 0}),
        ("CoGAN", "Coupled", "DigitNegatives", 2, SHAPE | {"num_classes": 2}, SHAPE | {"num_classes": 2}),
    ],
)
def test_each_model_tells_its_networks(model, kind, data, classes, generator, discriminator):
    found = told(model, data, kind, latent_dim=5)
    of_model = {} if classes is None else {"num_classes": classes}
    assert found == (of_model | {"latent_dim": 5}, generator | {"latent_dim": 5}, discriminator)


def test_what_is_given_wins():
    mine = {"image_shape": [3, 16, 16], "num_classes": 4}
    settings, generator, discriminator = told("ACGAN", generator=mine, discriminator={"out_features": 7}, num_classes=4)
    assert settings["num_classes"] == 4
    assert generator == mine
    assert discriminator["out_features"] == 7


def test_what_equals_the_default_counts_as_unset():
    _, _, discriminator = told("ACGAN", discriminator={"out_features": 1, "image_shape": None})
    assert discriminator == SHAPE | {"num_classes": 0, "out_features": 11}


def test_latents_are_as_long_as_the_generator_says():
    _, generator, _ = told("GAN", generator={"latent_dim": 7})
    assert generator["latent_dim"] == 7


def test_data_that_say_nothing():
    config = recipe("ACGAN", generator={"latent_dim": 7})
    config.data = node("lightning.pytorch.LightningDataModule")
    fill_facts(config)
    assert "num_classes" not in vars(config.model.init_args), "the model itself says what is missing"
    assert "image_shape" not in vars(config.model.init_args.generator.init_args)


def test_other_images_than_those_of_the_data_are_refused():
    config = recipe("ConditionalGAN", discriminator={"image_shape": [1, 16, 16]})
    fill_facts(config)
    with pytest.raises(ConfigError, match=r"model\.discriminator\.image_shape=\[1, 16, 16\]"):
        require_fitting(config, Digits())
    config.model.init_args.discriminator.init_args.image_shape = [1, 8, 8]
    require_fitting(config, Digits())


def test_a_shape_that_nobody_knows_is_not_checked():
    """The latents of a generator of one's own, whose size is none of its arguments."""
    config = recipe("AAE", discriminator={"image_shape": [12]})
    config.model.init_args.generator = node("mine.Generator")
    require_fitting(config, Digits())
