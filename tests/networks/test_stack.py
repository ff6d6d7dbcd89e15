"""Networks that are lists of blocks: the shapes that are said are those that come out; what does not fit is named."""

import pytest
import torch
import yaml
from torch import nn

from lightning_gans import VAE, ConfigError
from lightning_gans.blocks import LAYERS, settings_of, shapes_of
from lightning_gans.cli import main
from lightning_gans.networks import (
    LayerStack,
    LayerStackDiscriminator,
    LayerStackEncoder,
    LayerStackGenerator,
    ProjectionDiscriminator,
    SpectralNorm,
)
from lightning_gans.networks.stack import _BUILDERS
from tests.rooms import brought_in

GENERATOR = [
    {"layer": "linear", "features": 32},
    {"layer": "relu"},
    {"layer": "reshape", "shape": [8, 2, 2]},
    {"layer": "transposed_convolution", "depth": 4},
    {"layer": "batch_norm"},
    {"layer": "upsample"},
    {"layer": "convolution", "depth": 1, "padding": 1},
    {"layer": "tanh"},
]
DISCRIMINATOR = [{"layer": "convolution", "depth": 4, "stride": 2}, {"layer": "leaky_relu"}, {"layer": "max_pool"}]
SETTINGS = {
    "linear": [{"features": 3}],
    "convolution": [{"depth": 2}, {"depth": 3, "field": 5, "stride": 3, "padding": 2}, {"depth": 1, "field": 7}],
    "transposed_convolution": [{"depth": 2}, {"depth": 1, "field": 3, "stride": 1, "padding": 0}],
    "max_pool": [{}, {"field": 3, "stride": 1}],
    "average_pool": [{}, {"field": 3, "stride": 2}],
    "upsample": [{}, {"factor": 3}],
    "reshape": [{"shape": [7, 2, 9]}, {"shape": [126]}],
    "leaky_relu": [{}, {"slope": 0.5}],
}


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_makes_the_shape_that_is_said(layer):
    for settings in SETTINGS.get(layer, [{}]):
        for shape in [(12,), (2, 7, 9)]:
            block = {"layer": layer, **settings}
            try:
                stack = LayerStack([block], shape)
            except ConfigError:
                assert layer in {"linear", "reshape"} or len(shape) == 1, "maps fit the others"
                continue
            assert stack(torch.randn(5, *shape)).shape == (5, *stack.shapes[1])
            assert stack.shapes == shapes_of([block], shape)


def test_every_layer_is_built_and_every_setting_counts():
    assert set(LAYERS) == set(_BUILDERS)
    image = torch.rand(1, 2, 7, 9)
    for layer, changed in [("leaky_relu", {"slope": 0.9}), ("max_pool", {"field": 3}), ("average_pool", {"field": 3})]:
        usual, other = (LayerStack([{"layer": layer, **how}], (2, 7, 9)) for how in ({}, changed))
        assert settings_of(layer) != settings_of(layer) | changed
        assert not torch.equal(usual(image - 0.5), other(image - 0.5))


@pytest.mark.parametrize(
    ("blocks", "number", "message"),
    [
        ([{"layer": "linear", "features": 2}], 0, r"is given maps \(1, 8, 8\): flatten them first"),
        ([{"layer": "flatten"}, {"layer": "max_pool"}], 1, r"is given \(64,\): reshape it first"),
        ([{"layer": "max_pool"}] * 4, 3, r"a field of 2 does not fit into maps \(1, 1, 1\)"),
        ([{"layer": "convolution", "depth": 2, "field": 11, "padding": 1}], 0, "a field of 11 does not fit"),
        ([{"layer": "transposed_convolution", "depth": 2, "stride": 1, "padding": 6}], 0, "nothing of maps"),
        ([{"layer": "flatten"}, {"layer": "reshape", "shape": [3, 5, 5]}], 1, "has 75 numbers, and is given 64"),
        ([{"layer": "flatten"}, {"layer": "linear", "features": 1}, {"layer": "layer_norm"}], 2, "makes zeros"),
        ([{"layer": "convolution", "depth": 2, "field": 8}, {"layer": "instance_norm"}], 1, "makes zeros"),
        ([{"layer": "convolution"}], 0, "depth must be a whole number, 1 or more$"),
        ([{"layer": "convolution", "depth": True}], 0, "1 or more, and is True"),
        ([{"layer": "convolution", "depth": 2, "padding": -1}], 0, "0 or more, and is -1"),
        ([{"layer": "convolution", "depth": 2, "kernel": 3}], 0, "no setting 'kernel'; it has depth, field, stride"),
        ([{"layer": "relu", "slope": 1}], 0, "relu has no setting 'slope'; it has none"),
        ([{"layer": "leaky_relu", "slope": "a"}], 0, "a number from 0 to below 1, and is 'a'"),
        ([{"layer": "reshape", "shape": [64, 0]}], 0, r"the shape of maps, .* and is \[64, 0\]"),
        ([{"layer": "maxpool"}], 0, "its layer must be one of linear, "),
        ([{"layer": []}], 0, "its layer must be one of linear, "),
        (["relu"], 0, "its layer must be one of linear, "),
    ],
)
def test_what_does_not_fit_is_said_at_its_block(blocks, number, message):
    with pytest.raises(ConfigError, match=rf"^blocks\[{number}\]=[^\n]*{message}[^\n]*$"):
        shapes_of(blocks, (1, 8, 8))


