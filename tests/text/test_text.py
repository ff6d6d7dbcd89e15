"""Text encoders: embeddings are a fixed function of captions; what is learned is kept, and belongs to its data."""

import copy
import itertools
import json
import pickle
import shutil
from pathlib import Path

import pytest
import torch

from lightning_gans.errors import ConfigError
from lightning_gans.text import JointEmbedding, SentenceEncoder, TextEncoder, encoder, sentence
from lightning_gans.text.backbone import BackboneNetwork
from lightning_gans.text.words import MAX_WORDS, SentenceNetwork, words_of

SHADES = {"black": -1.0, "dark gray": -0.4, "light gray": 0.4, "white": 1.0}
ODD_CAPTIONS = ["", " \n", "猫在垫子上", "🐈‍⬛", "x" * 10_000, "half a pair \ud83d", "a red circle"]
SETTINGS = {"embedding_dim": 8, "steps": 30, "pairs_per_step": 16}


def pairs():
    """A hundred plain images and their shades."""
    words = list(SHADES) * 25
    images = torch.stack([torch.full((3, 8, 8), SHADES[word]) for word in words])
    return [[f"a {word} square", word] for word in words], lambda rows: images[list(rows)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def cache(folder, monkeypatch):
    """The folder in which ``fitted`` was kept."""
    monkeypatch.setenv("LIGHTNING_GANS_CACHE", str(folder))
    return folder


@pytest.fixture(scope="module")
def fitted(folder):
    joint = JointEmbedding(**SETTINGS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIGHTNING_GANS_CACHE", str(folder))
        joint.fit(*pairs(), seed=0)
    return joint


class Letters(TextEncoder):
    """How often each letter occurs: a backbone without weights."""

    def __init__(self, text_dim=26):
        super().__init__()
        self.text_dim = text_dim

    def embed(self, captions):
        rows = [[caption.count(chr(ord("a") + letter)) for letter in range(self.text_dim)] for caption in captions]
        return torch.tensor(rows, dtype=torch.float32)

    def provenance(self):
        return {"name": "letters", "sha256": str(self.text_dim)}


def upon_letters(text_dim=26, **kwargs):
    return JointEmbedding(**SETTINGS, backbone=Letters(text_dim), components=4, **kwargs)


@pytest.fixture(scope="module")
def on_letters(tmp_path_factory):
    joint = upon_letters()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIGHTNING_GANS_CACHE", str(tmp_path_factory.mktemp("letters")))
        joint.fit(*pairs(), seed=0)
    return joint


@pytest.fixture(scope="module")
def mini():
    pytest.importorskip("transformers")
    return SentenceEncoder()


@pytest.fixture(params=["fitted", "on_letters", "mini"])
def either(request):
    return request.getfixturevalue(request.param)


def test_any_caption_has_an_embedding(either):
    embedded = either(ODD_CAPTIONS)
    assert embedded.shape == (len(ODD_CAPTIONS), either.text_dim)
    assert embedded.norm(dim=1).allclose(torch.ones(len(ODD_CAPTIONS)))
    assert not embedded.requires_grad
    assert either([]).shape == (0, either.text_dim)


def test_an_embedding_does_not_depend_on_its_neighbors(either, monkeypatch):
    captions = ["", "a", "a red circle above a large blue square", "猫"]
    together = either(captions)
    monkeypatch.setattr(either, "batch_size", 1)
    torch.testing.assert_close(either(captions), together, rtol=0, atol=1e-5)


@pytest.mark.parametrize("captions", ["a red circle", [["a red circle"]], [None]])
def test_captions_are_a_list_of_strings(fitted, captions):
    with pytest.raises(ConfigError, match=r"captions=.*give a list of strings"):
        fitted(captions)


def test_encoders_stay_frozen_inside_a_model_that_trains(either):
    model = torch.nn.ModuleList([either]).train()
    assert not any(module.training for module in either.modules())
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_words_are_of_any_script_and_the_first_ones_count():
    assert words_of("ＲＥＤ circle") == words_of("red  CIRCLE")
    assert words_of("word " * 100) == ["word"] * MAX_WORDS
    network = SentenceNetwork(4, num_buckets=64, width=4)
    assert network(["word " * 100]).equal(network(["word " * MAX_WORDS + "and more"]))


def test_the_order_of_words_matters():
    network = SentenceNetwork(4, num_buckets=64, width=4)
    one, other = network(["a red circle above a blue square", "a blue square above a red circle"])
    assert not torch.allclose(one, other, atol=1e-3)


# --------------------------------------------------------------------- JointEmbedding


@pytest.mark.parametrize("name", ["fitted", "on_letters"])
def test_pairs_lie_closest(name, request):
    captions, images = pairs()
    similarity = request.getfixturevalue(name).similarity(images(range(4)), [caption for caption, _ in captions[:4]])
    assert similarity.argmax(1).tolist() == similarity.argmax(0).tolist() == [0, 1, 2, 3]


def test_equal_captions_are_no_negatives(fitted):
    images = torch.rand(4, 3, 32, 32)
    with torch.no_grad():
        assert fitted._loss(images, ["a square"] * 4) == 0  # nothing to be confused with
        assert fitted._loss(images, ["a square"] * 3 + ["a circle"]) > 0


def test_training_is_a_function_of_data_and_seed(fitted, monkeypatch, tmp_path):
    monkeypatch.setenv("LIGHTNING_GANS_CACHE", str(tmp_path))
    before = torch.get_rng_state()
    again, other = JointEmbedding(**SETTINGS), JointEmbedding(**SETTINGS)
    again.fit(*pairs(), seed=0)
    other.fit(*pairs(), seed=1)
    assert torch.get_rng_state().equal(before)
    assert again.provenance() == fitted.provenance() != other.provenance()


def test_what_was_learned_is_kept_and_belongs_to_its_data(fitted, cache, monkeypatch):
    def refuse(*_):
        raise AssertionError("trains again")

    monkeypatch.setattr(JointEmbedding, "_train", refuse)
    again = JointEmbedding(**SETTINGS)
    again.fit(*pairs(), seed=0)
    assert again.provenance() == fitted.provenance()
    captions, images = pairs()
    changes = [
        ([["another"], *captions[1:]], images),
        (captions, lambda rows: images(rows).flip(0)),
    ]
    for changed in changes:
        with pytest.raises(AssertionError, match="trains again"):
            JointEmbedding(**SETTINGS).fit(*changed, seed=0)


def test_a_damaged_cache_is_no_error(cache, fitted):
    for file in cache.glob("joint_embedding-*"):
        file.write_bytes(b"not safetensors")
    again = JointEmbedding(**SETTINGS)
    with pytest.warns(UserWarning, match=r"is damaged .* training again"):
        again.fit(*pairs(), seed=0)
    assert again.provenance() == fitted.provenance()


def test_a_checkpoint_holds_what_was_learned(fitted):
    again = JointEmbedding(**SETTINGS, weights="elsewhere.safetensors")
    again.load_state_dict(fitted.state_dict())
    again.fit([], lambda rows: torch.empty(0), seed=0)  # it is trained: nothing is asked for
    assert again(["a white square"]).equal(fitted(["a white square"]))


def test_file_in_half_precision(fitted, tmp_path):
    fitted.save(tmp_path / "full.safetensors", {"data": "shades"})
    fitted.save(tmp_path / "half.safetensors", {"data": "shades"}, torch.float16)
    read = JointEmbedding(8, tmp_path / "half.safetensors")
    assert read.facts["data"] == "shades"
    torch.testing.assert_close(read(ODD_CAPTIONS), fitted(ODD_CAPTIONS), rtol=0, atol=5e-3)
    assert (tmp_path / "half.safetensors").stat().st_size < 0.51 * (tmp_path / "full.safetensors").stat().st_size


def test_refusals(fitted, tmp_path):
    with pytest.raises(ConfigError, match="call fit, or give weights"):
        JointEmbedding()(["a caption"])
    with pytest.raises(ConfigError, match=r"embedding_dim=0: choose 1 or more"):
        JointEmbedding(0)
    missing = JointEmbedding(weights=tmp_path / "none.safetensors")
    for use in (lambda: missing(["a caption"]), lambda: missing.fit(*pairs(), seed=0)):
        with pytest.raises(ConfigError, match="no such file"):
            use()
    (tmp_path / "text.safetensors").write_text("hello")
    with pytest.raises(ConfigError, match="not a readable safetensors file"):
        JointEmbedding(weights=tmp_path / "text.safetensors")
    fitted.save(tmp_path / "eight.safetensors", {})
    with pytest.raises(ConfigError, match="has text_dim 8, not 128"):
        JointEmbedding(weights=tmp_path / "eight.safetensors")
    captions, images = pairs()
    with pytest.raises(ConfigError, match="none of image 1"):
        JointEmbedding().fit([["one"], [], *captions[2:]], images, seed=0)
    with pytest.raises(ConfigError, match="of 1 images"):
        JointEmbedding().fit([["one"]], images, seed=0)
    with pytest.raises(ConfigError, match="gray or RGB"):
        fitted.similarity(torch.zeros(2, 4, 8, 8), ["one"])


# ---------------------------------------------------- JointEmbedding with a backbone


def test_components_of_a_backbone_are_uncorrelated_and_alike_in_size():
    captions = [f"{first} {second}" for first in ODD_CAPTIONS[2:] for second in SHADES]
    network = BackboneNetwork(Letters(), 8, components=32)
    network.learn_components(captions)
    components = (Letters()(captions) - network.mean) @ network.whiten
    rank = int(torch.linalg.matrix_rank(Letters()(captions) - network.mean))
    assert rank < 26 < 32  # fewer than are asked for: the others are 0, not rounding made large
    expected = torch.diag((torch.arange(32) < rank).float())
    torch.testing.assert_close(components.T.cov(), expected, rtol=0, atol=1e-4)


def test_pairs_upon_a_backbone_are_more_unless_they_are_given():
    assert JointEmbedding(backbone=Letters()).components == 32
    assert [JointEmbedding(backbone=each).pairs_per_step for each in (None, Letters())] == [128, 512]
    assert upon_letters().pairs_per_step == SETTINGS["pairs_per_step"]


def test_what_was_learned_upon_a_backbone_is_kept_without_it(on_letters, monkeypatch, tmp_path):
    monkeypatch.setenv("LIGHTNING_GANS_CACHE", str(tmp_path))
    upon_letters().fit(*pairs(), seed=0)
    monkeypatch.setattr(JointEmbedding, "_train", None)  # not called
    again = upon_letters()
    again.fit(*pairs(), seed=0)
    assert again.provenance() == on_letters.provenance()
    assert again.provenance()["backbone"] == {"name": "letters", "sha256": "26"}
    assert again.embed_all(ODD_CAPTIONS[:4]).allclose(on_letters(ODD_CAPTIONS[:4]), atol=1e-6)
    on_letters.save(tmp_path / "upon.safetensors", {})
    read = upon_letters(weights=tmp_path / "upon.safetensors")
    assert read(ODD_CAPTIONS).equal(on_letters(ODD_CAPTIONS))
    for other in (lambda path: upon_letters(25, weights=path), lambda path: JointEmbedding(8, path)):
        with pytest.raises(ConfigError, match=r"was trained with the backbone .*'letters'.*'26'"):
            other(tmp_path / "upon.safetensors")
    with pytest.raises(ConfigError, match="call fit, or give weights"):
        upon_letters().embed_all(["a caption"])
    for changed in (JointEmbedding(**SETTINGS, backbone=Letters(), components=5), upon_letters(25)):
        with pytest.raises(TypeError, match="not callable"):  # what others learned is not theirs
            changed.fit(*pairs(), seed=0)


def test_a_checkpoint_of_what_was_learned_upon_a_sentence_encoder_knows_which(mini, monkeypatch, tmp_path):
    monkeypatch.setenv("LIGHTNING_GANS_CACHE", str(tmp_path))
    first, again, other = (
        JointEmbedding(**SETTINGS, backbone=SentenceEncoder(parts=parts), components=4) for parts in (2, 2, 1)
    )
    first.fit(*pairs(), seed=0)
    assert copy.deepcopy(first)(["a white square"]).equal(first(["a white square"]))
    again.load_state_dict(first.state_dict())
    assert again(["a white square"]).equal(first(["a white square"]))
    with pytest.raises(ConfigError, match=r"text_encoder\.parts=1: the checkpoint was trained with 2"):
        other.load_state_dict(first.state_dict(), strict=False)


# -------------------------------------------------------------------- SentenceEncoder


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_parts_of_a_sentence_are_pooled_by_themselves(mini, parts):
    captions = ["a red circle above a large blue square", "猫", ""]
    found = SentenceEncoder(parts=parts)(captions)
    assert found.shape == (3, 384 * parts)
    for caption, row in zip(captions, found, strict=True):
        tokens = mini._pretrained.tokenizer([caption], return_tensors="pt")
        states = mini._pretrained.network(**tokens).last_hidden_state[0]  # (L, 384)
        bounds = [number * len(states) // parts for number in range(parts + 1)]
        pieces = [states[low : max(high, low + 1)].mean(0) for low, high in itertools.pairwise(bounds)]
        expected = torch.nn.functional.normalize(torch.cat(pieces), dim=0)
        torch.testing.assert_close(row, expected, rtol=0, atol=1e-5)


def test_embeds_as_sentence_transformers_does(mini):
    """Pooling and normalization by that package's documentation of the model, with transformers alone."""
    from transformers import AutoModel, AutoTokenizer

    folder = mini._pretrained.folder
    tokens = AutoTokenizer.from_pretrained(folder)(ODD_CAPTIONS[2:4], padding=True, return_tensors="pt")
    with torch.no_grad():
        states = AutoModel.from_pretrained(folder)(**tokens)[0]
    mask = tokens["attention_mask"][..., None].float()
    expected = torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1).clamp(min=1e-9), p=2, dim=1)
    torch.testing.assert_close(mini(ODD_CAPTIONS[2:4]), expected, rtol=0, atol=1e-6)


def test_weights_are_shared_and_in_no_checkpoint(mini):
    assert list(mini.parameters()) == []
    assert list(mini.state_dict()) == ["_extra_state"]
    for other in (copy.deepcopy(mini), pickle.loads(pickle.dumps(mini)), SentenceEncoder()):
        assert other._pretrained.network is mini._pretrained.network
    assert len(pickle.dumps(mini)) < 5_000


def test_other_weights_than_a_checkpoints_are_refused(mini):
    state = mini.state_dict()
    mini.load_state_dict(state)
    state["_extra_state"] = {"name": "another", "sha256": "0" * 64}
    with pytest.raises(ConfigError, match="trained with another of sha256 000000000000"):
        mini.load_state_dict(state)


@pytest.fixture
def small(mini, tmp_path):
    """A folder of transformers' own, with a tiny BERT of random weights."""
    from transformers import AutoConfig, AutoModel

    settings = AutoConfig.from_pretrained(
        mini._pretrained.folder, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8
    )
    AutoModel.from_config(settings).save_pretrained(tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        shutil.copy(mini._pretrained.folder / name, tmp_path)
    return tmp_path


def test_a_folder_says_how_tokens_are_pooled(small):
    mean = SentenceEncoder(str(small))(["a red circle"])
    kinds = ["Transformer", "Pooling", "Normalize"]
    modules = [{"path": f"{number}_{kind}", "type": f"models.{kind}"} for number, kind in enumerate(kinds)]
    (small / "modules.json").write_text(json.dumps(modules))
    (small / "1_Pooling").mkdir()
    found = []
    for name in ("mean_tokens", "cls_token", "max_tokens"):
        (small / "1_Pooling/config.json").write_text(json.dumps({f"pooling_mode_{name}": True}))
        sentence._load.cache_clear()
        found.append(SentenceEncoder(str(small))(["a red circle"]))
    torch.testing.assert_close(found[0], torch.nn.functional.normalize(mean))
    assert not any(torch.allclose(one, other) for one, other in itertools.combinations(found, 2))
    (small / "1_Pooling/config.json").write_text(json.dumps({"pooling_mode_weightedmean_tokens": True}))
    sentence._load.cache_clear()
    with pytest.raises(ConfigError, match="pools by weightedmean; mean, cls, max are supported"):
        SentenceEncoder(str(small))


def test_embeddings_in_parts_are_kept_beside_those_of_the_whole(small, monkeypatch, tmp_path):
    monkeypatch.setenv("LIGHTNING_GANS_CACHE", str(tmp_path / "cache"))
    for parts in (1, 2, 4, 2, 1):
        small_encoder = SentenceEncoder(str(small), parts=parts)
        assert small_encoder.embed_all(["a red circle"]).allclose(small_encoder(["a red circle"]), atol=1e-6)
    assert len(list((tmp_path / "cache").iterdir())) == 3


def test_parts_that_cannot_be(small):
    with pytest.raises(ConfigError, match=r"text_encoder\.parts=0: choose 1 or more"):
        SentenceEncoder(str(small), parts=0)
    (small / "modules.json").write_text(json.dumps([{"path": "1_Pooling", "type": "models.Pooling"}]))
    (small / "1_Pooling").mkdir()
    (small / "1_Pooling/config.json").write_text(json.dumps({"pooling_mode_cls_token": True}))
    sentence._load.cache_clear()
    with pytest.raises(ConfigError, match="pools by its first token alone; choose 1"):
        SentenceEncoder(str(small), parts=2)


def test_embeddings_of_a_data_set_are_computed_once_for_each_model_and_its_captions(small, monkeypatch, tmp_path):
    monkeypatch.setenv("LIGHTNING_GANS_CACHE", str(tmp_path / "cache"))
    captions, computed = ["a red circle", "a blue square"], []
    embed = SentenceEncoder.embed
    monkeypatch.setattr(SentenceEncoder, "embed", lambda self, these: computed.append(these) or embed(self, these))

    def embedded(these):
        """Embeddings, and whether they were computed, in a process that begins."""
        sentence._load.cache_clear()
        small_encoder = SentenceEncoder(str(small))
        computed.clear()
        return small_encoder.embed_all(these), bool(computed)

    first, fresh = embedded(captions)
    again, afresh = embedded(captions)
    assert (fresh, afresh) == (True, False)
    assert torch.equal(first, again)
    assert embedded(captions[::-1])[1]
    (small / "sentence_bert_config.json").write_text('{"max_seq_length": 3}')
    shorter, afresh = embedded(captions)
    assert afresh
    assert not torch.equal(first, shorter)
    for file in (tmp_path / "cache").iterdir():
        file.write_bytes(b"no embeddings")
    with pytest.warns(UserWarning, match="is damaged"):
        assert torch.equal(embedded(captions)[0], shorter)
    assert not embedded(captions)[1]


def test_models_that_are_not_there(mini, tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match=r"not in the local cache.* `hf download sentence-transformers/missing`"):
        SentenceEncoder("missing")
    with pytest.raises(ConfigError, match="holds no encoder of sentences"):
        SentenceEncoder(str(tmp_path))
    monkeypatch.setattr(sentence, "find_spec", lambda name: None)
    for model in (None, "anything"):
        with pytest.raises(ConfigError, match=r"pip install 'lightning-gans\[text\]'"):
            SentenceEncoder(model)


def test_a_hash_is_that_of_the_file(mini):
    file = Path(mini._pretrained.folder) / "model.safetensors"
    assert mini.provenance()["sha256"] == sentence._hash([file])
    assert encoder.sha256_of([("a", torch.zeros(2))]) != encoder.sha256_of([("a", torch.zeros(1, 2))])
