import pytest
import torch

from lightning_gans import ConfigError, Normal, Uniform
from lightning_gans.engine.rng import StepRNG, fold_in, rows_from_index

CPU = torch.device("cpu")


def drawn(seed=0, rank=0, world=1, parts=1, step=3, player=1, part=0, update=0, n=12, count=2):
    rng = StepRNG(seed, rank, world, parts)
    rng.seek(step, player, part, update)
    return [rng.rand(torch.randn, n, 5, device=CPU) for _ in range(count)]


@pytest.mark.parametrize("world", [2, 3, 4])
def test_processes_share_what_one_process_draws(world):
    for draw in range(2):
        whole = drawn(n=12)[draw]
        parts = [drawn(rank=rank, world=world, n=12 // world)[draw] for rank in range(world)]
        dealt = torch.stack(parts, 1).flatten(0, 1)  # row j of rank r is row j * world + r
        assert torch.equal(dealt, whole)


def test_micro_batches_share_what_the_undivided_batch_draws():
    whole = drawn(n=12)[1]
    assert torch.equal(torch.cat([drawn(parts=3, part=part, n=4)[1] for part in range(3)]), whole)


def test_every_coordinate_changes_the_noise():
    base = drawn()[0]
    assert torch.equal(base, drawn()[0])
    others = [drawn()[1], *(drawn(**other)[0] for other in ({"seed": 1}, {"step": 4}, {"player": 0}, {"update": 1}))]
    assert not any(torch.equal(base, other) for other in others)


def test_the_global_generator_is_not_touched():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    drawn()
    rows_from_index(torch.randn, 0, 0, 10, 2)
    assert torch.equal(before, torch.get_rng_state())


def test_streams_are_unrelated():
    streams = torch.stack([rows_from_index(torch.randn, fold_in(0, i), 0, 2000) for i in range(20)])
    correlations = torch.corrcoef(streams) - torch.eye(20)
    assert correlations.abs().max() < 5 / 2000**0.5


@pytest.mark.parametrize("bound", [0.5, 1.0, 2.0])
def test_truncated_normal_has_its_moments(bound):
    z = Normal(bound)(200_000, generator=torch.Generator().manual_seed(0), device=CPU).double()
    density = torch.exp(torch.tensor(-(bound**2) / 2)) / (2 * torch.pi) ** 0.5
    mass = torch.erf(torch.tensor(bound / 2**0.5))
    assert z.abs().max() <= bound
    assert float(z.mean()) == pytest.approx(0, abs=0.01)
    assert float(z.var()) == pytest.approx(float(1 - 2 * bound * density / mass), rel=0.01)


def test_priors_refuse_what_they_cannot_do():
    with pytest.raises(ConfigError, match=r"truncation=0\.0"):
        Normal().truncate(0.0)
    with pytest.raises(ConfigError, match=r"prior\.low=1"):
        Uniform(1, 1)
    with pytest.raises(ConfigError, match="truncation=-1"):
        Uniform().truncate(-1)
    narrow = Uniform().truncate(0.25)
    assert (narrow.low, narrow.high) == (-0.25, 0.25)
