"""Every precision trains; losses and penalties keep their digits, clipping its norm."""

import math
from functools import partial

import pytest
import torch
from lightning.pytorch import Callback
from torch.utils.data import DataLoader

from lightning_gans import GAN, WGANGP, Sample, UnrolledGAN
from lightning_gans.engine.player import enable_fused
from lightning_gans.regularizers import R1
from lightning_gans.schedule import Clock
from tests.games import BOTH_SGD, gan, points, same, state, train

CPU_PRECISIONS = ["32-true", "64-true", "bf16-mixed"]


class Checked(WGANGP):
    """Remembers in which precision its networks, logits and losses are."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.kinds, score = set(), self.critic.score

        def recorded(sample):
            scored = score(sample)
            self.kinds.add(("logits", scored.logits.dtype))
            return scored

        self.critic.score = recorded

    def fake(self, batch, z=None):
        sample = super().fake(batch, z)
        self.kinds.add(("samples", sample.image.dtype))
        return sample

    def log_value(self, name, value):
        if name == "penalty/gradient":
            self.kinds.add(("penalty", value.dtype))
        super().log_value(name, value)

    def discriminator_loss(self, batch):
        loss = super().discriminator_loss(batch)
        self.kinds.add(("loss", loss.dtype))
        return loss


@pytest.mark.parametrize("precision", CPU_PRECISIONS)
def test_losses_and_penalties_keep_their_digits(precision):
    model = gan(Checked, optimization={"n_critic": 2})
    double = precision == "64-true"
    trainer = train(model, 10, precision=precision, data=points().double() if double else None)
    full = torch.float64 if double else torch.float32
    network = torch.bfloat16 if precision == "bf16-mixed" else full
    assert model.kinds == {("samples", network), ("logits", full), ("penalty", full), ("loss", full)}
    assert math.isfinite(trainer.callback_metrics["penalty/gradient"])
    assert model.sample(3).dtype == torch.float32


@pytest.mark.parametrize("due", [True, False])
def test_logits_that_are_differentiated_are_exact_under_autocast(due):
    """Where R1 is due; else they may have the precision of autocast."""
    model, x = gan(regularizers=[R1(interval=1 if due else 2)]), Sample(points(8))
    exact = model.discriminator(x.image)
    model.critic.begin(Clock(), model.rand, None, trains=True)
    with torch.autocast("cpu", torch.bfloat16):
        scored = model.critic.score(x)
        assert torch.equal(scored.logits, exact) == due
        if due:
            penalty = model.critic.regularization(scored, scored)
    if due:
        assert penalty.dtype == torch.float32
        inputs = x.image.clone().requires_grad_()
        (slope,) = torch.autograd.grad(model.discriminator(inputs).sum(), inputs)
        torch.testing.assert_close(penalty, 5 * slope.square().sum(1).mean())  # gamma / 2 is 5


@pytest.mark.parametrize(
    ("cls", "settings", "logged"),
    [
        (GAN, {"regularizers": [R1()]}, "penalty/r1"),
        (WGANGP, {}, "penalty/gradient"),
        (UnrolledGAN, {}, "loss/generator"),
    ],
)
@pytest.mark.parametrize("precision", ["bf16-true", "16-true"])
def test_weights_of_half_precision_train_with_penalties_too(cls, settings, logged, precision):
    """Penalties, and what is unrolled, are differentiated twice."""
    half, full = (
        train(gan(cls, optimization=BOTH_SGD, **settings), 1, precision=each, log_every_n_steps=1)
        for each in (precision, "32-true")
    )
    expected = float(full.callback_metrics[logged])
    assert float(half.callback_metrics[logged]) == pytest.approx(expected, rel=0.05)
    assert all(p.dtype == torch.bfloat16 for p in half.model.generator.parameters()) == (precision == "bf16-true")
    train(
        gan(cls, **settings), 5, precision="bf16-true"
    )  # under Adam too, or else a loss that is not a number stops it


@pytest.mark.parametrize("precision", CPU_PRECISIONS)
def test_resuming_in_every_precision(precision, tmp_path):
    data = points().double() if precision == "64-true" else None
    whole, half, rest = (gan(WGANGP, optimization={"n_critic": 3, "discriminator_clip": 0.1}) for _ in range(3))
    train(whole, 32, data=data, precision=precision)
    train(half, 16, data=data, precision=precision).save_checkpoint(tmp_path / "half.ckpt")
    train(rest, 32, data=data, precision=precision, ckpt_path=tmp_path / "half.ckpt")
    assert same(state(whole), state(rest))


class Norms(Callback):
    """The norms of the gradients that the optimizers are given."""

    def __init__(self):
        self.seen = {"discriminator": [], "generator": []}

    def on_train_start(self, trainer, pl_module):
        for name, optimizer in zip(self.seen, trainer.optimizers, strict=True):
            optimizer.register_step_post_hook(partial(self.measure, name))

    def measure(self, name, optimizer, *_):
        grads = [p.grad for p in optimizer.param_groups[0]["params"]]
        self.seen[name].append(float(torch.nn.utils.get_total_norm(grads)))


def clipped_norms(**kwargs):
    norms = Norms()
    train(gan(optimization={"discriminator_clip": 1e-3}), 5, callbacks=[norms], log_every_n_steps=1, **kwargs)
    return norms.seen


@pytest.mark.parametrize("precision", CPU_PRECISIONS)
def test_clipping_has_the_requested_norm(precision):
    seen = clipped_norms(precision=precision, data=points().double() if precision == "64-true" else None)
    assert seen["discriminator"] == pytest.approx([1e-3] * 5, rel=2e-3)
    assert min(seen["generator"]) > 2e-3


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["16-mixed", "bf16-mixed"])
def test_clipping_has_the_requested_norm_on_a_gpu(precision):
    """Under 16-mixed gradients are scaled by 65,536 until the optimizer steps; clipping must see them unscaled."""
    seen = clipped_norms(precision=precision, accelerator="gpu", devices=1)
    assert seen["discriminator"] == pytest.approx([1e-3] * 5, rel=5e-3)
    assert min(seen["generator"]) > 2e-3


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["16-mixed", "bf16-mixed", "32-true"])
def test_a_gpu_trains_and_resumes(precision, tmp_path):
    settings = {"precision": precision, "accelerator": "gpu", "devices": 1}
    torch.use_deterministic_algorithms(True, warn_only=True)
    whole, half, rest = (gan(WGANGP, optimization={"n_critic": 3}) for _ in range(3))
    train(whole, 32, **settings)
    train(half, 16, **settings).save_checkpoint(tmp_path / "half.ckpt")
    train(rest, 32, ckpt_path=tmp_path / "half.ckpt", **settings)
    assert same(state(whole.cpu()), state(rest.cpu()))


@pytest.mark.gpu
@pytest.mark.filterwarnings("ignore:Synchronization debug mode")  # torch's, that it does not see everything
def test_no_step_waits_for_the_gpu():
    model = gan(optimization={"generator_clip": 1.0, "discriminator_clip": 1.0})
    data = DataLoader(torch.utils.data.TensorDataset(points(32 * 30)), batch_size=32, pin_memory=True)

    class Strict(Callback):
        def on_train_batch_start(self, trainer, *_):
            due = (trainer.global_step + 1) % 10 == 0 or trainer.global_step == 0
            torch.cuda.set_sync_debug_mode("default" if due else "error")

        def on_train_end(self, *_):
            torch.cuda.set_sync_debug_mode("default")

    train(model, 30, loader=lambda *_: data, accelerator="gpu", devices=1, log_every_n_steps=10, callbacks=[Strict()])


def test_steps_are_fused_where_that_is_legal():
    model = gan(optimization={"discriminator_clip": 1.0})
    trainer = train(model, 2)
    assert [optimizer.param_groups[0]["fused"] for optimizer in trainer.optimizers] == [True, True]
    assert not any(hasattr(optimizer, "_step_supports_amp_scaling") for optimizer in trainer.optimizers)
    weight = torch.nn.Parameter(torch.zeros(2))
    cases = [
        ({}, True),
        ({"fused": False}, False),
        ({"foreach": True}, None),
        ({"capturable": True}, None),
    ]
    for settings, expected in cases:
        assert enable_fused(torch.optim.Adam([weight], **settings)).param_groups[0]["fused"] is expected
    assert "fused" not in enable_fused(torch.optim.RMSprop([weight])).param_groups[0]
    assert enable_fused(torch.optim.SGD([weight], lr=1.0)).param_groups[0]["fused"]


def test_fused_steps_equal_separate_ones():
    plain = {"class_path": "torch.optim.Adam", "init_args": {"lr": 2e-4, "betas": [0.5, 0.999], "fused": False}}
    fused, separate = gan(), gan(optimization={"generator": plain, "discriminator": plain})
    for model in (fused, separate):
        train(model, 20)
    for one, other in zip(fused.parameters(), separate.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-6)
