"""What is made of drawings, pictures, sentences and sliders, and the process that makes it."""

import asyncio
import io
import os
import struct
import threading
import zlib
from multiprocessing import Pipe

import pytest
import torch
from PIL import Image
from torch import nn
from torchvision.transforms.functional import to_tensor

from lightning_gans import GAN, Pix2Pix, StyleGAN2
from lightning_gans.data.emoji_images import load_emoji, rows_of
from lightning_gans.engine import Inpainter, Translator
from lightning_gans.errors import ConfigError
from lightning_gans.images import from_uint8
from lightning_gans.lab import checkpoints, drawing
from lightning_gans.lab.checkpoints import OF_OUTLINES, OUTLINES, Abilities, HeldModels
from lightning_gans.networks import MLPDiscriminator, MLPGenerator, PatchDiscriminator, StyleGenerator, UNet


def png(image, mode=None):
    """Of an image, or of a size."""
    file = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.new(mode or "RGB", image, "white")).save(file, "PNG")
    return file.getvalue()


def opened(file):
    return torch.tensor(list(Image.open(io.BytesIO(file)).convert("RGB").getdata()))


@pytest.fixture(scope="module")
def outlines():
    return drawing.load_outlines()


def test_the_shipped_translator_colors_outlines_that_it_has_not_seen(outlines):
    (lines, records), (emoji, _) = load_emoji("outline"), load_emoji("openmoji")
    rows = rows_of(records, "test")[::5]
    sources, images = from_uint8(lines[rows]), from_uint8(emoji[rows])
    made = outlines.translate(sources)
    assert (made - images).abs().mean() < (sources - images).abs().mean()  # nearer than the outlines themselves
    colors, real = ((each.amax(1) - each.amin(1)).mean() for each in (made, images))
    assert 0.7 < colors / real < 1.3
    assert drawing.abilities(outlines) == OF_OUTLINES  # what the page says before the model is there


def test_an_empty_sheet_stays_empty(outlines):
    assert opened(drawing.translate(outlines, png((64, 64)))).float().mean() > 250


class Twice(nn.Module):
    """Enlarges."""

    scale, overlap, source_channels = 2, 1, 3

    def forward(self, source):
        return nn.functional.interpolate(source, scale_factor=2.0)


def test_a_picture_is_enlarged():
    model = Translator(Twice())
    assert drawing.abilities(model) == Abilities("Translator", {"AtoB": (3, 64, 64)}, 2)
    assert Image.open(io.BytesIO(drawing.translate(model, png((20, 10))))).size == (40, 20)


def test_holes_are_filled_and_nothing_else():
    model = Inpainter(UNet((4, 16, 16), (3, 16, 16), base_channels=2), source_shape=(3, 16, 16))
    assert drawing.abilities(model).completes
    holes = Image.new("L", (16, 16))
    holes.paste(255, (4, 4, 8, 8))
    made = opened(drawing.translate(model, png((16, 16)), png(holes))).view(16, 16, 3)
    assert (made[4:8, 4:8] < 255).any()
    made[4:8, 4:8] = 255
    assert (made == 255).all()


@pytest.mark.parametrize(
    ("file", "line"),
    [
        (b"GIF89a", "no PNG"),
        (png((600, 600)), "600 x 600"),
        (bytes(2**20 + 1), "larger than"),
        (png((8, 8))[:45], "no PNG"),
    ],
)
def test_what_is_no_image_of_a_bounded_size_is_refused(outlines, file, line):
    with pytest.raises(ConfigError, match=line):
        drawing.translate(outlines, file)


@pytest.fixture(scope="module")
def styled():
    torch.manual_seed(0)
    generator = StyleGenerator((3, 16, 16), latent_dim=8, num_classes=2, style_dim=8, max_channels=4)
    discriminator = MLPDiscriminator((3, 16, 16), hidden_dims=[4], num_classes=2)
    return StyleGAN2(generator, discriminator, given=["label"], num_classes=2)


def test_mixed_styles_are_those_of_the_first_row_or_of_the_second(styled):
    told = drawing.abilities(styled)
    assert told.classes == 2
    assert told.styles == styled.generator.num_styles
    for cut, row in ((told.styles, 0), (0, 1)):
        picture = to_tensor(Image.open(io.BytesIO(drawing.sample(styled, n=3, label=1, mixing=cut))))
        side = (picture.shape[1] - 8) // 3  # but for lines of two pixels
        rows = [picture[:, start : start + side] for start in (2, 4 + side, 6 + 2 * side)]
        assert torch.equal(rows[2], rows[row])
        assert not torch.equal(rows[2], rows[1 - row])


def test_samples_follow_from_seed_class_and_sliders(styled):
    first = drawing.sample(styled, n=2)
    assert drawing.sample(styled, n=2) == first
    for other in ({"seed": 1}, {"psi": 0.2}, {"bound": 0.1}):
        assert drawing.sample(styled, n=2, **other) != first
    assert drawing.sample(styled, n=2, label=0) != drawing.sample(styled, n=2, label=1)


def test_points_are_refused():
    with pytest.raises(ConfigError, match="makes no images"):
        drawing.abilities(GAN(MLPGenerator(2, (2,)), MLPDiscriminator((2,))))


