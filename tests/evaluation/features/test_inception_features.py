"""Inception-v3 equals torch-fidelity's own extractor, on random weights of the right shape."""

from urllib.error import URLError

import pytest
import torch
from torch_fidelity import feature_extractor_inceptionv3 as fidelity

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.features import InceptionFeatures
from tests.inception import he_initialized


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return he_initialized(tmp_path_factory.mktemp("inception"))


@pytest.fixture(scope="module")
def images():
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (3, 3, 20, 24), generator=generator, dtype=torch.uint8)


@pytest.fixture(scope="module")
def reference(weights, images):
    layers = ["64", "192", "768", "2048", "logits_unbiased"]
    network = fidelity.FeatureExtractorInceptionV3("ref", layers, feature_extractor_weights_path=str(weights))
    with torch.no_grad():
        return dict(zip(layers, network(images), strict=True))


@pytest.fixture(scope="module")
def inception(weights):
    return InceptionFeatures(weights)


@pytest.fixture(scope="module")
def shallow(weights):
    return InceptionFeatures(weights, layer=64, logits=False)


def test_features_and_logits_equal_torch_fidelity(inception, images, reference):
    features, logits = inception(images)
    assert reference["2048"].std(dim=0).max() > 0
    assert torch.equal(features, reference["2048"])
    assert torch.equal(logits, reference["logits_unbiased"])
    assert logits.shape == (3, inception.num_classes)


def test_images_that_differ_by_less_than_a_level_are_not_compared(shallow):
    with pytest.raises(ConfigError, match="images of 8 bits alone"):
        shallow.maps(torch.zeros(1, 3, 8, 8))


@pytest.mark.slow
@pytest.mark.parametrize("layer", [192, 768])
def test_other_layers_equal_torch_fidelity(weights, images, reference, layer):
    extractor = InceptionFeatures(weights, layer=layer, logits=False)
    features, logits = extractor(images)
    assert torch.equal(features, reference[str(layer)])
    assert logits is None
    assert extractor.num_classes is None
    assert extractor.name == f"inception_{layer}"


def test_only_the_papers_layer_has_the_plain_name(inception):
    assert inception.name == "inception"
    assert inception.metric_suffix == ""


def test_gray_equals_repeated_gray(shallow, images):
    gray = images[:, :1]
    assert torch.equal(shallow(gray).features, shallow(gray.repeat(1, 3, 1, 1)).features)


def test_fingerprints_tell_layers_apart(inception, shallow):
    assert inception.fingerprint != shallow.fingerprint


def test_building_leaves_the_global_generator_alone(weights):
    before = torch.get_rng_state()
    InceptionFeatures(weights, layer=64, logits=False)
    assert torch.equal(torch.get_rng_state(), before)


def test_no_file_and_no_download_is_one_clear_line(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(ConfigError, match=r"no Inception-v3 weights at .*download=True.*pass its path") as caught:
        InceptionFeatures()
    assert "\n" not in str(caught.value)


def test_chosen_download_offline_is_one_clear_line(tmp_path, monkeypatch):
    def offline(*args, **kwargs):
        raise URLError("no route to host")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    with pytest.raises(ConfigError, match=r"the download failed \(.*no route to host.*fetch https://") as caught:
        InceptionFeatures(download=True)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_chosen_download_is_kept_where_torch_fidelity_looks(tmp_path, monkeypatch, weights, images, reference):
    served = tmp_path / "served" / weights.name
    served.parent.mkdir()
    served.write_bytes(weights.read_bytes())
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    monkeypatch.setattr(fidelity, "URL_INCEPTION_V3", served.as_uri())
    InceptionFeatures(download=True, layer=64, logits=False)
    served.unlink()
    kept = InceptionFeatures(layer=64, logits=False)
    assert (tmp_path / "hub" / "checkpoints" / weights.name).is_file()
    assert torch.equal(kept(images).features, reference["64"])


def test_damaged_file_is_named(weights, tmp_path):
    damaged = tmp_path / weights.name
    damaged.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ConfigError, match=r"its sha256 is .*damaged"):
        InceptionFeatures(damaged)
    truncated = tmp_path / "weights.pth"
    damaged.rename(truncated)
    with pytest.raises(ConfigError, match="not torch-fidelity's Inception-v3 weights"):
        InceptionFeatures(truncated)


class Harmful:
    """Unpickling it would run code."""

    def __reduce__(self):
        return print, ("executed",)


@pytest.mark.parametrize("content", [{"fc.weight": torch.zeros(2)}, [1, 2], Harmful()])
def test_foreign_files_are_named_and_never_executed(content, tmp_path, capsys):
    torch.save(content, tmp_path / "foreign.pth")
    with pytest.raises(ConfigError, match="not torch-fidelity's Inception-v3 weights") as caught:
        InceptionFeatures(tmp_path / "foreign.pth")
    assert "\n" not in str(caught.value)
    assert "weights_only" not in str(caught.value), "torch's advice to run what is in the file"
    assert "executed" not in capsys.readouterr().out


def test_wrong_settings_and_images_are_named(weights, inception):
    with pytest.raises(ConfigError, match="layer=100: Inception-v3 has the layers 64, 192, 768, 2048"):
        InceptionFeatures(weights, layer=100)
    with pytest.raises(ConfigError, match="no such file"):
        InceptionFeatures(weights.with_name("absent.pth"))
    with pytest.raises(ConfigError, match="gray or RGB"):
        inception(torch.zeros(2, 4, 8, 8, dtype=torch.uint8))
    with pytest.raises(ConfigError, match="uint8"):
        inception(torch.zeros(2, 3, 8, 8))
