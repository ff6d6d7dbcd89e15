"""What each shipped model must pass is run over this table: a row a model, a later one adds a row."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from tests.models import losses as of
from tests.models.plain_loop import Turn, two

CONFIGS = Path(__file__).parents[2] / "configs"
BATCH = 16
SMALLEST = {"base_channels": "4", "hidden_dims": "[16]"}


@dataclass(frozen=True)
class Row:
    """A shipped model, and what its checks need to know of it."""

    config: str
    """Its file in configs, and its name in models, docs and tests."""
    turns: tuple[Turn, ...]
    """Who is updated by which loss, in plain torch."""
    tolerance: float = 0.0
    """How far weights may be from those of the plain loop, also relatively: 0, unless a loss rounds otherwise."""
    settings: tuple[str, ...] = ()
    """Words of the command that make it small, beside narrow networks."""
    arguments: Mapping[str, float] = field(default_factory=dict)
    """Of the model, in place of the config's, where that says 1 and a loss could leave it out unseen."""
    given: tuple[str, ...] = ()
    """What it is given besides noise."""
    points: bool = True
    """Whether it generates points too."""
    splits: tuple[str, ...] = ("micro_batches", "processes")
    """In how many parts a batch may be trained on, to rounding: losses are means over samples, of each by itself."""
    precision: str = "32-true"
    """In which split batches are compared: instance norm of small weights enlarges what rounds a thousandfold."""
    bad: tuple[tuple[Mapping[str, Any], str], ...] = ()
    """Arguments of the model that cannot be, and what the error says."""
    always: tuple[str, ...] = ()
    """Slow checks that are part of the test command for this row: what no other row has; the rest has the marker."""

    @cached_property
    def file(self) -> Mapping[str, Any]:
        """The config."""
        content: Mapping[str, Any] = yaml.safe_load((CONFIGS / f"{self.config}.yaml").read_text())
        return content

    @property
    def words(self) -> list[str]:
        """What follows ``lightning_gans fit`` for a small run without files."""
        model = self.file["model"]["init_args"]
        words = ["--config", self.config, "--trainer.logger", "false", "--data.batch_size", str(BATCH)]
        for role, node in model.items():
            inside = node.get("init_args", {}) if isinstance(node, dict) else {}
            words += [w for key in inside.keys() & SMALLEST for w in (f"--model.{role}.{key}", SMALLEST[key])]
        words += [w for name, value in self.arguments.items() for w in (f"--model.{name}", str(value))]
        return [*words, *self.settings]

    @property
    def told(self) -> Mapping[str, Any]:
        """The model's arguments as the config has them."""
        return self.file["model"]["init_args"] | self.arguments


SMALL_EMOJI = ("--data.image_size", "16")
NARROW = ("--model.generator.max_channels", "4", "--model.discriminator.max_channels", "4")
WORDS = ("--data.text_encoder", "tests.texts.BagOfWords")
PARTS = ("micro_batches", "processes", "bf16", "points")  # these checks take longest together
BATCH_NORM: dict[str, Any] = {"splits": ()}  # a sample's image, or logit, depends on the others

