"""The U-Net and the discriminator of patches, against the paper's layers, sizes and receptive fields."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lightning_gans import ConfigError
from lightning_gans.networks import PatchDiscriminator, ResNetTranslator, UNet
from lightning_gans.networks.layers import UpsampledConv2d
from lightning_gans.networks.padding import ReflectedConv2d, pad_to_multiple
from lightning_gans.networks.unet import fitting_downsamplings

SIZES = [(8, 8), (9, 8), (47, 61), (64, 64), (8, 200)]


def images(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def filled(network):
    """The same with weights large enough to tell outputs apart."""
    generator = torch.Generator().manual_seed(1)
    for parameter in network.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) / parameter[0].numel() ** 0.5
    return network


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("upsampling", ["resize", "transposed"])
@pytest.mark.parametrize("norm", ["batch", "instance", None])
def test_a_u_net_keeps_any_size(size, upsampling, norm):
    network = UNet((1, *size), (3, *size), base_channels=2, norm=norm, upsampling=upsampling)
    translated = network(images(1, 1, *size))
    assert translated.shape == (1, 3, *size)
    assert translated.abs().max() <= 1
    assert network(images(2, 1, 33, 18)).shape == (2, 3, 33, 18), "another size than the one that it was built for"


def test_a_u_net_has_the_paper_s_layers_on_256_pixels():
    network = UNet((3, 256, 256), (3, 256, 256), base_channels=1, upsampling="transposed", norm="batch")
    encoder = [m for block in network.down for m in block.modules() if isinstance(m, nn.Conv2d)]
    decoder = [m for m in network.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert [m.out_channels for m in encoder] == [1, 2, 4, 8, 8, 8, 8, 8]  # times 64
    assert [m.out_channels for m in decoder] == [8, 8, 8, 8, 4, 2, 1, 3]
    assert [m.in_channels for m in decoder] == [8, 16, 16, 16, 16, 8, 4, 2]
    assert {(m.kernel_size, m.stride, m.padding) for m in (*encoder, *decoder)} == {((4, 4), (2, 2), (1, 1))}
    normalized = [any(isinstance(m, nn.BatchNorm2d) for m in block.modules()) for block in network.down]
    assert normalized == [False] + 6 * [True] + [False]
    dropped = [any(isinstance(m, nn.Dropout) for m in block) for block in network.up]
    assert dropped == 3 * [True] + 4 * [False]
    assert isinstance(network.out[-1], nn.Tanh)


def test_what_pads_by_a_third_at_most():
    for side in range(8, 300):
        depth = fitting_downsamplings((side, side))
        assert 2**depth <= side
        assert 3 * (-side % 2**depth) <= side
    assert [fitting_downsamplings((2**n, 2**n)) for n in range(3, 11)] == [3, 4, 5, 6, 7, 8, 8, 8]
    assert [fitting_downsamplings(size) for size in ((47, 47), (28, 28), (8, 200))] == [4, 4, 3]


SHAPES = (3, 32, 32), (3, 32, 32)


@pytest.mark.parametrize(
    "built",
    [UNet(*SHAPES, 32, norm="batch"), PatchDiscriminator(*SHAPES, 32, norm="batch")],
    ids=lambda m: type(m).__name__,
)
def test_weights_begin_as_in_the_paper(built):
    for module in built.modules():
        if isinstance(module, nn.Conv2d):
            assert float(module.weight.detach().std()) == pytest.approx(0.02, rel=0.2)
            assert module.bias is None or not module.bias.any()
        elif isinstance(module, nn.BatchNorm2d):
            assert float(module.weight.detach().mean()) == pytest.approx(1, abs=0.02)


def test_padding_is_reflection_and_then_the_edge_and_is_cut_back_exactly():
    x = images(2, 3, 47, 61)
    padded, rows, columns = pad_to_multiple(x, 16)
    assert padded.shape == (2, 3, 48, 64)
    assert torch.equal(padded[..., rows, columns], x)
    assert torch.equal(padded, nn.functional.pad(x, (1, 2, 0, 1), mode="reflect"))
    row = torch.tensor([1.0, 2.0, 3.0]).expand(1, 1, 3, 3)
    far, _, columns = pad_to_multiple(row, 10)
    assert far[0, 0, 0].tolist() == [3, 3, 2, 1, 2, 3, 2, 1, 1, 1]
    assert columns == slice(3, 6)
    padded, rows, columns = pad_to_multiple(torch.arange(6.0).reshape(1, 1, 2, 3), 4)
    assert padded[0, 0, rows].tolist() == [[0, 1, 2, 1], [3, 4, 5, 4]]
    assert columns == slice(0, 3)
    whole = images(1, 1, 32, 32)
    assert pad_to_multiple(whole, 8)[0] is whole


def test_padding_has_the_derivatives_of_torch_s_own():
    x = images(1, 2, 9, 11).double().requires_grad_()
    weights = images(1, 2, 16, 16, seed=1).double()
    (ours,) = torch.autograd.grad((pad_to_multiple(x, 16)[0] * weights).sum(), x)
    (theirs,) = torch.autograd.grad((nn.functional.pad(x, (2, 3, 3, 4), mode="reflect") * weights).sum(), x)
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("upsampling", ["resize", "transposed"])
def test_what_is_moved_in_comes_out_moved_inside_the_padded_border(upsampling):
    """By as many pixels as the smallest map has strides, without norm, which sees the whole image."""
    network = filled(UNet((1, 47, 61), (2, 47, 61), 3, num_downsamplings=2, norm=None, upsampling=upsampling)).eval()
    wide = images(1, 1, 47 + 4, 61 + 4)
    first, moved = network(wide[..., :47, :61]), network(wide[..., 4:, 4:])
    margin = slice(20, -20)
    torch.testing.assert_close(first[..., 4:, 4:][..., margin, margin], moved[..., :-4, :-4][..., margin, margin])


def test_the_size_that_needs_no_padding_is_the_padded_one_cut_back():
    network = filled(UNet((1, 47, 61), (1, 47, 61), 3, num_downsamplings=3)).eval()
    x = images(2, 1, 47, 61)
    padded, rows, columns = pad_to_multiple(x, 8)
    torch.testing.assert_close(network(x), network(padded)[..., rows, columns])


def test_flat_areas_stay_flat_unless_convolutions_are_transposed():
    """Inside, where the zeros beyond the border are not seen; the reason for the default."""
    flat = torch.full((1, 1, 64, 64), 0.3)
    inside = slice(24, 40)
    spread = {}
    for upsampling in ("resize", "transposed"):
        network = filled(UNet((1, 64, 64), (1, 64, 64), 4, num_downsamplings=2, norm=None, upsampling=upsampling))
        spread[upsampling] = float(network.eval()(flat)[..., inside, inside].detach().std())
    assert spread["resize"] < 1e-6
    assert spread["transposed"] > 1e-3
    assert isinstance(UNet((1, 8, 8), (1, 8, 8), 1).out[1], UpsampledConv2d)


@pytest.mark.parametrize("bias", [True, False])
def test_an_upsampled_convolution_is_one_of_enlarged_maps(bias):
    """Nearest neighbors and a 3 x 3 convolution with zeros around, in one; gradients too."""
    torch.manual_seed(0)
    one = UpsampledConv2d(5, 3, bias=bias).double()
    x = torch.randn(2, 5, 4, 7, dtype=torch.float64, requires_grad=True)
    kernel = one.weight.transpose(0, 1).flip(2, 3)
    apart = F.conv2d(F.interpolate(x, scale_factor=2), kernel, one.bias, padding=1)
    torch.testing.assert_close(one(x), apart, rtol=0, atol=1e-12)
    weights = torch.randn_like(apart)
    found, expected = (torch.autograd.grad((y * weights).sum(), (x, one.weight)) for y in (one(x), apart))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_reflected_convolution_is_torchs():
    one, x = ReflectedConv2d(2, 3, 7, bias=True), images(2, 2, 9, 8)
    apart = F.conv2d(F.pad(x, [3, 3, 3, 3], mode="reflect"), one.weight, one.bias)
    torch.testing.assert_close(one(x), apart, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("num_blocks", "shown"), [(0, 0), (1, 1), (2, 1), (4, 2), (9, 2)])
def test_features_are_the_maps_on_the_way_to_the_image(num_blocks, shown):
    network = ResNetTranslator((3, 18, 24), (1, 18, 24), 4, num_blocks=num_blocks)
    maps, channels = network.features(images(2, 3, 18, 24)), network.feature_channels
    assert [each.shape[1] for each in maps] == channels == [3, 8, 16, *[16] * shown]
    assert [tuple(each.shape[2:]) for each in maps] == [(20, 24), (10, 12), *[(5, 6)] * (shown + 1)]
    x = images(1, 3, 18, 24).requires_grad_()
    (gradient,) = torch.autograd.grad(network.features(x)[-1].sum(), x)
    assert gradient.abs().sum() > 0


@pytest.mark.parametrize("size", [(8, 8), (47, 61), (9, 33)])
@pytest.mark.parametrize("build", [UNet, ResNetTranslator])
def test_any_size_comes_back_as_it_is(build, size):
    network = build((2, 16, 16), (3, 16, 16), 4)
    assert network(images(1, 2, *size)).shape == (1, 3, *size)


@pytest.mark.parametrize("build", [UNet, ResNetTranslator])
def test_as_many_halvings_as_there_may_be_leave_maps_to_normalize(build):
    network = build((1, 16, 20), (1, 16, 20), 1, num_downsamplings=4)
    for size in ((16, 20), (8, 8)):
        assert network(images(2, 1, *size)).shape == (2, 1, *size)


def test_dropout_is_the_only_noise():
    network = filled(UNet((1, 32, 32), (1, 32, 32), 4))
    x = images(1, 1, 32, 32)
    assert not torch.equal(network(x), network(x))
    network.eval()
    assert torch.equal(network(x), network(x))
    still = filled(UNet((1, 32, 32), (1, 32, 32), 4, dropout=0.0))
    assert torch.equal(still(x), still(x))
    assert torch.equal(still.eval()(x), still.train()(x)), "instance norm does the same in training and after it"


def test_masks_join_the_source():
    network, x, mask = UNet((4, 16, 16), (3, 16, 16), 2, dropout=0.0), images(2, 3, 16, 16), images(2, 1, 16, 16)
    assert torch.equal(network(x, mask), network(torch.cat([x, mask], 1)))


def seen(network, size):
    """Height and width of the area on which the logit in the middle depends."""
    image = images(1, 1, *size).double().requires_grad_()
    logits = network.double()(image)
    logits[0, 0, logits.shape[2] // 2, logits.shape[3] // 2].backward()
    rows, columns = image.grad[0, 0].nonzero().unbind(1)
    return [int(each.max() - each.min()) + 1 for each in (rows, columns)]


@pytest.mark.parametrize(("field", "side"), [(1, 8), (16, 40), (34, 72), (70, 144), (142, 288)])
def test_receptive_fields_are_what_gradients_show(field, side):
    network = filled(PatchDiscriminator((1, side, side + 9), None, 1, receptive_field=field, norm=None))
    assert seen(network, (side, side + 9)) == [field, field]


def test_a_patch_discriminator_has_the_paper_s_layers():
    network = PatchDiscriminator((3, 256, 256), (1, 256, 256), 2, norm="batch")
    assert network(torch.zeros(1, 3, 256, 256), torch.zeros(1, 1, 256, 256)).shape == (1, 1, 30, 30)
    single = PatchDiscriminator((3, 256, 256), base_channels=2, receptive_field=1)
    assert single(torch.zeros(1, 3, 256, 256)).shape == (1, 1, 256, 256)
    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert [(m.in_channels, m.out_channels, m.stride[0]) for m in layers] == [
        (4, 2, 2),
        (2, 4, 2),
        (4, 8, 2),
        (8, 16, 1),
        (16, 1, 1),
    ]
    kinds = [type(m).__name__ for m in network.hidden]
    assert kinds[:3] == ["Conv2d", "LeakyReLU", "Conv2d"]  # no norm on the first map
    assert kinds.count("BatchNorm2d") == 3
    assert [m.out_channels for m in single.modules() if isinstance(m, nn.Conv2d)] == [2, 4, 1]


@pytest.mark.parametrize("size", SIZES[2:4])
@pytest.mark.parametrize("norm", ["batch", "instance", None])
def test_patches_of_any_size_are_scored_with_their_sources(size, norm):
    network = PatchDiscriminator((3, *size), (1, *size), 2, receptive_field=34, norm=norm)
    image, source = images(2, 3, *size), images(2, 1, *size, seed=1)
    assert network(image, source).shape[:2] == (2, 1)
    assert not torch.equal(network(image, source), network(image, -source))


@pytest.mark.parametrize("side", [8, 12, 15, 16, 23, 24, 47, 48])
def test_the_largest_receptive_field_that_fits_is_named_and_fits(side):
    with pytest.raises(ConfigError, match=r"receptive_field=142: images of .* the largest that fits is (\d+)") as found:
        PatchDiscriminator((1, min(side, 47), 200), receptive_field=142)
    field = int(str(found.value).rsplit(" ", 1)[1])
    network = PatchDiscriminator((1, side, side), None, 1, receptive_field=field, norm="instance")
    assert network(images(1, 1, side, side)).numel() > 0


UNET, PATCH = UNet((1, 8, 16), (3, 8, 16), 1), PatchDiscriminator((3, 8, 16), (1, 8, 16), 1, receptive_field=16)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: UNet(None, (3, 8, 8)), "^source_shape=None: give"),
        (lambda: UNet((3, 8, 8)), "^image_shape=None: give"),
        (lambda: UNet((3, 7, 8), (3, 7, 8)), r"^source_shape=\(3, 7, 8\): .* 8 or more"),
        (lambda: UNet((3, 8, 8), (3, 8, 9)), r"^image_shape=\(3, 8, 9\): the size is kept.* 8 x 8"),
        (lambda: UNet((3, 8), (3, 8, 8)), r"^source_shape=\(3, 8\)"),
        (lambda: UNet((3, 8, 8), (3, 8, 8), 0), "^base_channels=0"),
        (lambda: UNet((3, 8, 8), (3, 8, 8), num_downsamplings=0), "^num_downsamplings=0"),
        (
            lambda: UNet((3, 8, 9), (3, 8, 9), num_downsamplings=4),
            "^num_downsamplings=4: .* 8 pixels .* 3 times at most",
        ),
        (lambda: ResNetTranslator((3, 17, 99), (3, 17, 99), num_downsamplings=6), "^num_downsamplings=6: .* 5 times"),
        (lambda: UNet((3, 8, 8), (3, 8, 8), dropout=1.0), r"^dropout=1\.0"),
        (lambda: UNet((3, 8, 8), (3, 8, 8), norm="layer"), "^norm='layer': is none of batch, instance"),
        (lambda: UNet((3, 8, 8), (3, 8, 8), upsampling="cubic"), "^upsampling='cubic': is none of resize, transposed"),
        (lambda: UNET(images(1, 3, 8, 16)), r"^source=\(1, 3, 8, 16\): .* of 1 channels"),
        (lambda: UNET(images(1, 1, 8, 4)), r"^source=\(1, 1, 8, 4\): .* 8 pixels or more"),
        (lambda: UNET(images(1, 1, 8, 16), torch.zeros(1)), r"^source=\[\(1, 1, 8, 16\), \(1,\)\]: .* of one size"),
        (lambda: UNET(images(4, 6)), r"^source=\(4, 6\)"),
        (lambda: PatchDiscriminator(), "^image_shape=None"),
        (lambda: PatchDiscriminator((3, 32, 32), (1, 16, 16)), r"^source_shape=\(1, 16, 16\): .* 32 x 32"),
        (lambda: PatchDiscriminator((3, 32, 32), receptive_field=50), "^receptive_field=50: is none of 1, 16, 34, 70"),
        (lambda: PatchDiscriminator((3, 16, 99)), "^receptive_field=70: images of 16 pixels .* fits is 34"),
        (lambda: PATCH(images(1, 3, 8, 16)), r"^inputs=\[\(1, 3, 8, 16\)\]: .* of 3 and 1 channels"),
        (lambda: PATCH(images(1, 3, 8, 16), images(1, 1, 16, 16)), "^inputs=.* of one size"),
        (lambda: PATCH(images(1, 3, 8, 16), torch.zeros(1)), "^inputs="),
    ],
)
def test_mismatches_are_one_line(build, message):
    with pytest.raises(ConfigError, match=message) as found:
        build()
    assert "\n" not in str(found.value)
