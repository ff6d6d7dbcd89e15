"""Folders of images through Inception-v3: the same FID and Inception Score as torch-fidelity on the same file."""

import numpy as np
import pytest
from PIL import Image
from torch_fidelity import calculate_metrics

from lightning_gans.evaluation.evaluator import Evaluator
from lightning_gans.evaluation.features import InceptionFeatures
from lightning_gans.evaluation.sources import FolderSource
from tests.inception import he_initialized


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return he_initialized(tmp_path_factory.mktemp("inception"))


def folder(path, count, seed):
    """Smooth random pictures, so that two folders differ in more than noise."""
    path.mkdir()
    random = np.random.default_rng(seed)
    for index in range(count):
        small = random.integers(0, 256, (4 + seed, 4 + seed, 3), dtype=np.uint8)
        Image.fromarray(small).resize((32, 32), Image.Resampling.BILINEAR).save(path / f"{index:03d}.png")
    return path


@pytest.mark.parametrize(
    ("layer", "count", "tolerance"),
    [
        (64, 20, 1e-3),  # below full rank torch-fidelity's own eigenvalues lose digits
        pytest.param(64, 70, 1e-6, marks=pytest.mark.slow),
        pytest.param(2048, 20, 1e-3, marks=pytest.mark.slow),
    ],
)
def test_fid_of_folders(tmp_path, weights, layer, count, tolerance):
    real, fake = folder(tmp_path / "real", count, 0), folder(tmp_path / "fake", count, 1)
    extractor = InceptionFeatures(weights, layer=layer, logits=layer == 2048)
    report = Evaluator(extractor, 10, cache=None).evaluate(FolderSource(fake), FolderSource(real))
    theirs = calculate_metrics(
        input1=str(fake),
        input2=str(real),
        fid=True,
        isc=layer == 2048,
        isc_splits=10,
        feature_layer_fid=str(layer),
        feature_extractor_weights_path=str(weights),
        batch_size=10,
        cuda=False,
        save_cpu_ram=True,  # no worker processes
        cache=False,
        verbose=False,
        samples_find_deep=False,
    )
    suffix = extractor.metric_suffix
    assert report.values[f"fid{suffix}"] == pytest.approx(theirs["frechet_inception_distance"], rel=tolerance)
    if layer == 2048:
        assert suffix == ""  # plain names mean Inception-v3, as in papers
        assert report.values["is"] == pytest.approx(theirs["inception_score_mean"], rel=1e-5)
