"""Captions beside images: which is shown, how often each is embedded, and where a user's own are found."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from lightning_gans.data import CaptionedData, CaptionedDataset, CaptionedEmoji, CaptionedImages, ImageDataset
from lightning_gans.data.captioned import emoji_matcher
from lightning_gans.data.emoji_images import emoji_records
from lightning_gans.errors import ConfigError, LightningGANsWarning
from lightning_gans.images import to_uint8
from tests.texts import BagOfWords


class Counting(BagOfWords):
    """Keeps what it was asked for."""

    def __init__(self):
        super().__init__()
        self.embedded, self.learned, self.version = [], [], 0

    def embed(self, captions):
        self.embedded += captions
        return super().embed(captions)

    def fit(self, captions, images, seed):
        self.learned.append((list(captions), images([0, 2]), seed))

    def provenance(self):
        return {"name": "counting", "version": self.version}


def grays(*levels: int) -> Tensor:
    return torch.tensor(levels, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 3, 8, 8).contiguous()


CAPTIONS = [["dark", "black"], ["gray"], ["light", "white", "gray"]]


class Shades(CaptionedData):
    image_shape, num_classes = (3, 8, 8), None

    def load_train(self):
        return self.captioned(ImageDataset(grays(0, 128, 255), None), CAPTIONS)

    def load_test(self):
        return self.captioned(ImageDataset(grays(64, 192), torch.tensor([0, 1])), [["darkish"], ["lightish"]])


def test_the_first_caption_is_shown_in_order_and_every_one_in_training():
    encoder = Counting()
    data = CaptionedDataset(ImageDataset(grays(0, 128, 255), torch.tensor([4, 5, 6])), CAPTIONS, encoder)
    batch = data.__getitems__([2, 0])
    assert torch.equal(batch["text"], encoder(["light", "dark"]))
    assert batch["label"].tolist() == [6, 4]
    rows = range(300)
    drawn = data.training_items(rows, seed=3)["text"]
    for index, own in enumerate(CAPTIONS):
        shown = {own[int((encoder(own) == text).all(1).nonzero()[0])] for text in drawn[index::3]}
        assert shown == set(own)
    assert torch.equal(data.training_items([7, 5], seed=3)["text"], drawn[[7, 5]])  # of row and seed alone
    assert not torch.equal(data.training_items(rows, seed=4)["text"], drawn)


def test_each_distinct_caption_is_embedded_once_and_again_by_another_encoder_alone():
    encoder = Counting()
    data = CaptionedDataset(ImageDataset(grays(0, 128, 255), None), CAPTIONS, encoder)
    for _ in range(3):
        data.embed()
        data.training_items(range(9), seed=0)
    assert sorted(encoder.embedded) == ["black", "dark", "gray", "light", "white"]
    encoder.version += 1  # as when a checkpoint brings other weights
    data.embed()
    assert len(encoder.embedded) == 10


def test_an_encoder_learns_from_the_training_pairs_before_a_loader_has_workers():
    encoder = Counting()
    data = Shades(text_encoder=encoder, batch_size=2, seed=5)
    assert data.text_dim == 8
    assert encoder.learned == encoder.embedded == []
    for _ in range(2):
        data.setup()
    ((captions, images, seed),) = encoder.learned
    assert captions == CAPTIONS
    assert to_uint8(images)[:, 0, 0, 0].tolist() == [0, 255]
    assert seed == 5
    data.train_dataloader()
    assert set(encoder.embedded) == {*CAPTIONS[0], *CAPTIONS[1], *CAPTIONS[2]}
    data.test_dataloader()
    assert encoder.embedded[-2:] == ["darkish", "lightish"]


def test_the_fingerprint_is_of_images_and_captions_and_needs_no_encoder():
    images, encoder = ImageDataset(grays(0, 255), None), Counting()
    known = {
        CaptionedDataset(images, [["a"], ["b"]], encoder).fingerprint(),
        CaptionedDataset(images, [["b"], ["a"]], encoder).fingerprint(),
        CaptionedDataset(ImageDataset(grays(255, 0), None), [["a"], ["b"]], encoder).fingerprint(),
    }
    assert len(known) == 3
    assert encoder.embedded == []


@pytest.mark.parametrize(("captions", "said"), [([["a"], []], "needs a caption"), ([["a"]], "there are 2 images")])
def test_an_image_without_captions_is_refused(captions, said):
    with pytest.raises(ConfigError, match=said):
        CaptionedDataset(ImageDataset(grays(0, 255), None), captions, BagOfWords())


def test_emoji_are_captioned_by_names_and_tags_and_no_base_is_on_both_sides():
    data = CaptionedEmoji(image_size=32, text_encoder=BagOfWords())
    by_name = {}
    for record in emoji_records():
        by_name.setdefault(record.name, []).append(record)
    sides = []
    for dataset in (data.train_dataset, data.test_dataset):
        captions = [dataset.captions(index) for index in range(len(dataset))]
        assert all(own[0] in by_name for own in captions)
        sides.append({record.base for own in captions for record in by_name[own[0]] if "openmoji" in record.tiles})
        assert sum(len(own) == 2 for own in captions) > 0.9 * len(captions)
    assert len(data.test_dataset) == 243
    assert sides[0].isdisjoint(sides[1])
    assert data.reference_dataset is data.test_dataset


def test_the_shipped_matcher_finds_the_captions_of_real_emoji_as_its_file_says():
    data = CaptionedEmoji(image_size=32, text_encoder=BagOfWords())
    test, metrics = data.test_dataset, data.metrics()
    images = (test.pictures(range(len(test)))["image"] + 1) / 2
    captions = [test.captions(index)[0] for index in range(len(test))]
    metrics["r_precision"].update(preds=images.roll(120, 0), target=images, caption=captions)
    metrics["dominant_hue"].update(preds=images, target=images)
    found = {name: float(value) for metric in metrics.values() for name, value in metric.compute().items()}
    told = emoji_matcher().facts["test_name"]
    for rank in ("r_precision_1", "r_precision_5"):
        assert found[f"{rank}_real"] == pytest.approx(told[rank], abs=0.01)
        assert found[f"{rank}_real"] > 3 * found[rank]  # images of others; neighbors are alike
    assert told["r_precision_1"] > 0.2
    assert found["dominant_hue"] == 1
    assert found["dominant_hue_shuffled"] < 0.3


@pytest.fixture
def pictures(tmp_path):
    """Thirty images whose level is 8 times their number, so that a caption can be held against its image."""
    for number in range(30):
        Image.fromarray(np.full((8, 8, 3), 8 * number, dtype=np.uint8)).save(tmp_path / f"{number}.png")
    return tmp_path


def beside(root):
    for number in range(30):
        (root / f"{number}.txt").write_text(f"number {number}\n\nlevel {8 * number}\n", encoding="utf-8")


def as_jsonl(root):
    rows = [{"file_name": f"{n}.png", "text": [f"number {n}", f"level {8 * n}"], "more": 1} for n in range(30)]
    (root / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")


def as_csv(root):
    rows = [f'{n}.png,"{said} {value}"' for n in range(30) for said, value in (("number", n), ("level", 8 * n))]
    (root / "metadata.csv").write_text("\ufefffile_name,text\r\n" + "\r\n".join(rows), encoding="utf-8")


@pytest.mark.parametrize("write", [beside, as_jsonl, as_csv])
@pytest.mark.filterwarnings("ignore::lightning_gans.errors.LightningGANsWarning")
def test_captions_are_found_beside_images_and_in_metadata(pictures, write):
    write(pictures)
    data = CaptionedImages(str(pictures), image_size=8, batch_size=4, text_encoder=BagOfWords())
    for dataset in (data.train_dataset, data.test_dataset):
        for index in range(len(dataset)):
            level = int(to_uint8(dataset[index]["image"])[0, 0, 0])
            assert dataset.captions(index) == [f"number {level // 8}", f"level {level}"]
    assert len(data.train_dataset) + len(data.test_dataset) == 30
    assert not data.flip  # a caption may say left


@pytest.mark.filterwarnings("ignore::lightning_gans.errors.LightningGANsWarning")
def test_metadata_of_parts_lie_in_their_folders_or_above(pictures):
    for number in range(30):
        part = "train" if number < 20 else "test"
        (pictures / part).mkdir(exist_ok=True)
        (pictures / f"{number}.png").rename(pictures / part / f"{number}.png")
    lines = [json.dumps({"file_name": f"test/{n}.png", "text": "測試 🙂" if n == 20 else ""}) for n in range(20, 30)]
    (pictures / "metadata.jsonl").write_text("\n".join(lines), encoding="utf-8")
    rows = [f"{n}.png,of training" for n in range(20)]
    (pictures / "train" / "metadata.csv").write_text("file_name,text\n" + "\n".join(rows), encoding="utf-8")
    data = CaptionedImages(str(pictures), image_size=8, batch_size=4, text_encoder=BagOfWords())
    assert [data.test_dataset.captions(index) for index in (0, 1)] == [["測試 🙂"], [""]]
    assert data.train_dataset.captions(19) == ["of training"]


def test_captions_stay_with_their_images_where_a_damaged_one_is_left_out(pictures):
    beside(pictures)
    (pictures / "train").mkdir()
    (pictures / "test").mkdir()
    for number in range(30):
        part = "train" if number < 20 else "test"
        for suffix in ("png", "txt"):
            (pictures / f"{number}.{suffix}").rename(pictures / part / f"{number}.{suffix}")
    (pictures / "train" / "13.png").write_bytes(b"damaged")
    data = CaptionedImages(str(pictures), image_size=8, batch_size=4, text_encoder=BagOfWords(), skip_unreadable=True)
    with pytest.warns(LightningGANsWarning, match="1 of the 20 images"):
        train = data.train_dataset
    assert len(train) == 19
    for index in range(19):
        level = int(to_uint8(train[index]["image"])[0, 0, 0])
        assert train.captions(index)[1] == f"level {level}"


def lacks_one(root):
    (root / "7.txt").unlink()


def is_empty(root):
    (root / "7.txt").write_text(" \n", encoding="utf-8")


def is_latin(root):
    (root / "7.txt").write_bytes("für".encode("latin-1"))


def names_nothing(root):
    (root / "metadata.jsonl").write_text('{"file_name": "gone.png", "text": "?"}', encoding="utf-8")


def is_no_json(root):
    (root / "metadata.jsonl").write_text('{"file_name": "1.png", "text": "?"}\nfile_name', encoding="utf-8")


def is_no_row(root):
    (root / "metadata.jsonl").write_text('["1.png", "?"]', encoding="utf-8")


def has_no_text(root):
    (root / "metadata.jsonl").write_text('{"file_name": "1.png", "text": []}', encoding="utf-8")


def has_no_column(root):
    (root / "metadata.csv").write_text("file,text\n1.png,?", encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lacks_one, r"7.png'.*no caption"),
        (is_empty, r"7.txt'.*is empty"),
        (is_latin, r"7.txt'.*UTF-8"),
        (names_nothing, r"gone.png'.*no such file"),
        (is_no_json, "line 2 is no JSON"),
        (is_no_row, "row 1 needs 'file_name'"),
        (has_no_text, "row 1 needs.*list"),
        (has_no_column, "row 1 needs 'file_name' and 'text', a caption$"),
    ],
)
def test_captions_that_cannot_be_used_are_one_line(pictures, spoil, said):
    beside(pictures)
    spoil(pictures)
    with pytest.raises(ConfigError, match=said) as caught:
        CaptionedImages(str(pictures), image_size=8, batch_size=4, text_encoder=BagOfWords())
    assert "\n" not in str(caught.value)
