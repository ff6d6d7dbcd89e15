"""``lightning_gans sample``: classes, truncation, interpolation, raw weights, points; the same however many."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from lightning_gans import GAN, GANCLS, ConditionalGAN
from lightning_gans.batch import Condition
from lightning_gans.cli import main
from lightning_gans.cli.commands import SamplingOptions
from lightning_gans.cli.runs import load_model
from lightning_gans.cli.sampling import batches
from lightning_gans.engine import Game
from lightning_gans.engine.priors import slerp
from lightning_gans.engine.rng import fold_in
from lightning_gans.images import to_uint8
from tests.cli.conftest import QUIET
from tests.models.harness import ROWS

SHORT = [*QUIET, "--trainer.max_steps", "3", "--metrics.num_samples", "64", "--samples.num_samples", "4"]


def trained(tmp_path_factory, *args):
    """The last checkpoint of three steps."""
    folder = tmp_path_factory.mktemp("trained")
    main(["fit", *args, *SHORT, "--trainer.default_root_dir", str(folder)])
    return folder / "checkpoints/last.ckpt"


@pytest.fixture(scope="module")
def points(tmp_path_factory):
    return trained(
        tmp_path_factory, "--config", "gan", "--config", "data/ring", "--model.optimization.ema_decay", "0.5"
    )


@pytest.fixture(scope="module")
def conditional(tmp_path_factory):
    networks = ("generator", "discriminator")
    widths = [part for name in networks for part in (f"--model.{name}.init_args.base_channels", "4")]
    return trained(tmp_path_factory, "--config", "cgan", *widths)


@pytest.fixture
def made(command, tmp_path, points):
    """The points that ``lightning_gans sample`` writes."""

    def made(*args):
        done = command("sample", points, *args, "--output", "out")
        assert (done.code, done.err) == (0, ""), done.err
        with Image.open(tmp_path / "out/scatter.png") as picture:
            assert min(picture.size) > 100
        return np.load(tmp_path / "out/points.npy")

    return made


def test_a_sample_does_not_depend_on_how_many_are_made(made, points):
    many = made("--num_samples", 150, "--seed", 3)
    assert many.shape == (150, 2)
    assert np.array_equal(made("--num_samples", 70, "--seed", 3), many[:70])
    assert not np.array_equal(made("--num_samples", 70), many[:70])
    model = GAN.load_from_checkpoint(points)
    expected = model.sample(150, seed=3).numpy()
    assert np.allclose(many, expected, atol=1e-6)
    raw = made("--num_samples", 150, "--seed", 3, "--no_ema")
    assert np.allclose(raw, model.sample(150, seed=3, ema=False).numpy(), atol=1e-6)
    assert not np.allclose(raw, many, atol=1e-6)


def test_truncated_samples_are_alike(made):
    whole, truncated = made("--num_samples", 100), made("--num_samples", 100, "--truncation", 0.01)
    assert (truncated.std(0) < whole.std(0) / 10).all()


def test_interpolation_joins_random_latents_along_great_circles(made, points):
    steps, rows = 10, 13
    path = made("--num_samples", steps * rows, "--interpolate", steps).reshape(rows, steps, 2)
    model = GAN.load_from_checkpoint(points)
    (z,) = model.generator_inputs(Condition(), 0, 2 * rows, fold_in(0, 2))
    t = torch.linspace(0, 1, steps)[:, None]
    for row in range(rows):
        with torch.no_grad():
            expected = model(slerp(z[2 * row], z[2 * row + 1], t)).numpy()
        assert np.allclose(path[row], expected, atol=1e-6), row
    assert np.array_equal(made("--num_samples", steps * 7, "--interpolate", steps), path[:7].reshape(-1, 2))


def test_memory_is_bounded(points):
    model = Game.load_from_checkpoint(points)
    assert max(len(part) for part, _ in batches(model, SamplingOptions(str(points), 1000))) <= 64


def test_labels(command, tmp_path, conditional):
    model = ConditionalGAN.load_from_checkpoint(conditional)

    def written(*args):
        done = command("sample", conditional, *args, "--output", "out")
        assert (done.code, done.err) == (0, ""), done.err
        files = sorted((tmp_path / "out/images").glob("*.png"))
        return torch.stack([torch.from_numpy(np.array(Image.open(file))) for file in files])

    def assert_pictures(found, expected):
        torch.testing.assert_close(found, to_uint8(expected)[:, 0], atol=1, rtol=0)  # a level: how a sum is rounded

    assert_pictures(written("--num_samples", 5, "--labels", 3), model.sample(5, labels=torch.full((5,), 3)))
    cycled = torch.tensor([0, 5, 9]).repeat(24)[:70]
    assert_pictures(written("--num_samples", 70, "--labels", "[0,5,9]"), model.sample(70, labels=cycled))
    assert_pictures(written("--num_samples", 50), model.sample(50))
    assert len(model.sample_condition(0, 50, 0).label.unique()) > 5, "drawn at random"
    rows = written("--num_samples", 8, "--interpolate", 4, "--labels", "[0,9]")
    with Image.open(tmp_path / "out/grid.png") as picture:
        assert picture.size[0] > 1.5 * picture.size[1], "rows of four"
    (z,) = model.generator_inputs(Condition(), 0, 4, fold_in(0, 2))
    ends = model(z, torch.tensor([0, 0, 9, 9]))
    assert_pictures(rows[[0, 3, 4, 7]], ends)


def test_a_checkpoint_is_given_by_its_place(command):
    assert command("sample", "--num_samples", 4).err == "lightning_gans: error: checkpoint: required, and not given\n"


@pytest.mark.parametrize(
    ("which", "arguments", "expected"),
    [
        ("points", ["--labels", "3"], ["--labels=3", "GAN is not conditional"]),
        ("conditional", ["--labels", "[1,10]"], ["--labels=10", "0 to 9"]),
        ("conditional", ["--labels", "[]"], ["--labels=[]", "at least one class"]),
        ("conditional", ["--labels", "cat"], ["labels", "'cat'"]),
        ("points", ["--truncation", "0"], ["--truncation=0", "positive"]),
        ("points", ["--interpolate", "1"], ["--interpolate=1", "2 or more"]),
        ("points", ["--num_samples", "10", "--interpolate", "4"], ["--num_samples=10", "choose 8 or 12"]),
        ("points", ["--device", "nonsense"], ["--device='nonsense'", "cpu always can"]),
        ("points", ["--ema", "false"], ["ema: there is no such setting"]),
        ("points", ["--num_images", "3"], ["num_images: there is no such setting"]),
        ("points", ["--truncation_psi", "0.5"], ["--truncation_psi=0.5", "no styles", "take --truncation"]),
        ("points", ["--noise", "fixed"], ["--noise='fixed'", "no styles"]),
        ("points", ["--style_mixing", "2", "2"], ["--style_mixing=(2, 2)", "no styles"]),
        ("points", ["--style_mixing", "0", "2"], ["--style_mixing=(0, 2)", "1 or more"]),
        ("points", ["--output", "walk.gif"], ["--output='walk.gif'", "makes points"]),
        ("points", ["--output", "out.jpg"], ["--output='out.jpg'", ".npz, .npy, .png or .gif"]),
        ("points", ["--output", "out.png", "--num_samples", "5001"], ["--num_samples=5001", "5000", ".npz"]),
        ("conditional", ["--output", "out.png", "--num_samples", "1025"], ["--num_samples=1025", "1024", ".npz"]),
    ],
    ids=str,
)
def test_mistakes(command, request, tmp_path, which, arguments, expected):
    done = command("sample", request.getfixturevalue(which), *arguments)
    assert done.code == 2
    assert len(done.err.splitlines()) == 1, done.err
    for part in expected:
        assert part in done.err
    assert not (tmp_path / "samples").exists()


def test_pictures_that_others_made_are_left_alone(command, tmp_path, conditional):
    theirs = tmp_path / "mine/images/00001.png"
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(b"mine")
    done = command("sample", conditional, "--num_samples", 2, "--output", "mine")
    assert done.code == 2
    assert "--output='mine': its images were not made by sample" in done.err
    assert theirs.read_bytes() == b"mine"
    assert command("sample", conditional, "--num_samples", 3, "--output", "new").code == 0
    assert command("sample", conditional, "--num_samples", 2, "--output", "new").code == 0
    assert len(list((tmp_path / "new/images").iterdir())) == 2


@pytest.mark.parametrize("name", ["out.npz", "out.npy"])
def test_one_array_of_all(command, tmp_path, points, conditional, name):
    def written(checkpoint, *more):
        done = command("sample", checkpoint, "--num_samples", 130, *more, "--output", f"folder/{name}")
        assert (done.code, done.err) == (0, "")
        if name.endswith("npy"):
            return dict.fromkeys(("images", "points"), np.load(tmp_path / "folder" / name))
        with np.load(tmp_path / "folder" / name) as loaded:
            return dict(loaded)

    arrays, model = written(conditional), ConditionalGAN.load_from_checkpoint(conditional)
    labels = model.sample_condition(0, 130, 0).label
    assert (arrays["images"].shape, arrays["images"].dtype) == ((130, 8, 8, 1), np.uint8)
    expected = to_uint8(model.sample(130, labels=labels))[:, 0]
    torch.testing.assert_close(torch.from_numpy(arrays["images"][..., 0]), expected, atol=1, rtol=0)
    if name.endswith("npz"):
        assert arrays.keys() == {"images", "labels"}
        assert np.array_equal(arrays["labels"], labels)
        assert np.array_equal(written(conditional, "--labels", "[7,2]")["labels"], [7, 2] * 65)
        assert np.array_equal(
            written(conditional, "--labels", "[7,2]", "--interpolate", 65)["labels"], [7] * 65 + [2] * 65
        )
    assert command("evaluate", "--real", "Digits", "--fake", f"folder/{name}").code == 0
    arrays = written(points)
    assert np.allclose(arrays["points"], Game.load_from_checkpoint(points).sample(130).numpy(), atol=1e-6)
    assert "labels" not in arrays


def test_one_picture_of_all(command, tmp_path, points, conditional):
    for checkpoint, count, size in ((conditional, 100, (342, 342)), (points, 30, None)):
        done = command("sample", checkpoint, "--num_samples", count, "--output", "out.png")
        assert (done.code, done.err, done.out) == (0, "", f"{count} in out.png\n")
        with Image.open(tmp_path / "out.png") as picture:
            assert size in (None, picture.size), "ten rows of ten, enlarged fourfold, with lines between"
    assert [file.name for file in tmp_path.iterdir()] == ["out.png"]


def test_a_folder_may_have_an_ending(command, tmp_path, points):
    (tmp_path / "run.second").mkdir()
    assert command("sample", points, "--output", "run.second").code == 0
    assert command("sample", points, "--output", "psi_0.7").code == 0
    assert (tmp_path / "run.second/points.npy").is_file()
    assert (tmp_path / "psi_0.7/points.npy").is_file()


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return trained(tmp_path_factory, *ROWS["gan_cls"].words, "--data.batch_size", "8")


def test_sentences_are_gone_through_again_and_again(command, tmp_path, written):
    (tmp_path / "two.txt").write_text("a red circle\n\n  a blue square \n")
    done = command("sample", written, "--text", "two.txt", "--num_samples", 5, "--output", "out")
    assert (done.code, done.err) == (0, ""), done.err
    rows = [json.loads(line) for line in (tmp_path / "out/images/metadata.jsonl").read_text().splitlines()]
    assert [row["text"] for row in rows] == ["a red circle", "a blue square"] * 2 + ["a red circle"]
    assert all((tmp_path / "out/images" / row["file_name"]).is_file() for row in rows)
    command("sample", written, "--text", '["a red circle", "a blue square"]', "--num_samples", 5, "--output", "a.npz")
    with np.load(tmp_path / "a.npz") as array, Image.open(tmp_path / "out/images/00003.png") as picture:
        assert array["captions"].tolist() == [row["text"] for row in rows]
        assert np.array_equal(array["images"][3], np.asarray(picture))


def test_a_row_between_sentences_begins_and_ends_with_them(command, tmp_path, written):
    texts = ["a red circle", "a blue square"]
    done = command(
        *("sample", written, "--text", json.dumps(texts), "--interpolate", 4, "--num_samples", 8, "--output", "a.npz")
    )
    assert (done.code, done.err) == (0, ""), done.err
    with np.load(tmp_path / "a.npz") as array:
        images, captions = array["images"].astype(int), array["captions"].tolist()
    assert captions == ["a red circle > a blue square"] * 4 + ["a blue square > a red circle"] * 4
    model = GANCLS.load_from_checkpoint(written)
    seed = fold_in(0, 2)
    (z, *_), (other, *_) = (model.generator_inputs(Condition(), first, first + 1, seed) for first in (0, 2))
    one, two = model.embed(texts).split(1)
    for index, latent, text in ((0, z, one), (3, z, two), (4, other, two), (7, other, one)):
        expected = to_uint8(model(latent, text))[0].permute(1, 2, 0).int().numpy()
        assert abs(images[index] - expected).max() <= 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--text", "[]"], "--text='[]': give a sentence or more"),
        (["--text", "none.txt"], "--text='none.txt': cannot be read as a file of sentences"),
        (["--text", "empty.txt"], "--text='empty.txt': the file has no sentence"),
        (["--labels", "3"], "--labels=3: GANCLS is not conditional"),
    ],
)
def test_sentences_that_cannot_be_are_named(command, tmp_path, written, words, message):
    (tmp_path / "empty.txt").write_text("\n")
    done = command("sample", written, *words)
    assert done.code == 2
    assert message in done.err
    assert len(done.err.splitlines()) == 1


def test_a_model_without_sentences_says_so(command, conditional):
    done = command("sample", conditional, "--text", "a red circle")
    assert done.code == 2
    assert "--text='a red circle': ConditionalGAN is not given sentences" in done.err


@pytest.fixture(scope="module")
def styled(tmp_path_factory):
    return trained(tmp_path_factory, *ROWS["stylegan2"].words)


def grid_of(file, side):
    """The cells of a picture of squares, two pixels between."""
    with Image.open(file) as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    step = side + 2
    return [
        [pixels[y : y + side, x : x + side] for x in range(2, pixels.shape[1] - 2, step)]
        for y in range(2, pixels.shape[0] - 2, step)
    ]


def test_mixed_styles_are_those_of_row_and_column(command, tmp_path, styled):
    """Of two equal styles nothing new comes: where all are drawn to the mean, every picture is the same one."""
    assert command("sample", styled, "--style_mixing", "2", "3", "--output", "mixed.png").code == 0
    cells = grid_of(tmp_path / "mixed.png", 32)
    assert [len(row) for row in cells] == [4, 4, 4]
    assert (cells[0][0] == 255).all(), "an empty corner"
    model = load_model(styled, "cpu")
    z, noise = model.generator_inputs(Condition(), 0, 5, 0)
    network = model.inference_network("generator", ema=True).eval()
    with torch.no_grad():
        styles = network.truncate(network.mapping(z))
        for row, column in ((0, 0), (1, 2)):
            coarse, fine = styles[row, :3], styles[2 + column, 3:]  # of six layers
            image = network.synthesis(torch.cat([coarse, fine])[None], noise[:1])
            expected = to_uint8(image)[0].permute(1, 2, 0).numpy().repeat(2, 0).repeat(2, 1)
            assert np.abs(cells[row + 1][column + 1] - expected).max() <= 1
    assert command("sample", styled, "--style_mixing", "2", "3", "--truncation_psi", "0").code == 0
    first, *others = [cell for row in grid_of(tmp_path / "samples/style_mixing.png", 32) for cell in row][1:]
    for other in others:
        assert np.abs(other - first).max() <= 1


def test_truncated_styles_are_alike(command, tmp_path, styled):
    spread = []
    for psi in ("0", "0.5", "1"):
        words = ("--truncation_psi", psi, "--noise", "fixed", "--num_samples", "16", "--output", f"{psi}.npy")
        assert command("sample", styled, *words).code == 0
        spread.append(np.load(tmp_path / f"{psi}.npy").astype(float).std(0).mean())
    assert spread[0] < 0.5 < spread[1] < spread[2]


def test_a_walk_is_closed_and_moves_in_small_steps(command, tmp_path, styled):
    words = ("--num_samples", "24", "--interpolate", "8", "--output", "walk.gif")
    assert command("sample", styled, *words).out == "24 frames in walk.gif\n"
    with Image.open(tmp_path / "walk.gif") as walk:
        assert walk.n_frames == 24
        frames = []
        for number in range(24):
            walk.seek(number)
            frames.append(np.asarray(walk.convert("RGB")).astype(float))
    assert frames[0].shape == (256, 256, 3)
    model = load_model(styled, "cpu")
    z, noise = model.generator_inputs(Condition(), 0, 3, 0)
    corners = to_uint8(model(z, noise[:1].expand(3, -1))).permute(0, 2, 3, 1).numpy().repeat(16, 1).repeat(16, 2)
    for number in range(3):  # those of the three latents, in the colors that the format has
        assert np.abs(frames[8 * number] - corners[number]).mean() < 4
    steps = [np.abs(frames[i] - frames[(i + 1) % 24]).mean() for i in range(24)]
    far = np.mean([np.abs(frames[0] - frames[i]).mean() for i in (8, 16)])
    assert max(steps) < far
