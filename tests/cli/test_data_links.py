"""What the command line tells the model and its networks of the data, and of each other."""

import pytest
import torch
from jsonargparse import Namespace
from jsonargparse.typing import import_object

from lightning_gans import ConfigError
from lightning_gans.cli.data_links import check_data_fits, link_data_to_model
from lightning_gans.data import Digits
from lightning_gans.engine.constructors import constructor_defaults
from lightning_gans.networks import MLPGenerator
from tests.cases import few
from tests.cli import parts
from tests.cli.conftest import QUIET

NETWORKS = "lightning_gans.networks."


def node(path, **arguments):
    return Namespace(class_path=path, init_args=Namespace(**arguments))


def config_of(model, data="Digits", kind="MLP", generator=None, discriminator=None, **settings):
    networks = {
        "generator": node(f"{NETWORKS}{kind}Generator", **(generator or {})),
        "discriminator": node(f"{NETWORKS}{kind}Discriminator", **(discriminator or {})),
    }
    model = f"lightning_gans.{model}"
    settings = {"given": list(constructor_defaults(import_object(model))["given"]), **settings}
    return Namespace(model=node(model, **networks, **settings), data=node(f"lightning_gans.data.{data}"))


def data_of(config):
    return import_object(config.data.class_path)()


def linked(*args, **kwargs):
    """What the model, its generator and its discriminator are told, by name."""
    config = config_of(*args, **kwargs)
    link_data_to_model(config, data_of(config))
    settings = vars(config.model.init_args)
    del settings["given"]
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
    found = linked(model, data, kind, latent_dim=5)
    of_model = {} if classes is None else {"num_classes": classes}
    assert found == (of_model | {"latent_dim": 5}, generator | {"latent_dim": 5}, discriminator)


def test_what_is_given_wins():
    mine = {"image_shape": [3, 16, 16], "num_classes": 4}
    settings, generator, discriminator = linked(
        "ACGAN", generator=mine, discriminator={"out_features": 7}, num_classes=4
    )
    assert settings["num_classes"] == 4
    assert generator == mine | {"latent_dim": constructor_defaults(MLPGenerator)["latent_dim"]}
    assert discriminator["out_features"] == 7


def test_what_equals_the_default_counts_as_given():
    _, generator, _ = linked("GAN", latent_dim=7, generator={"latent_dim": 100, "num_classes": None})
    assert constructor_defaults(MLPGenerator)["latent_dim"] == 100
    assert generator == SHAPE | {"latent_dim": 100, "num_classes": 0}, "what is open and not known is the default"


def test_what_a_model_asks_for_replaces_the_default():
    _, _, discriminator = linked("ACGAN", discriminator={"out_features": 1, "image_shape": None})
    assert discriminator == SHAPE | {"num_classes": 0, "out_features": 11}


def test_unconditional_networks_are_told_no_classes():
    settings, generator, discriminator = linked("GAN", generator={"num_classes": 0})
    assert "num_classes" not in settings
    assert generator["num_classes"] == 0
    assert "num_classes" not in discriminator


def test_any_model_that_is_given_labels_is_told_their_number():
    settings, generator, discriminator = linked("WGAN", given=["label"])
    assert [each["num_classes"] for each in (settings, generator, discriminator)] == [10, 10, 10]


def test_latents_are_as_long_as_the_generator_says():
    _, generator, _ = linked("GAN", generator={"latent_dim": 7})
    assert generator["latent_dim"] == 7


def test_data_that_say_nothing():
    config = config_of("ACGAN", generator={"latent_dim": 7})
    config.data = node("lightning.pytorch.LightningDataModule")
    link_data_to_model(config, data_of(config))
    assert "num_classes" not in vars(config.model.init_args), "the model itself says what is missing"
    assert "image_shape" not in vars(config.model.init_args.generator.init_args)


def test_other_images_than_those_of_the_data_are_refused():
    config = config_of("ConditionalGAN", discriminator={"image_shape": [1, 16, 16]})
    link_data_to_model(config, data_of(config))
    with pytest.raises(ConfigError, match=r"model\.discriminator\.image_shape=\[1, 16, 16\]"):
        check_data_fits(config, Digits())
    config.model.init_args.discriminator.init_args.image_shape = [1, 8, 8]
    check_data_fits(config, Digits())


def test_a_shape_that_nobody_knows_is_not_checked():
    """The latents of a generator of one's own, whose size is none of its arguments."""
    config = config_of("AAE", discriminator={"image_shape": [12]})
    config.model.init_args.generator = node("mine.Generator")
    check_data_fits(config, Digits())


