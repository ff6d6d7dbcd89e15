"""The games of the playground: the shapes that are shown, what does not fit, and that ``fit`` plays them."""

import asyncio
import math

import pytest

from lightning_gans.blocks import blocks_of
from lightning_gans.errors import ConfigError
from lightning_gans.lab.blocks_form import measured
from lightning_gans.lab.newest import newest
from lightning_gans.lab.playground import KINDS, Setup, data_sets, recipes
from lightning_gans.lab.worker import WatchedCLI
from lightning_gans.networks import LayerStack


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("data", data_sets())
def test_every_game_begins_with_networks_whose_shapes_are_as_shown(data, kind):
    for recipe in recipes():
        setup = Setup.of(data, recipe, kind)
        setup.check()
        for role, blocks in setup.blocks.items():
            given, made = setup.shapes(role)
            shapes, (wrong, _) = measured(blocks, given, made)
            assert wrong is None
            assert math.prod(shapes[-1]) == math.prod(made or shapes[-1])
            if recipe in ("gan", "cvae"):
                stack = LayerStack(blocks, given, made)
                assert stack.shapes == [given, *shapes]
                weights = sum(each.numel() for each in stack.parameters() if each.dim() > 1)
                assert weights == sum(block.weights for block in blocks_of(blocks, given, made))


@pytest.mark.parametrize(("recipe", "data"), [("cgan", "digits"), ("bigan", "digits")])
def test_fit_plays_what_was_put_together(recipe, data, tmp_path):
    setup = Setup.of(data, recipe, "convolutional").with_setting("model.latent_dim", 5)
    role = "discriminator" if "discriminator" in setup.blocks else "encoder"
    setup = setup.with_blocks(role, [{"layer": "flatten"}, {"layer": "linear", "features": 7}])
    cli = WatchedCLI((*setup.words.words, "--trainer.max_steps", "1"), str(tmp_path), None, [])
    cli.trainer.fit(cli.model, datamodule=cli.datamodule)
    assert cli.model.step == 1
    for name, blocks in setup.blocks.items():
        given, made = setup.shapes(name)
        assert getattr(cli.model, name).stack.shapes == [given, *measured(blocks, given, made)[0]]


def test_what_does_not_fit_is_said_at_its_block():
    blocks = [{"layer": "convolution", "depth": 4}, {"layer": "linear", "features": 3}, {"layer": "flatten"}]
    shapes, (wrong, why) = measured(blocks, (1, 8, 8), None)
    assert shapes == [(4, 6, 6)]
    assert wrong == 1
    assert "flatten them first" in why
    shapes, (wrong, why) = measured(blocks[:1], (1, 8, 8), (1, 8, 8))
    assert (shapes, wrong) == ([(4, 6, 6)], 0)  # it fits where it is; what comes out is another thing
    assert "must be (1, 8, 8)" in why
    with pytest.raises(ConfigError, match="flatten them first"):
        Setup.of("digits", "gan").with_blocks("discriminator", blocks).check()


@pytest.mark.parametrize(
    "first",
    [
        {"layer": "upsample", "factor": 64},
        {"layer": "convolution", "depth": 5000},
        {"layer": "convolution", "depth": 9, "field": 1001, "padding": 500},
    ],
)
def test_what_would_take_all_memory_is_refused(first):
    blocks = [first, {"layer": "flatten"}, {"layer": "linear", "features": 1}]
    with pytest.raises(ConfigError, match="too large for the playground"):
        Setup.of("digits", "gan").with_blocks("discriminator", blocks).check()


def test_a_networks_weights_are_limited_together():
    flat, each = {"layer": "flatten"}, {"layer": "linear", "features": 2800}  # 7.84 million weights between two
    setup = Setup.of("digits", "gan").with_blocks("discriminator", [flat, each, each])
    setup.check()
    with pytest.raises(ConfigError, match=r"blocks\[3\].*8,388,608 weights"):
        setup.with_blocks("discriminator", [flat, each, each, each]).check()


def test_optimizers_have_a_rate_and_a_momentum_of_their_own():
    setup = Setup.of("digits", "gan")
    assert setup.momentum("generator") == 0.5  # of the config
    words = setup.with_momentum("generator", 0.1).words
    assert words.value("model.optimization.generator.betas") == [0.1, 0.999]
    other = setup.with_momentum("generator", 0.1).with_setting("model.optimization.generator", "SGD")
    assert other.momentum("generator") == 0
    assert other.with_momentum("generator", 0.2).words.words[-2:] == ("--model.optimization.generator.momentum", "0.2")
    assert other.with_setting("model.optimization.generator", "Adagrad").momentum("generator") is None


def test_players_are_those_of_the_recipe():
    assert Setup.of("digits", "cgan").players == ["generator", "discriminator"]  # of whom its config says nothing
    assert Setup.of("digits", "vae").players == ["autoencoder"]
    assert Setup.of("digits", "aae").players == ["autoencoder", "encoder", "discriminator"]


def test_of_what_a_slider_asks_for_only_the_newest_is_done():
    done, places = [], []

    async def work():
        now = places[-1]
        await asyncio.sleep(0.001)
        done.append(now)

    async def moved():
        renew = newest(work)
        turns = []
        for place in range(5):
            places.append(place)
            turns.append(asyncio.create_task(renew()))
            await asyncio.sleep(0)
        await asyncio.gather(*turns)

    asyncio.run(moved())
    assert done == [0, 4]
