"""Earlier generated images that a discriminator is shown again: which, with what, and after a resume."""

import pytest
import torch
from lightning.pytorch import Callback

from lightning_gans import GAN, Batch, BiGAN, Condition, Sample
from lightning_gans.augment import InstanceNoise
from lightning_gans.engine import Critic
from lightning_gans.engine.history import History
from lightning_gans.networks import MLPDiscriminator, MLPEncoder, MLPGenerator
from lightning_gans.schedule import Clock
from tests.games import BOTH_SGD, dealt_loader, gan, points, same, state, train

SIZE = 5


class Plain:
    """The pool of Shrivastava et al. as their section 2.3 has it, a list."""

    def __init__(self):
        self.pool = []

    def __call__(self, rows, swaps, slots):
        shown = []
        for row, swap, slot in zip(rows, swaps, slots, strict=True):
            if len(self.pool) < SIZE:
                self.pool.append(row)
                shown.append(row)
            elif swap >= 0.5:
                shown.append(self.pool[int(slot * SIZE)])
                self.pool[int(slot * SIZE)] = row
            else:
                shown.append(row)
        return shown


def numbered(first, n):
    """Samples that say who they are in every part."""
    number = torch.arange(first, first + n)
    image = number.float()[:, None, None, None].expand(n, 1, 2, 2)
    return Sample(image, Condition(label=number), latent=-number.float()[:, None].expand(n, 3), generated=True)


def test_it_is_the_pool_of_the_paper():
    history, plain, generator = History(SIZE), Plain(), torch.Generator().manual_seed(0)
    drawn = []

    def rand(distribution, n):
        drawn.append(distribution(n, generator=generator))
        return drawn[-1]

    earlier = 0
    for step in range(20):
        sample, n = numbered(3 * step, 3), 3
        shown = history(sample, rand)
        expected = plain([*range(n * step, n * step + n)], *(each.tolist() for each in drawn[-2:]))
        assert shown.condition.label.tolist() == expected
        assert torch.equal(shown.image[:, 0, 0, 0], shown.condition.label.float())  # each with its own label
        assert torch.equal(shown.latent[:, 0], -shown.condition.label.float())  # and its own latent
        assert shown.generated
        assert history.earlier_label[: int(history.count)].tolist() == plain.pool
        earlier += sum(number < n * step for number in expected)
    assert 10 < earlier < 45  # about half of those after the first five
    assert int(history.count) == SIZE


def test_latents_alone_are_kept_too_and_nothing_is_differentiated():
    history = History(SIZE)
    codes = torch.randn(4, 3, requires_grad=True)
    shown = history(Sample(None, latent=codes * 2, generated=True), lambda draw, n: draw(n))
    assert shown.image is None
    assert torch.equal(shown.latent, 2 * codes.detach())
    assert not shown.latent.requires_grad
    shown.latent.zero_()
    assert torch.equal(history.earlier_latent[:4], 2 * codes.detach()), "what is shown is no part of the pool"


class Remembering(GAN):
    """Shows its discriminator earlier images; remembers which."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.critic = Critic(self.discriminator, self.critic.objective, augment=self.critic.augment, history=SIZE)


def conditional(**kwargs):
    torch.manual_seed(0)
    generator = MLPGenerator(3, (2,), (8,), tanh_output=False, num_classes=3)
    return Remembering(generator, MLPDiscriminator((2,), (8,), num_classes=3), given=["label"], num_classes=3, **kwargs)


LABELED = points(8), torch.arange(8) % 3


def test_the_discriminator_is_shown_earlier_images_and_the_generator_s_loss_is_not():
    model, calls = gan(Remembering), []
    model.discriminator.register_forward_hook(lambda _, inputs, output: calls.append(inputs[0].detach()))
    made = []
    model.generator.register_forward_hook(lambda _, inputs, output: made.append(output.detach()))
    train(model, 8, data=points(4), batch_size=4)
    assert len(calls) == 24  # real and generated for the discriminator, generated for the generator
    repeated = 0
    for step in range(8):
        shown, present, for_generator = calls[3 * step + 1], made[2 * step], calls[3 * step + 2]
        assert torch.equal(for_generator, made[2 * step + 1])
        fresh = (shown[:, None] == present).all(2).any(1)
        before = torch.cat([present, *made[0 : 2 * step : 2]])
        assert (shown[:, None] == before).all(2).any(1).all()
        repeated += int((~fresh).sum())
    assert repeated > 4


def test_outside_of_training_there_is_no_history():
    model = gan(Remembering)
    fake = model.fake(Batch(points(8)))
    model.critic.discriminator_loss(model.real(Batch(points(8))), fake)
    assert int(model.critic.history.count) == 0


def test_it_comes_before_the_augmentation():
    """The pool keeps images as they were made; what is done to them is drawn anew each time."""
    model = gan(Remembering, augment=[InstanceNoise(1.0)])
    critic = model.critic
    critic.begin(Clock(), model.rand, None, trains=True)
    fake = model.fake(Batch(points(3)))
    critic.discriminator_loss(model.real(Batch(points(3))), fake)
    assert torch.equal(critic.history.earlier_image[:3], fake.image)


def test_pairs_of_image_and_latent_stay_together():
    class Bidirectional(Remembering, BiGAN):
        pass

    shown = []

    class Recorder(MLPDiscriminator):
        def forward(self, image, latent):
            shown.append((image.detach(), latent.detach()))
            return super().forward(image, latent)

    torch.manual_seed(0)
    nets = MLPGenerator(3, (2,), (8,), tanh_output=False), MLPEncoder((2,), (8,), out_features=3)
    frozen = {"class_path": "torch.optim.SGD", "init_args": {"lr": 0.0}}  # G stays as it is: G(z) of any step
    model = Bidirectional(*nets, Recorder((2,), (8,), latent_dim=3), optimization={"generator": frozen})
    train(model, 6, data=points(4), batch_size=4)
    for image, latent in shown[1::4]:
        torch.testing.assert_close(image, model.generator(latent).detach())


@pytest.mark.parametrize("stop", [1, 3])
def test_a_stopped_run_goes_on_bit_for_bit(stop, tmp_path):
    whole, part, rest = conditional(), conditional(), conditional()
    train(whole, 9, data=LABELED, batch_size=4)
    train(part, 2 * stop, data=LABELED, batch_size=4, max_epochs=stop).save_checkpoint(tmp_path / "part.ckpt")
    kept = torch.load(tmp_path / "part.ckpt", weights_only=True)["state_dict"]
    assert kept["critic.history.earlier_label"].shape == (SIZE,)
    train(rest, 9, data=LABELED, batch_size=4, ckpt_path=tmp_path / "part.ckpt")
    assert same(state(rest), state(whole))
    assert int(whole.critic.history.count) == SIZE
    assert not same(state(whole), state(part))


def test_two_processes_equal_one(tmp_path):
    one, many = (gan(Remembering, optimization=BOTH_SGD) for _ in range(2))
    train(one, 8, data=points(64), batch_size=8, loader=dealt_loader)
    file = tmp_path / "many.ckpt"

    class Save(Callback):
        def on_train_end(self, trainer, pl_module):
            mine = pl_module.critic.history.earlier_image
            everyone = pl_module.all_gather(mine)
            assert all(torch.equal(mine, other) for other in everyone)
            trainer.save_checkpoint(file)

    train(many, 8, data=points(64), batch_size=4, strategy="ddp_fork", devices=2, callbacks=[Save()])
    saved = torch.load(file, weights_only=True)["state_dict"]
    for name, value in state(one).items():
        torch.testing.assert_close(saved[name], value, rtol=0, atol=1e-6)
