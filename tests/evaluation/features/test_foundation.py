"""DINOv2 and CLIP with small random weights, made on the spot: there is no network here."""

import pytest
import torch

from lightning_gans import ConfigError
from lightning_gans.evaluation.features import CLIPFeatures, DINOv2Features

transformers = pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    dino = transformers.Dinov2Config(image_size=28, patch_size=14, mlp_ratio=2, **sizes)
    transformers.Dinov2Model(dino).save_pretrained(root / "dino")
    clip = transformers.CLIPVisionConfig(image_size=32, patch_size=8, intermediate_size=32, projection_dim=12, **sizes)
    transformers.CLIPVisionModelWithProjection(clip).save_pretrained(root / "clip")
    return root


def images(channels=3, n=5):
    return torch.randint(0, 256, (n, channels, 20, 20), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_dinov2_is_the_class_token_in_the_papers_preprocessing(folders):
    extractor = DINOv2Features(str(folders / "dino"))
    processor = transformers.BitImageProcessor(
        size={"height": 224, "width": 224},
        do_center_crop=False,
        image_mean=[0.485, 0.456, 0.406],
        image_std=[0.229, 0.224, 0.225],
    )
    pixels = processor(list(images()), return_tensors="pt")["pixel_values"]
    model = transformers.Dinov2Model.from_pretrained(folders / "dino").eval()
    with torch.no_grad():
        expected = model(pixels).last_hidden_state[:, 0]
    torch.testing.assert_close(extractor(images()).features, expected, rtol=1e-3, atol=2e-2)
    assert extractor.metric_suffix == "_dinov2"


def test_clip_embeddings_have_unit_length(folders):
    extractor = CLIPFeatures(str(folders / "clip"))
    features, logits = extractor(images())
    assert features.shape == (5, 12)
    assert logits is None
    torch.testing.assert_close(features.norm(dim=1), torch.ones(5))
    gray = images(1)
    assert torch.equal(extractor(gray).features, extractor(gray.expand(-1, 3, -1, -1)).features)


@pytest.mark.parametrize("kind", [DINOv2Features, CLIPFeatures])
def test_missing_weights_are_named(kind, tmp_path):
    with pytest.raises(ConfigError, match="in the local cache; choose download=True"):
        kind("nobody/nothing")
    with pytest.raises(ConfigError, match="in that folder"):
        kind(str(tmp_path))


def test_the_fingerprint_follows_the_weights(folders):
    first, second = (DINOv2Features(str(folders / "dino")) for _ in range(2))
    assert first.fingerprint == second.fingerprint
    with torch.no_grad():
        next(second.model.parameters()).add_(1)
    assert first.fingerprint != second.fingerprint
