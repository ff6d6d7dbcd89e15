"""Several processes train what one process trains, and send no more than they must."""

import multiprocessing
import os
import runpy
import sys
from types import SimpleNamespace

import pytest
import torch
import torch.distributed as dist
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.strategies import DDPStrategy, FSDPStrategy

from lightning_gans import GAN, WGAN, WGANGP, ConfigError
from lightning_gans.data.base import ImageDataModule
from lightning_gans.data.datasets import ImageDataset
from lightning_gans.engine.checks import require_supported
from tests.games import BOTH_SGD, dealt_loader, gan, networks, points, state, train


class Agree(Callback):
    """Every process must hold the same weights, bit for bit, and keep them in a file for the test to read."""

    def __init__(self, path):
        self.path = path

    def on_train_end(self, trainer, pl_module):
        mine = torch.cat([p.detach().flatten() for p in pl_module.parameters()])
        everyone = pl_module.all_gather(mine)
        assert everyone.shape[0] == trainer.world_size > 1
        assert all(torch.equal(everyone[0], other) for other in everyone)
        if trainer.is_global_zero:
            torch.save({"weights": state(pl_module), "step": trainer.global_step}, self.path)


@pytest.mark.parametrize(
    ("cls", "strategy", "steps", "n_critic"),
    [
        (GAN, "ddp_fork", 10, 2),
        pytest.param(GAN, "ddp_spawn", 10, 2, marks=pytest.mark.slow),  # two processes import everything; see pickling
        (WGAN, "ddp_fork_find_unused_parameters_true", 10, 2),
        (WGANGP, "ddp_fork", 25, 5),
    ],
)
def test_two_processes_equal_one(cls, strategy, steps, n_critic, tmp_path):
    kwargs = {"optimization": {**BOTH_SGD, "n_critic": n_critic, "ema_decay": 0.9}}
    one = gan(cls, **kwargs)
    start = state(one)
    train(one, steps, data=points(320), batch_size=32, loader=dealt_loader)
    many, file = gan(cls, **kwargs), tmp_path / "weights.pt"
    train(many, steps, data=points(320), batch_size=16, strategy=strategy, devices=2, callbacks=[Agree(file)])
    saved = torch.load(file)
    assert saved["step"] == steps
    for name, weight in state(one).items():
        torch.testing.assert_close(saved["weights"][name], weight, rtol=0, atol=1e-6)
    assert max((weight - state(one)[name]).abs().max() for name, weight in start.items()) > 1e-3


SCRIPT = """
import sys
from pathlib import Path
from tests.engine.test_processes import Agree
from tests.games import BOTH_SGD, gan, loader, train
for strategy in ("ddp", "ddp_find_unused_parameters_true"):
    trainer = train(gan(optimization=BOTH_SGD), 3, strategy=strategy, devices=2, callbacks=[Agree(sys.argv[1])])
    Path(f"{sys.argv[1]}.{strategy}.{trainer.global_rank}").touch()
"""


def played(script, weights, stderr):
    """Be the process that a user starts a script in; what it imports is here already, which saves ten seconds."""
    os.dup2(os.open(stderr, os.O_WRONLY | os.O_CREAT), 2)
    sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115 # as long as the process
    sys.argv = [str(script), str(weights)]
    os.environ |= {"PYTHONPATH": os.getcwd(), "OMP_NUM_THREADS": "1"}
    runpy.run_path(str(script), run_name="__main__")


@pytest.mark.slow  # two more processes, which import all anew
def test_strategies_that_start_the_script_again(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    arguments = (tmp_path / "script.py", tmp_path / "weights.pt", tmp_path / "stderr")
    first = multiprocessing.get_context("fork").Process(target=played, args=arguments)
    first.start()
    first.join(200)
    told = (tmp_path / "stderr").read_text()
    assert first.exitcode == 0, told
    found = {path.name.removeprefix("weights.pt.") for path in tmp_path.glob("weights.pt.*")}
    assert found == {f"ddp{form}.{rank}" for form in ("", "_find_unused_parameters_true") for rank in range(2)}
    for nuisance in ("Warning", "find_unused_parameters"):  # nothing of DDP's inner life concerns the user
        assert nuisance not in told.replace("UserWarning: Detected call of `lr_scheduler", ""), told


class Uneven(ImageDataModule):
    """Images that three processes cannot share evenly; each tells its number."""

    image_shape, num_classes = (1, 1, 1), None

    def load_train(self):
        return ImageDataset(torch.arange(107, dtype=torch.uint8)[:, None, None, None], None)


class Collect(Callback):
    """Keeps what each process saw in each step."""

    def __init__(self, path):
        self.path, self.seen = path, []

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self.seen.append(((batch[0].flatten() + 1) * 127.5).round().int().tolist())

    def on_train_end(self, trainer, pl_module):
        torch.save(self.seen, f"{self.path}.{trainer.global_rank}")


def test_three_processes_share_uneven_data_without_duplicates(tmp_path):
    generator, _ = networks(dim=1)
    model = GAN(
        torch.nn.Sequential(generator, torch.nn.Unflatten(1, (1, 1, 1))),
        torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(1, 1)),
        latent_dim=3,
    )
    spread = {"strategy": "ddp_fork", "devices": 3, "callbacks": [Collect(tmp_path / "seen"), Agree(tmp_path / "w")]}
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "accelerator": "cpu"}
    Trainer(max_epochs=2, enable_model_summary=False, **quiet, **spread).fit(model, Uneven(batch_size=8))
    seen = [torch.load(tmp_path / f"seen.{rank}") for rank in range(3)]
    assert [len(batches) for batches in seen] == [8, 8, 8]  # 107 // 24 = 4 steps an epoch
    for epoch in range(2):
        images = [image for batches in seen for batch in batches[4 * epoch : 4 * epoch + 4] for image in batch]
        assert len(images) == len(set(images)) == 96


