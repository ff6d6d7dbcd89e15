"""World sizes 1, 2 and 3 with uneven and empty shares give one value, bit for bit."""

import warnings

import pytest
import torch
from torch import distributed, multiprocessing

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.metrics import (
    DensityCoverage,
    FrechetDistance,
    InceptionScore,
    MaximumMeanDiscrepancy,
    PrecisionRecall,
)

# which samples each process has: real, fake
SHARES = {
    2: [(range(23), range(50)), (range(23, 60), range(0))],
    3: [(range(0), range(11)), (range(37), range(0)), (range(30, 60), range(9, 50))],  # some in two processes
}


def sides():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(60, 6, generator=generator), torch.randn(50, 6, generator=generator) * 0.9


def metrics(**kwargs):
    return [
        FrechetDistance(**kwargs),
        MaximumMeanDiscrepancy(**kwargs),
        PrecisionRecall(**kwargs),
        DensityCoverage(**kwargs, reset_real_features=False),
    ]


def flat(results):
    return [float(value) for result in results for value in (result.values() if isinstance(result, dict) else [result])]


def collected(shares, **kwargs):
    """The values of one process that has these shares of the samples."""
    real, fake = sides()
    score = InceptionScore(splits=3, **kwargs)
    every = metrics(**kwargs)
    for start in range(0, 60, 7):
        for share, side, is_real in ((shares[0], real, True), (shares[1], fake, False)):
            index = torch.tensor(share[start : start + 7], dtype=torch.int64)
            if len(index):
                for metric in every:
                    metric.update(side[index], real=is_real, index=index)
                if not is_real:
                    score.update(side[index], index=index)
    return flat(metric.compute() for metric in (*every, score))


def work(rank, path, expected):
    warnings.simplefilter("ignore")  # torchmetrics warns of a process without updates
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{path}", rank=rank, world_size=3)
    two = distributed.new_group([0, 1])
    assert collected(SHARES[3][rank]) == expected
    dealt = InceptionScore(splits=3)  # sample i to process i modulo 3, no index given
    dealt.update(sides()[1][rank::3])
    assert flat([dealt.compute()]) == expected[-2:]
    if rank < 2:
        assert collected(SHARES[2][rank], process_group=two) == expected
    nothing = FrechetDistance()
    with pytest.raises(ConfigError, match="no samples yet"):
        nothing.compute()
    mixed = FrechetDistance()
    mixed.update(torch.ones(2, 3 + rank), real=True)
    with pytest.raises(ConfigError, match="different dimensions"):
        mixed.compute()
    distributed.destroy_process_group()


def test_any_number_of_processes_gives_the_same_bits(tmp_path):
    expected = collected((range(60), range(50)))
    arguments = tmp_path / "store", expected
    multiprocessing.start_processes(work, arguments, nprocs=3, start_method="fork")  # spawned ones import all again
