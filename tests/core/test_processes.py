"""Several processes train what one process trains."""

import pytest
import torch
from lightning.pytorch import Callback

from lightning_gans import GAN, WGAN
from tests.games import SGD, dealt_loader, gan, points, state, train


class Agree(Callback):
    """Every process must hold the same weights, bit for bit, and keep them in a file for the test to read."""

    def __init__(self, path):
        self.path = path

    def on_train_end(self, trainer, pl_module):
        mine = torch.cat([p.detach().flatten() for p in pl_module.parameters()])
        everyone = pl_module.all_gather(mine)
        assert everyone.shape[0] == trainer.world_size
        assert all(torch.equal(everyone[0], other) for other in everyone)
        if trainer.is_global_zero:
            torch.save({"weights": state(pl_module), "step": trainer.global_step}, self.path)


@pytest.mark.parametrize("cls", [GAN, WGAN])
def test_two_processes_equal_one(cls, tmp_path):
    kwargs = {"generator_optimizer": SGD, "discriminator_optimizer": SGD, "n_critic": 2, "ema_decay": 0.9}
    one = gan(cls, **kwargs)
    train(one, 10, data=points(320), batch_size=32, loader=dealt_loader)
    many = gan(cls, **kwargs)
    file = tmp_path / "weights.pt"
    train(many, 10, data=points(320), batch_size=16, strategy="ddp_spawn", devices=2, callbacks=[Agree(file)])
    saved = torch.load(file)
    assert saved["step"] == 10
    weights = state(one)
    assert weights.keys() == saved["weights"].keys()
    for name, weight in weights.items():
        torch.testing.assert_close(saved["weights"][name], weight, rtol=0, atol=1e-6)