SHORT = [*QUIET, "--trainer.max_steps", "2", "--metrics.num_samples", "64", "--data.batch_size", "16"]
OWN = ["--model.generator", "tests.cli.parts.OwnGenerator", "--model.discriminator", "tests.cli.parts.OwnDiscriminator"]


def networks_of(tmp_path):
    (path,) = tmp_path.glob("runs/*/*/checkpoints/last.ckpt")
    content = torch.load(path, weights_only=True)["hyper_parameters"]
    return [content[name]["init_args"] for name in ("generator", "discriminator")]


@pytest.mark.parametrize(
    "model",
    few([["ConditionalGAN"], ["WGAN", "--model.given", "[label]"]], [["ConditionalGAN"]]),
    ids=lambda given: given[0],
)
def test_required_arguments_of_own_networks_are_filled_in(command, tmp_path, model):
    done = command("fit", "--model", *model, *OWN, "--model.latent_dim", "12", "--data", "Digits", *SHORT)
    assert (done.code, done.err) == (0, "")
    generator, discriminator = networks_of(tmp_path)
    assert generator == {"latent_dim": 12, "image_shape": [1, 8, 8], "num_classes": 10, "size": 16}
    assert discriminator == {"image_shape": [1, 8, 8], "num_classes": 10}
    (last,) = tmp_path.glob("runs/*/*/checkpoints/last.ckpt")
    assert command("sample", last, "--num_samples", 3).code == 0
    assert command("fit", "--ckpt_path", last, "--trainer.max_steps", 3).code == 0


def test_required_arguments_that_are_given_win(command, tmp_path):
    given = ["--model.generator.latent_dim", "5", "--model.generator.size", "4"]
    done = command("fit", "--model", "ConditionalGAN", *OWN, *given, "--data", "Digits", *SHORT)
    assert (done.code, done.err) == (0, "")
    assert networks_of(tmp_path)[0] == {"latent_dim": 5, "image_shape": [1, 8, 8], "num_classes": 10, "size": 4}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["ConditionalGAN"], "model.generator.latent_dim=None: is required, and the data do not say it; give --model"),
        (["GAN", "--model.latent_dim", "3"], "model.generator.num_classes=None: is required, and the data do not"),
        (
            ["ConditionalGAN", "--model.latent_dim", "3", "--model.generator.size", "null"],
            "model.generator.size=None: must be int; leave it out",
        ),
    ],
    ids=["latents", "classes of an unconditional model", "null"],
)
def test_required_arguments_that_nobody_knows(command, arguments, expected):
    done = command("fit", "--model", arguments[0], *OWN, *arguments[1:], "--data", "Digits", *SHORT)
    assert done.code == 2
    assert expected in done.err
    assert len(done.err.splitlines()) == 1


def test_what_the_data_say_and_a_network_does_not_take_is_one_line(command):
    generator = ["--model.generator", "tests.cli.parts.Framed", "--model.discriminator", "MLPDiscriminator"]
    done = command("fit", "--model", "GAN", *generator, "--data", "Ring2D", *SHORT)
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert "--model.generator.image_shape" in line
    assert "Expected a tuple with 3 elements. Got value: [2]" in line


def test_data_are_built_once_and_classes_among_their_arguments_with_them(command):
    parts.Shifted.built = 0
    shift = ["--data.shift", "tests.cli.parts.Shift", "--data.shift.by", "2"]
    networks = ["--model.generator", "MLPGenerator", "--model.discriminator", "MLPDiscriminator"]
    done = command("fit", "--model", "GAN", *networks, "--data", "tests.cli.parts.Shifted", *shift, *SHORT)
    assert (done.code, done.err) == (0, "")
    assert parts.Shifted.built == 1


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("model.latent_dim", None),
        ("model.clip_value", "model.clip_value=None: must be float"),
        ("model.max_abs_loss", "model.max_abs_loss=None: must be float"),
        ("data.batch_size", "data.batch_size=None: must be int"),
        ("metrics.num_samples", "metrics.num_samples: must be int, not null"),
    ],
)
def test_null_where_it_means_nothing(command, setting, expected):
    done = command("fit", "--config", "wgan", *SHORT, f"--{setting}", "null")
    if expected is None:  # the size of the latents is the generator's then
        assert (done.code, done.err) == (0, "")
        return
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert expected in line
