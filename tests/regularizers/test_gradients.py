import pytest
import torch
from torch import nn

from lightning_gans import ConfigError
from lightning_gans.networks import DCGANDiscriminator, MinibatchStdDev, MLPDiscriminator
from lightning_gans.regularizers import gradient_penalty, r1_penalty, r2_penalty, require_sample_wise


def cubic(x):
    """sum_i x_i^3, with gradient 3 x_i^2."""
    return x.pow(3).sum(1, keepdim=True)


def test_penalties_are_the_closed_form_of_a_cubic():
    x, g = torch.randn(6, 3, dtype=torch.float64), torch.randn(6, 3, dtype=torch.float64)
    alpha = torch.rand(6, dtype=torch.float64)
    between = alpha[:, None] * x + (1 - alpha[:, None]) * g
    norm = (3 * between.square()).norm(dim=1)
    torch.testing.assert_close(gradient_penalty(cubic, (x,), (g,), alpha), ((norm - 1) ** 2).mean())
    torch.testing.assert_close(r1_penalty(cubic, (x,)), (9 * x.pow(4)).sum(1).mean())
    torch.testing.assert_close(r2_penalty(cubic, (g,)), (9 * g.pow(4)).sum(1).mean())


def test_penalties_reach_the_weights_of_the_judge():
    w = torch.tensor([3.0, 4.0], requires_grad=True)
    x = torch.zeros(2, 2)
    penalty = gradient_penalty(lambda points: points @ w, (x,), (x,), torch.zeros(2))
    (gradient,) = torch.autograd.grad(penalty, w)  # of (|w| - 1)^2: 2 (|w| - 1) w / |w|
    torch.testing.assert_close(gradient, 2 * 4 * w.detach() / 5)
    (gradient,) = torch.autograd.grad(r1_penalty(lambda points: points @ w, (x,)), w)  # of |w|^2
    torch.testing.assert_close(gradient, 2 * w.detach())


def test_a_flat_judge_has_a_finite_gradient():
    w = torch.zeros(2, requires_grad=True)
    penalty = gradient_penalty(lambda x: x @ w, (torch.ones(3, 2),), (torch.zeros(3, 2),), torch.rand(3))
    penalty.backward()
    assert float(penalty.detach()) == 1
    assert torch.isfinite(w.grad).all()


def test_alpha_goes_from_the_generated_to_the_real_sample():
    seen = []

    def judge(x):
        seen.append(x.detach())
        return x.sum(1)

    real, fake = torch.ones(2, 3), torch.zeros(2, 3)
    gradient_penalty(judge, (real,), (fake,), torch.tensor([0.0, 1.0]))
    torch.testing.assert_close(seen[0], torch.tensor([[0.0] * 3, [1.0] * 3]))


def test_labels_are_judged_but_not_mixed_and_several_inputs_count_together():
    def judge(x, z, labels):
        return 2 * x.sum((1, 2, 3)) + 3 * z.sum(1) + labels

    x, z, labels = torch.rand(4, 1, 2, 2), torch.rand(4, 3), torch.arange(4)
    inputs = (x, z, labels)
    torch.testing.assert_close(r1_penalty(judge, inputs), torch.tensor(4 * 4.0 + 9 * 3.0))
    expected = ((4 * 4.0 + 9 * 3.0) ** 0.5 - 1) ** 2
    torch.testing.assert_close(gradient_penalty(judge, inputs, inputs, torch.rand(4)), torch.tensor(expected))


def test_patches_count_together():
    """The gradient is that of the sum of a sample's logits."""
    w = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    torch.testing.assert_close(r1_penalty(lambda x: x @ w, (torch.zeros(5, 2),)), torch.tensor(9.0 + 49.0))


def test_penalties_leave_autocast():
    layer = nn.Linear(4, 1)
    x = torch.randn(8, 4)
    with torch.autocast("cpu", torch.bfloat16):
        inside = r1_penalty(layer, (x.bfloat16(),))
    assert inside.dtype == torch.float32
    torch.testing.assert_close(inside, layer.weight.detach().square().sum(), check_dtype=False)


def test_inputs_are_left_alone():
    x = torch.randn(3, 2)
    r1_penalty(cubic, (x,))
    assert not x.requires_grad
    with torch.no_grad():
        assert float(r1_penalty(cubic, (x,))) > 0


def test_batch_norm_is_refused_by_name():
    require_sample_wise(DCGANDiscriminator((1, 8, 8), 4, batch_norm=False))
    with pytest.raises(ConfigError, match=r"BatchNorm2d at 'down.3'.*batch_norm: false"):
        require_sample_wise(DCGANDiscriminator((1, 8, 8), 4))


def test_a_layer_that_compares_samples_is_refused_by_name():
    with pytest.raises(ConfigError, match=r"MinibatchStdDev at .*leave that layer out"):
        require_sample_wise(MLPDiscriminator((1, 8, 8), (4,), minibatch_layer=MinibatchStdDev))
