import torch
from lightning.pytorch import Trainer
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

from lightning_gans import GAN
from lightning_gans.engine import fold_in
from lightning_gans.networks import MLPDiscriminator, MLPGenerator

SGD = {"class_path": "torch.optim.SGD", "init_args": {"lr": 0.05}}
BOTH_SGD = {"generator": SGD, "discriminator": SGD}  # an Optimization


def points(n=512, dim=2, seed=0):
    return torch.randn(n, dim, generator=torch.Generator().manual_seed(seed)) * 0.5 + 1


def loader(data=None, batch_size=32):
    """Of points by default; of a tensor, or of tensors that belong together."""
    parts = (points(),) if data is None else data if isinstance(data, tuple) else (data,)
    return DataLoader(TensorDataset(*parts), batch_size=batch_size, drop_last=True)


def dealt_loader(data, batch_size):
    """The order in which Lightning deals samples to several processes, for one process."""
    dataset = TensorDataset(data)
    return DataLoader(dataset, batch_size=batch_size, sampler=DistributedSampler(dataset, 1, 0, shuffle=True))


def networks(seed=0, dim=2, hidden=(16,)):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return MLPGenerator(3, (dim,), hidden, tanh_output=False), MLPDiscriminator((dim,), hidden)


def gan(cls=GAN, **kwargs):
    generator, discriminator = networks()
    return cls(generator, discriminator, **kwargs)


def train(model, steps, *, data=None, batch_size=32, loader=loader, ckpt_path=None, **kwargs):
    settings = {
        "accelerator": "cpu",
        "max_epochs": -1,
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "log_every_n_steps": 5,
    }
    torch.manual_seed(7)  # the seed of the run
    trainer = Trainer(max_steps=steps, **{**settings, **kwargs})
    trainer.fit(model, loader(data, batch_size), ckpt_path=ckpt_path, weights_only=None if ckpt_path is None else True)
    return trainer


def state(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def labeled(classes, n, dim=2):
    """Points around as many centers, and their labels."""
    labels = torch.arange(n) % classes
    return points(n, dim) + labels[:, None], labels


def updates(model, batch, steps=2):
    """Play some steps on one batch; of each update: whose it was, all parameters before and after it.

    There is at least one of every player, so that a loop over them cannot pass by being empty.
    """
    seen, play = [], model._update

    def weights():
        networks = model.named_children()
        return {name: {key: p.detach().clone() for key, p in net.named_parameters()} for name, net in networks}

    def watched(index, *rest):
        before = weights()
        play(index, *rest)
        seen.append((model._roster.names[index], before, weights()))

    model._update = watched
    data = TensorDataset(*(batch if isinstance(batch, tuple) else (batch,)))
    train(model, steps, loader=lambda *_: DataLoader(data, batch_size=len(data)))
    del model._update
    assert {name for name, *_ in seen} == set(model._roster.names)
    return seen


def loss_of(model, player, batch, step=0):
    """A player's loss as the engine takes it, regularizers included, in a step of an untrained game: a scalar."""
    model.step = step
    model.configure_optimizers()
    index = model._roster.names.index(player)
    model._rng.seek(step, index)
    return model._loss(index, 0, model.prepare(batch))


def drawn(distribution, shape, *coordinates, seed=0):
    """What ``rand`` gives in (step, player, draw) of a game with that seed, untrained ones having 0: (n, ...)."""
    return distribution(*shape, generator=torch.Generator().manual_seed(fold_in(seed, *coordinates)))