TABLE = (
    Row("gan", two(of.gan_discriminator, of.gan_generator), always=PARTS),
    Row("dcgan", two(of.gan_discriminator, of.gan_generator), **BATCH_NORM),
    Row(
        "lsgan",
        two(of.lsgan_discriminator, of.lsgan_generator),
        bad=(({"fake_target": 0.5}, r"fake_target=0\.5: must differ"),),
        **BATCH_NORM,
        arguments={"fake_target": -1.0, "real_target": 0.5, "generator_target": 0.0},
    ),
    Row("hinge", two(of.hinge_discriminator, of.wasserstein_generator), **BATCH_NORM),
    Row(
        "wgan",
        two(of.wgan_critic, of.wasserstein_generator, project=of.clip_critic),
        bad=(({"clip_value": 0.0}, r"clip_value=0\.0: must be positive"),),
        **BATCH_NORM,
    ),
    Row(
        "wgan_gp",
        two(of.wgan_gp_critic, of.wasserstein_generator),
        bad=(({"gp_weight": -1.0}, r"gp_weight=-1\.0: must be 0 or more"),),
        always=PARTS,  # a gradient of gradients
        **BATCH_NORM,
    ),
    Row(
        "progressive_gan",
        two(of.progressive_critic, of.progressive_generator),
        # Stopped in the middle of the first fade; the last step is in the second one.
        arguments={"stable_images": 10, "fade_images": 40, "drift_weight": 0.3},
        settings=(*SMALL_EMOJI, *NARROW),
        points=False,
        splits=(),  # the discriminator compares the samples of a batch
        always=PARTS,  # a step that counts images
        bad=(
            ({"stable_images": 0}, "stable_images=0: must be 1 or more"),
            ({"fade_images": -1}, "fade_images=-1: must be 0 or more"),
            ({"start_size": 5}, "start_size=5: must be one of 4, 8, 16"),
            ({"drift_weight": -1.0}, r"drift_weight=-1\.0: must be 0 or more"),
        ),
    ),
    Row(
        "dragan",
        two(of.dragan_discriminator, of.gan_generator),
        splits=(),  # the noise is scaled by the deviation of the whole batch
        bad=(
            ({"gp_weight": -1.0}, r"gp_weight=-1\.0: must be 0 or more"),
            ({"noise_scale": 0.0}, r"noise_scale=0\.0: must be positive"),
        ),
    ),
    Row(
        "r3gan",
        two(of.r3gan_discriminator, of.r3gan_generator),
        always=PARTS,  # two passes of D, two penalties
        bad=(({"gamma": -1.0}, r"gamma=-1\.0: must be 0 or more"),),
    ),
    Row(
        "r3gan_images",
        two(of.r3gan_discriminator, of.r3gan_generator),
        tolerance=1e-5,  # the plain loop computes ramps in another order
        settings=(*SMALL_EMOJI, *NARROW),
        points=False,
        splits=(),  # Adam's betas are ramped: its first steps are the signs of gradients alone
        always=("printed",),  # ramps
    ),
    Row(
        "fastgan",
        two(of.fastgan_discriminator, of.fastgan_generator),
        tolerance=1e-6,
        settings=(*SMALL_EMOJI, "--model.augment", "[]"),
        arguments={"reconstruction_weight": 0.7},
        points=False,
        splits=(),  # batch norm, a power iteration in each pass
        bad=(({"reconstruction_weight": -1.0}, r"reconstruction_weight=-1\.0: must be 0 or more"),),
    ),
    Row(
        "sngan",
        two(of.gan_discriminator, of.gan_generator),
        splits=(),  # a power iteration in each pass
    ),
    Row("fgan", two(of.fgan_discriminator, of.fgan_generator), always=("printed",)),  # a divergence is an object
    Row(
        "mmd_gan",
        two(of.mmd_critic, of.mmd_generator),
        splits=(),  # a statistic of pairs
        bad=(({"gp_weight": -1.0}, r"gp_weight=-1\.0: must be 0 or more"),),
        arguments={"gp_weight": 0.7},
        always=("printed",),
    ),
    Row(
        "pacgan",
        two(of.pacgan_discriminator, of.pacgan_generator),
        splits=("processes",),  # who shares a pack depends on the micro-batch
        bad=(({"pack": 0}, "pack=0: is the number of samples"),),
        always=("ring", "processes", "points"),  # packs of points
    ),
    Row(
        "unrolled",
        two(of.gan_discriminator, of.unrolled_generator),
        tolerance=1e-6,  # Adam written as in its paper
        splits=(),  # each part would unroll a discriminator of its own
        bad=(
            ({"unroll_steps": -1}, "unroll_steps=-1: must be 0 or more"),
            ({"optimization": {"discriminator_clip": 1.0}}, r"discriminator_clip=1\.0: unrolled steps do not clip"),
        ),
        always=("compiled", "bf16"),  # second derivatives
    ),
    Row("cgan", two(of.gan_discriminator, of.gan_generator), given=("label",), always=PARTS, **BATCH_NORM),
    Row("cogan", two(of.gan_discriminator, of.gan_generator), given=("label",), **BATCH_NORM),
    Row("acgan", two(of.acgan_discriminator, of.acgan_generator), given=("label",), always=("bf16",)),
    Row("projection", two(of.hinge_discriminator, of.wasserstein_generator), given=("label",), **BATCH_NORM),
    Row(
        "sagan",
        two(of.hinge_discriminator, of.wasserstein_generator),
        settings=(*SMALL_EMOJI, "--model.generator.attention", "8", "--model.discriminator.attention", "8"),
        **BATCH_NORM,
    ),
    Row(
        "biggan",
        two(of.hinge_discriminator, of.biggan_generator),
        settings=(*SMALL_EMOJI, "--model.generator.attention", "8", "--model.discriminator.attention", "8"),
        arguments={"latent_dim": 12, "orthogonal_weight": 0.01},
        given=("label",),
        bad=(
            ({"orthogonal_weight": -1.0}, r"orthogonal_weight=-1\.0: must be 0 or more"),
            ({"latent_dim": 13}, "latent_dim=13"),
        ),
        **BATCH_NORM,
    ),
    Row(
        "infogan",
        two(of.infogan_discriminator, of.infogan_generator),
        bad=(
            ({"categorical_codes": [1]}, r"categorical_codes=\[1\]"),
            ({"q_std": 0.0}, r"q_std=0\.0: must be positive"),
            ({"continuous_weight": -0.1}, "weights="),
        ),
        always=("printed", "points"),  # a list of numbers, and null
    ),
    Row(
        "bigan",
        (
            Turn("discriminator", ("discriminator",), of.bigan_discriminator),
            Turn("generator", ("generator", "encoder"), of.bigan_generator, waits=True),
        ),
        always=("compiled", "printed", *PARTS),  # a regularizer, in a list, of the logits at hand
    ),
    Row(
        "veegan",
        (
            Turn("discriminator", ("discriminator",), of.bigan_discriminator),
            Turn("generator", ("generator", "encoder"), of.veegan_generator, waits=True),
        ),
        bad=(({"reconstruction_weight": -1.0}, r"reconstruction_weight=-1\.0: must be 0 or more"),),
    ),
    Row(
        "aae",
        (
            Turn("autoencoder", ("encoder", "generator"), of.aae_autoencoder),
            Turn("discriminator", ("discriminator",), of.aae_discriminator),
            Turn("encoder", ("encoder",), of.aae_encoder, waits=True),
        ),
    ),
    Row("autoencoder", (Turn("autoencoder", ("encoder", "generator"), of.aae_autoencoder),)),
    Row(
        "vae",
        (Turn("autoencoder", ("encoder", "generator"), of.vae_autoencoder),),
        bad=(
            ({"beta": -1.0}, r"beta=-1\.0: must be 0 or more"),
            ({"decoder_variance": 0.0}, r"decoder_variance=0\.0: must be positive"),
        ),
        arguments={"beta": 0.7, "decoder_variance": 0.2},
    ),
    Row(
        "draw",
        (Turn("autoencoder", ("generator",), of.draw_autoencoder),),
        tolerance=1e-5,  # filters are normalized in another order
        settings=(
            *("--model.generator.hidden", "16", "--model.generator.steps", "3", "--model.latent_dim", "12"),
            *("--model.optimization.autoencoder_clip", "1000000"),
        ),
        bad=(
            (
                {"optimization": {"compile": True}},
                r"optimization\.compile=True: the network is trained by what it draws",
            ),
        ),
        points=False,
    ),
    Row(
        "cvae",
        (Turn("autoencoder", ("encoder", "generator"), of.vae_autoencoder),),
        arguments={"beta": 0.7, "decoder_variance": 0.15},
        given=("label",),
        always=("ring", "points"),  # no discriminator, for which the points' config has settings
    ),
    Row(
        "vaegan",
        (
            Turn("discriminator", ("discriminator",), of.vaegan_discriminator),
            Turn("encoder", ("encoder",), of.vaegan_encoder),
            Turn("generator", ("generator",), of.vaegan_generator, waits=True),
        ),
        tolerance=1e-6,  # on some processors products round by where in memory their factors lie
        bad=(({"gamma": -1.0}, r"gamma=-1\.0: must be 0 or more"),),
        arguments={"gamma": 0.3},
        always=("printed", "ring", *PARTS),  # three optimizers
    ),
    Row(
        "pix2pix",
        two(of.pix2pix_discriminator, of.pix2pix_generator),
        settings=("--data.image_size", "16", "--model.discriminator.receptive_field", "16"),
        given=("source",),
        points=False,
        splits=(),  # dropout
        bad=(({"l1_weight": -1.0}, r"l1_weight=-1\.0: must be 0 or more"),),
        always=("printed", "bf16"),
    ),
    Row(
        "cyclegan",
        (
            Turn("discriminator", ("discriminator", "source_discriminator"), of.cyclegan_discriminator),
            Turn("generator", ("generator", "source_generator"), of.cyclegan_generator, waits=True),
        ),
        tolerance=1e-6,
        settings=("--model.generator.num_blocks", "1", "--model.source_generator.num_blocks", "1"),
        arguments={"cycle_weight": 7.0, "identity_weight": 0.3, "pool": 20},  # full in the second step
        given=("source",),
        points=False,
        precision="64-true",
        splits=("processes",),  # the pool is filled in the order of the batch
        bad=(
            ({"cycle_weight": -1.0}, r"cycle_weight=-1\.0: must be 0 or more"),
            ({"pool": -1}, r"pool=-1: must be 0 or more"),
        ),
        always=("printed",),  # four networks
    ),
    Row(
        "cut",
        (
            Turn("discriminator", ("discriminator",), of.cut_discriminator),
            Turn("generator", ("generator", "projections"), of.cut_generator, waits=True),
        ),
        tolerance=1e-5,
        settings=("--model.generator.num_blocks", "2"),
        arguments={"nce_weight": 0.7, "num_patches": 16, "projection_dim": 8},
        given=("source",),
        points=False,
        precision="64-true",
        bad=(({"temperature": 0.0}, r"temperature=0\.0: must be positive"),),
    ),
    Row(
        "srgan",
        (
            Turn("content", ("generator",), of.srgan_content, phase="content"),
            Turn("discriminator", ("discriminator",), of.srgan_discriminator, phase="game"),
            Turn("generator", ("generator",), of.srgan_generator, phase="game"),
        ),
        settings=(*SMALL_EMOJI, "--model.generator.num_blocks", "1", "--model.discriminator.hidden_features", "8"),
        arguments={"content_share": 0.4, "feature_weight": 0.7, "adversarial_weight": 0.3},
        given=("source",),
        points=False,
        bad=(
            ({"content_share": 1.5}, r"content_share=1\.5: must be a share"),
            ({"adversarial_weight": -1.0}, r"adversarial_weight=-1\.0: must be 0 or more"),
        ),
        always=("printed",),  # three optimizers, phases
        splits=(),  # batch norm
    ),
    Row(
        "esrgan",
        (
            Turn("content", ("generator",), of.esrgan_content, phase="content"),
            Turn("discriminator", ("discriminator",), of.esrgan_discriminator, phase="game"),
            Turn("generator", ("generator",), of.esrgan_generator, phase="game"),
        ),
        settings=(*SMALL_EMOJI, "--model.generator.num_blocks", "1", "--model.discriminator.hidden_features", "8"),
        arguments={"content_share": 0.4, "pixel_weight": 0.7, "adversarial_weight": 0.3},
        given=("source",),
        points=False,
        splits=(),  # means over the batch
    ),
    Row(
        "context_encoder",
        two(of.context_encoder_discriminator, of.context_encoder_generator),
        settings=("--model.generator.bottleneck", "8"),
        arguments={"adversarial_weight": 0.3, "overlap": 2},
        given=("source", "mask"),
        points=False,
        bad=(
            ({"adversarial_weight": 2.0}, r"adversarial_weight=2\.0: must be a share"),
            ({"overlap": -1}, r"overlap=-1: must be 0 or more"),
        ),
        **BATCH_NORM,
    ),
    Row(
        "gated_inpainter",
        two(of.gated_discriminator, of.gated_generator),
        tolerance=1e-6,
        settings=("--data.image_size", "32"),
        arguments={"l1_weight": 0.7, "adversarial_weight": 0.3},
        given=("source", "mask"),
        points=False,
        splits=(),  # a power iteration in each pass
        bad=(({"l1_weight": -1.0}, r"l1_weight=-1\.0: must be 0 or more"),),
    ),
    Row(
        "gan_cls",
        two(of.gan_cls_discriminator, of.gan_cls_generator),
        settings=WORDS,
        arguments={"interpolate": True},
        given=("text",),
        points=False,
        **BATCH_NORM,
    ),
    Row(
        "stackgan",
        (
            Turn("discriminator", ("discriminator",), of.stackgan_discriminator, phase="content"),
            Turn("generator", ("generator",), of.stackgan_generator, phase="content"),
            Turn("discriminator2", ("discriminator2",), of.stackgan_discriminator2, phase="game"),
            Turn("generator2", ("generator",), of.stackgan_generator2, phase="game", forgets=True),
        ),
        settings=(*WORDS, "--data.image_size", "32", "--model.generator.text_features", "4"),
        arguments={"stage1_share": 0.4, "kl_weight": 0.7},
        given=("text",),
        points=False,
        bad=(
            ({"stage1_share": 1.0}, r"stage1_share=1\.0: must be a share"),
            ({"kl_weight": -1.0}, r"kl_weight=-1\.0: must be 0 or more"),
            ({"scale": 4}, "scale=4: the generator's is 2"),
        ),
        always=("printed",),  # four optimizers
        **BATCH_NORM,
    ),
    Row(
        "stylegan2",
        (
            Turn("generator", ("generator",), of.stylegan2_generator),
            Turn(
                "path_length",
                ("generator",),
                of.stylegan2_path_length,
                shares="generator",
                every="path_length_interval",
            ),
            Turn("discriminator", ("discriminator",), of.stylegan2_discriminator),
            Turn("r1", ("discriminator",), of.stylegan2_r1, shares="discriminator", every="gamma_interval"),
        ),
        tolerance=1e-5,  # the weights of the mapping are about 100
        settings=(
            *SMALL_EMOJI,
            *("--model.generator.channel_base", "64", "--model.discriminator.channel_base", "64"),
            *("--model.augment", "[{class_path: AdaptiveAugment, init_args: {images: 1000000000}}]"),  # p stays near 0
        ),
        arguments={
            "gamma": 0.7,
            "gamma_interval": 2,
            "path_length_weight": 1.5,
            "path_length_interval": 3,
            "mixing": 0.9,
        },
        points=False,
        always=PARTS,  # players that share an optimizer
        bad=(
            ({"gamma": -1.0}, r"gamma=-1\.0: must be 0 or more"),
            ({"mixing": 2.0}, r"mixing=2\.0: the share of samples with two styles"),
        ),
        **BATCH_NORM,
    ),
)
ROWS = {row.config: row for row in TABLE}