class Naive(LightningModule):
    """The same game as Lightning's documentation writes it, which needs ``find_unused_parameters``."""

    def __init__(self):
        super().__init__()
        self.automatic_optimization = False
        self.generator, self.discriminator = networks(hidden=(64, 64))

    def configure_optimizers(self):
        return [torch.optim.SGD(net.parameters(), lr=0.01) for net in (self.discriminator, self.generator)]

    def training_step(self, batch, batch_idx):
        for optimizer, sign in zip(self.optimizers(), (1, -1), strict=True):
            self.toggle_optimizer(optimizer)
            fake = self.generator(torch.randn(len(batch[0]), 3))
            loss = sign * self.discriminator(fake).mean()
            optimizer.zero_grad()
            self.manual_backward(loss)
            optimizer.step()
            self.untoggle_optimizer(optimizer)


def sent_bytes(model, steps, path, **kwargs):
    """Bytes that a process hands to all_reduce, in the reducer of DDP or in ours."""

    class Count(Callback):
        def on_train_start(self, trainer, pl_module):
            self.sent, self.original = 0, dist.all_reduce
            if isinstance(pl_module, Naive):
                trainer.model.register_comm_hook(None, self.hook)
            dist.all_reduce = self.all_reduce

        def all_reduce(self, tensor, *args, **more):
            self.sent += tensor.numel() * tensor.element_size()
            return self.original(tensor, *args, **more)

        def hook(self, _, bucket):
            self.all_reduce(bucket.buffer())
            bucket.buffer().div_(dist.get_world_size())
            future = torch.futures.Future()
            future.set_result(bucket.buffer())
            return future

        def on_train_end(self, trainer, pl_module):
            dist.all_reduce = self.original
            if trainer.is_global_zero:
                torch.save(self.sent, path)

    train(model, steps, devices=2, callbacks=[Count()], log_every_n_steps=100, **kwargs)
    return torch.load(path)


def test_half_of_the_bytes_travel(tmp_path):
    generator, discriminator = networks(hidden=(64, 64))
    size = 4 * sum(p.numel() for net in (generator, discriminator) for p in net.parameters())
    ours = sent_bytes(GAN(generator, discriminator, optimization=BOTH_SGD), 4, tmp_path / "ours", strategy="ddp_fork")
    naive = sent_bytes(
        Naive(), 8, tmp_path / "naive", strategy="ddp_fork_find_unused_parameters_true"
    )  # it counts updates
    assert naive == 4 * 2 * size  # both networks in both updates
    assert ours <= 4 * size + 128  # each network once, and the agreement on the first batch


@pytest.mark.parametrize(
    ("trainer", "message"),
    [
        ({"strategy": DDPStrategy(static_graph=True)}, r"trainer\.strategy\.static_graph=True: .* use ddp without it"),
        ({"strategy": DDPStrategy(ddp_comm_hook=print)}, r"trainer\.strategy\.ddp_comm_hook=.* use ddp without it"),
        ({"strategy": FSDPStrategy()}, r"trainer\.strategy='FSDPStrategy': .* use ddp"),
        ({"gradient_clip_val": 0.5}, r"trainer\.gradient_clip_val=0\.5: .*generator_clip"),
        ({"accumulate_grad_batches": 4}, r"trainer\.accumulate_grad_batches=4: .*optimization\.micro_batches"),
    ],
)
def test_what_cannot_work_is_refused_in_one_line(trainer, message):
    usual = {"strategy": DDPStrategy(), "gradient_clip_val": None, "accumulate_grad_batches": 1}
    require_supported(SimpleNamespace(**usual))
    with pytest.raises(ConfigError, match=message):
        require_supported(SimpleNamespace(**usual | trainer))


def test_the_trainer_is_checked_before_anything_else():
    with pytest.raises(ConfigError, match="gradient_clip_val"):
        train(gan(), 1, gradient_clip_val=1.0)
    with pytest.raises(ConfigError, match="static_graph"):
        train(gan(), 1, strategy=DDPStrategy(static_graph=True), devices=1)