def test_a_generator_makes_images_and_nothing_else():
    assert LayerStackGenerator(GENERATOR, 5, (1, 8, 8)).stack.shapes[-1] == (1, 8, 8)
    with pytest.raises(ConfigError, match=r"^blocks\[7\]=.*: \(1, 8, 8\) comes out, and it must be \(1, 16, 16\)"):
        LayerStackGenerator(GENERATOR, 5, (1, 16, 16))
    with pytest.raises(ConfigError, match=r"^blocks=\[\]: \(5,\) comes out"):
        LayerStackGenerator([], 5, (2,))
    for shape in (None, (8, 8), (1, 0, 8)):
        with pytest.raises(ConfigError, match=r"^image_shape="):
            LayerStackDiscriminator([], shape)


def test_labels_and_features_as_of_any_network():
    labels, images = torch.tensor([0, 2]), torch.randn(2, 1, 8, 8)
    generator = LayerStackGenerator(GENERATOR, 5, (1, 8, 8), num_classes=3).eval()
    z = torch.randn(2, 5)
    assert not torch.equal(generator(z, labels), generator(z, labels.flip(0)))
    told = LayerStackDiscriminator(DISCRIMINATOR, (1, 8, 8), num_classes=3).eval()
    assert not torch.equal(told(images, labels), told(images, labels.flip(0)))
    assert told.features(images, labels).shape == (2, told.feature_dim)
    packed = LayerStackDiscriminator([], (2,), num_classes=3, labels_per_sample=2)
    assert packed(torch.zeros(2, 2), torch.tensor([[0, 1], [2, 2]])).shape == (2, 1)
    body = LayerStackDiscriminator(DISCRIMINATOR, (1, 8, 8), spectral_norm=True)
    assert ProjectionDiscriminator(body, 3)(images, labels).shape == (2, 1)
    wrapped = [type(each.layer) for each in body.modules() if isinstance(each, SpectralNorm)]
    assert wrapped == [nn.Conv2d, nn.Linear]


def test_an_autoencoder_s_config_of_blocks_plays_and_its_checkpoint_is_complete(tmp_path, capsys):
    networks = "lightning_gans.networks.LayerStack"
    generator = {"class_path": f"{networks}Generator", "init_args": {"blocks": GENERATOR}}
    encoder = {"class_path": f"{networks}Encoder", "init_args": {"blocks": DISCRIMINATOR}}
    model = {"generator": generator, "encoder": encoder, "latent_dim": 3}
    config = {"model": {"class_path": "lightning_gans.ConditionalVAE", "init_args": model}}
    file = tmp_path / "blocks.yaml"
    file.write_text(yaml.safe_dump(config | {"data": {"class_path": "lightning_gans.data.Digits"}}))
    quiet = ["--trainer.logger", "false", "--metrics.every_n_steps", "0", "--samples.every_n_steps", "0"]
    fit = ["fit", "--config", str(file), *quiet, "--trainer.default_root_dir", str(tmp_path)]
    main([*fit, "--trainer.max_steps", "2", "--trainer.accelerator", "cpu"])
    loaded = VAE.load_from_checkpoint(tmp_path / "checkpoints/last.ckpt")
    assert isinstance(loaded.encoder, LayerStackEncoder)
    assert loaded.encoder.out.out_features == 6
    assert loaded.encoder.stack.shapes == [(11, 8, 8), (4, 3, 3), (4, 3, 3), (4, 1, 1)]
    assert loaded.generator.stack.shapes == shapes_of(GENERATOR, (13,), (1, 8, 8))
    with pytest.raises(SystemExit, match="2"):
        main([*fit, "--model.generator.blocks", "[{layer: linear, features: 64}]"])
    assert "error: --model.generator.blocks[0]={'layer': 'linear', 'features': 64}: " in capsys.readouterr().err


def test_shapes_need_no_torch():
    blocks, torch_there = [{"layer": "max_pool"}], {"torch", "numpy", "lightning"}
    assert not brought_in("blocks", lambda room: room.shapes_of(blocks, (1, 8, 8)), torch_there)