def test_requests_are_answered_one_by_one_and_a_wrong_one_ends_nothing():
    mine, other = Pipe()
    mine.send(("translate", {"image": b"?"}))
    mine.send(("example", {"outline": True}))
    mine.send(("translate", {"image": png((64, 64))}))
    thread = threading.Thread(target=drawing.hold, args=(other, OUTLINES))
    thread.start()
    answers = [mine.recv() for _ in range(4)]
    mine.close()
    thread.join(10)
    assert not thread.is_alive()
    assert answers[0] == OF_OUTLINES
    assert isinstance(answers[1], ConfigError)
    assert [Image.open(io.BytesIO(each)).size for each in answers[2:]] == [(64, 64)] * 2


def test_a_checkpoint_that_cannot_be_read_is_refused_in_a_line(tmp_path):
    mine, other = Pipe()
    (tmp_path / "last.ckpt").write_text("nothing")
    drawing.hold(other, str(tmp_path / "last.ckpt"))
    assert "damaged" in str(mine.recv())


def test_a_model_lives_in_its_own_process_as_long_as_a_page_needs_it(monkeypatch):
    monkeypatch.setattr(checkpoints, "_WORKER", "tests.lab.echo")
    monkeypatch.setattr(checkpoints, "start_server", lambda: None)
    models = HeldModels()

    async def played():
        first, second = models.take(OUTLINES), models.take(OUTLINES)
        assert first is second
        answers = await asyncio.gather(*(first.request("draw", image=name) for name in "abc"))
        assert [answer[0] for answer in answers] == ["a", "b", "c"]
        assert {answer[1:] for answer in answers}.isdisjoint({str(os.getpid())})
        with pytest.raises(ConfigError, match="is none"):
            await first.request("fail")
        models.give_back(first)
        assert not first.ended
        with pytest.raises(ConfigError, match="has ended"):
            await first.request("die")
        third = models.take(OUTLINES)
        assert third is not first
        models.give_back(first)  # by its other page: the third is not its own
        assert await third.request("draw", image="a") != answers[0]
        models.give_back(third)
        with pytest.raises(ConfigError, match="has ended"):
            await third.request("draw", image="a")

    asyncio.run(played())


def test_only_so_many_models_are_held():
    models = HeldModels()
    taken = [models.take(f"{number}.ckpt") for number in range(4)]
    with pytest.raises(ConfigError, match="4 others"):
        models.take("5.ckpt")
    models.give_back(taken[0])
    models.take("5.ckpt")


def test_the_file_of_a_translator_gives_it_back_in_half_precision(tmp_path):
    settings = {"source_shape": [3, 16, 16], "image_shape": [3, 16, 16], "base_channels": 2, "norm": "batch"}
    model = Pix2Pix(UNet(**settings), PatchDiscriminator((3, 16, 16), source_shape=(3, 16, 16), receptive_field=34))
    drawing.save_translator(model, tmp_path / "a.safetensors", settings, {"steps": 0})
    again = drawing.load_translator(tmp_path / "a.safetensors").generator.state_dict()
    for name, value in model.generator.state_dict().items():
        assert torch.equal(again[name], value.half().float() if value.ndim > 1 else value)


@pytest.mark.parametrize("size", [(513, 512), (512, 513)])
def test_the_bound_of_pixels_is_512_squared(outlines, size):
    with pytest.raises(ConfigError, match="more than 262144"):
        drawing.translate(outlines, png(size))


def test_another_format_is_refused_even_if_pillow_reads_it(outlines):
    Image.new("RGB", (64, 64)).save(file := io.BytesIO(), "BMP")
    with pytest.raises(ConfigError, match="is no PNG"):
        drawing.translate(outlines, file.getvalue())


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def header(width, height):
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))


@pytest.mark.parametrize(
    "file",
    [
        header(50_000, 50_000) + chunk(b"IDAT", zlib.compress(b"")),
        header(64, 64) + chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(2_000_000))),
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", b""),
        header(64, 64) + chunk(b"acTL", b""),
    ],
    ids=["huge", "text", "header", "animation"],
)
def test_a_file_that_would_burst_is_refused(outlines, file):
    with pytest.raises(ConfigError, match="image="):
        drawing.translate(outlines, file)


def test_a_checkpoint_runs_nothing(tmp_path):
    class Runs:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    torch.save({"state_dict": Runs(), "lightning_gans": {}}, tmp_path / "last.ckpt")
    mine, other = Pipe()
    drawing.hold(other, str(tmp_path / "last.ckpt"))
    assert isinstance(mine.recv(), ConfigError)
    assert not (tmp_path / "ran").exists()


def test_the_process_ends_with_its_last_page(monkeypatch):
    monkeypatch.setattr(checkpoints, "_WORKER", "tests.lab.echo")
    monkeypatch.setattr(checkpoints, "start_server", lambda: None)
    models, killed = HeldModels(), []
    model = models.take(OUTLINES)
    asyncio.run(model.request("draw", image="a"))
    monkeypatch.setattr(type(model._process), "kill", lambda process: killed.append(process.pid))
    models.give_back(model)
    assert killed == [model._process.pid]
