"""The papers' losses in plain torch, a function for each player: from the networks and an update to a scalar."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Normal
from torch.func import functional_call
from torch.nn import functional as F

from lightning_gans import augment
from lightning_gans.evaluation.features import CIFAR10Maps
from lightning_gans.objectives.kernels import RationalQuadraticKernel
from tests.models.plain_loop import Update, on_a_cosine

# Goodfellow et al. 2014; DCGAN, SNGAN, conditional GAN and CoGAN differ in networks, priors and what is given.


def fake_of(n: Any, u: Update) -> Tensor:
    """Generated images that teach the generator nothing."""
    with torch.no_grad():
        fake: Tensor = n.generator(u.z(), *u.given)
    return fake


def gan_discriminator(n: Any, u: Update) -> Tensor:
    fake = fake_of(n, u)
    return F.softplus(-n.discriminator(u.x, *u.given)).mean() + F.softplus(n.discriminator(fake, *u.given)).mean()


def gan_generator(n: Any, u: Update) -> Tensor:
    return F.softplus(-n.discriminator(n.generator(u.z(), *u.given), *u.given)).mean()


def lsgan_discriminator(n: Any, u: Update) -> Tensor:
    a, b, fake = u.settings["fake_target"], u.settings["real_target"], fake_of(n, u)
    return ((n.discriminator(u.x) - b).square().mean() + (n.discriminator(fake) - a).square().mean()) / 2


def lsgan_generator(n: Any, u: Update) -> Tensor:
    return (n.discriminator(n.generator(u.z())) - u.settings["generator_target"]).square().mean() / 2


def hinge_discriminator(n: Any, u: Update) -> Tensor:
    fake = fake_of(n, u)
    real_logits, fake_logits = n.discriminator(u.x, *u.given), n.discriminator(fake, *u.given)
    return (1 - real_logits).clamp(min=0).mean() + (1 + fake_logits).clamp(min=0).mean()


def wasserstein_generator(n: Any, u: Update) -> Tensor:
    return -n.discriminator(n.generator(u.z(), *u.given), *u.given).mean()


def biggan_generator(n: Any, u: Update) -> Tensor:
    loss = wasserstein_generator(n, u)
    layers = [m.weight.flatten(1) for m in n.generator.modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    products = [w @ w.T for w in layers]
    off = torch.stack([(product - product.diagonal().diag()).square().sum() for product in products])
    return loss + u.settings["orthogonal_weight"] * off.sum()


def wgan_critic(n: Any, u: Update) -> Tensor:
    fake = fake_of(n, u)
    return -(n.discriminator(u.x).mean() - n.discriminator(fake).mean())


def clip_critic(n: Any, settings: Mapping[str, Any]) -> None:
    with torch.no_grad():
        for weight in n.discriminator.parameters():
            weight.clamp_(-settings["clip_value"], settings["clip_value"])


def slopes(logits: Tensor, *points: Tensor) -> Tensor:
    """The gradient of each sample's logit (N, D)."""
    return torch.cat([g.flatten(1) for g in torch.autograd.grad(logits.sum(), points, create_graph=True)], 1)


def between(u: Update, other: Tensor) -> Tensor:
    """Points alpha x + (1 - alpha) other."""
    alpha = u.rand(torch.rand).view(-1, *[1] * (u.x.ndim - 1))
    return torch.lerp(other, u.x, alpha).requires_grad_()


def wgan_gp_critic(n: Any, u: Update) -> Tensor:
    fake = fake_of(n, u)
    distance = n.discriminator(u.x).mean() - n.discriminator(fake).mean()
    point = between(u, fake)
    penalty = (slopes(n.discriminator(point), point).norm(dim=1) - 1).square().mean()
    return u.settings["gp_weight"] * penalty - distance


def dragan_discriminator(n: Any, u: Update) -> Tensor:
    loss = gan_discriminator(n, u)
    noise = u.rand(torch.rand, *u.x.shape[1:])
    point = between(u, u.x + u.settings["noise_scale"] * u.x.std() * noise)
    penalty = (slopes(n.discriminator(point), point).norm(dim=1) - 1).square().mean()
    return loss + u.settings["gp_weight"] * penalty


def augmented(u: Update, images: Tensor) -> Tensor:
    """With the probability of the moment; the changes themselves have tests of their own."""
    for each in u.settings.get("augment", ()):
        told = each["init_args"]
        changes = [
            getattr(augment, kind["class_path"].split(".")[-1])(**kind.get("init_args", {}))
            for kind in told["transforms"]
        ]
        p, counts = torch.tensor(on_a_cosine(told["p"], u.progress)), [change.num_uniforms for change in changes]
        uniform = u.rand(torch.rand, sum(counts), n=len(images)).clamp(1e-7, 1 - 1e-7)
        for change, own in zip(changes, uniform.split(counts, 1), strict=True):
            images = change(images, own, p)
    return images


def own_part(u: Update, player: int) -> Tensor:
    return u.x[player::2] if u.settings.get("separate_batches") else u.x


def r3gan_discriminator(n: Any, u: Update) -> Tensor:
    x = own_part(u, 0).clone().requires_grad_()
    with torch.no_grad():
        fake = n.generator(u.rand(u.prior, u.latent_dim, n=len(x)))
    fake.requires_grad_()
    real_logits, fake_logits = (n.discriminator(augmented(u, each)) for each in (x, fake))
    steepness = [slopes(*pair).square().sum(1).mean() for pair in ((real_logits, x), (fake_logits, fake))]
    half = on_a_cosine(u.settings["gamma"], u.progress) / 2
    return F.softplus(-(real_logits - fake_logits)).mean() + (half * steepness[0] + half * steepness[1])


def r3gan_generator(n: Any, u: Update) -> Tensor:
    x = own_part(u, 1)
    fake = n.generator(u.rand(u.prior, u.latent_dim, n=len(x)))
    real_logits, fake_logits = (n.discriminator(augmented(u, each)) for each in (x, fake))
    return F.softplus(-(fake_logits - real_logits)).mean()


def fastgan_discriminator(n: Any, u: Update) -> Tensor:
    """One image and one quarter after the other, in units of [-1, 1]."""
    fake = fake_of(n, u)
    logits, halves, maps = n.discriminator(u.x)
    fake_logits = n.discriminator(fake)[0]
    rows, columns = (u.rand(torch.rand, 2) * 2).floor().int().unbind(1)

    def quarter(x: Tensor) -> Tensor:
        side = x.shape[2] // 2
        corners = zip(x, (rows * side).tolist(), (columns * side).tolist(), strict=True)
        return torch.stack([each[:, at : at + side, left : left + side] for each, at, left in corners])

    part, whole = n.discriminator.quarter_decoder(quarter(halves)), n.discriminator.whole_decoder(maps)
    apart = (whole - F.avg_pool2d(u.x, 2)).abs().mean() + (part - quarter(u.x)).abs().mean()
    hinge = (1 - logits).relu().mean() + (1 + fake_logits).relu().mean()
    return hinge + u.settings["reconstruction_weight"] * apart


def fastgan_generator(n: Any, u: Update) -> Tensor:
    return -n.discriminator(n.generator(u.z()))[0].mean()


def fgan_discriminator(n: Any, u: Update) -> Tensor:
    """Of Jensen and Shannon's divergence: g(v) = log 2 - softplus(-v), f*(g(v)) = softplus(v) - log 2."""
    fake = fake_of(n, u)
    activated = (math.log(2) - F.softplus(-n.discriminator(u.x))).mean()
    return (F.softplus(n.discriminator(fake)) - math.log(2)).mean() - activated


def fgan_generator(n: Any, u: Update) -> Tensor:
    return -(math.log(2) - F.softplus(-n.discriminator(n.generator(u.z())))).mean()


def acgan_discriminator(n: Any, u: Update) -> Tensor:
    (labels,), fake = u.given, fake_of(n, u)
    real_outputs, fake_outputs = n.discriminator(u.x), n.discriminator(fake)
    source = F.softplus(-real_outputs[:, :1]).mean() + F.softplus(fake_outputs[:, :1]).mean()
    return source + F.cross_entropy(real_outputs[:, 1:], labels) + F.cross_entropy(fake_outputs[:, 1:], labels)


def acgan_generator(n: Any, u: Update) -> Tensor:
    outputs = n.discriminator(n.generator(u.z(), *u.given))
    return F.softplus(-outputs[:, :1]).mean() + F.cross_entropy(outputs[:, 1:], *u.given)


def information(u: Update, z: Tensor, outputs: Tensor) -> Tensor:
    """Lambda L_I of InfoGAN with one code of 10 categories and two continuous ones, whose Q has deviation 1."""
    _, code, continuous = z.split([z.shape[1] - 12, 10, 2], 1)
    _, logits, mean = outputs.split([1, 10, 2], 1)
    categorical = (code * logits.log_softmax(1)).sum(1).mean() + math.log(10)
    density = Normal(mean, 1.0).log_prob(continuous).sum(1).mean() + 2 * math.log(2)
    return u.settings["categorical_weight"] * categorical + u.settings["continuous_weight"] * density


def infogan_discriminator(n: Any, u: Update) -> Tensor:
    z = u.z()
    with torch.no_grad():
        fake = n.generator(z)
    fake_outputs, real_outputs = n.discriminator(fake), n.discriminator(u.x)
    loss = F.softplus(-real_outputs[:, :1]).mean() + F.softplus(fake_outputs[:, :1]).mean()
    return loss - information(u, z, fake_outputs)


def infogan_generator(n: Any, u: Update) -> Tensor:
    z = u.z()
    outputs = n.discriminator(n.generator(z))
    return F.softplus(-outputs[:, :1]).mean() - information(u, z, outputs)


def unbiased_mmd(x: Tensor, y: Tensor) -> Tensor:
    """As means over samples of the witness, each left out of its own.

    Of a shift of all features, which it does not see, its gradient is rounding, and Adam makes a step of that.
    """
    k, others = RationalQuadraticKernel(), len(x) - 1
    across, x_alike, y_alike = k(x, y), k(x, x), k(y, y)
    real = (x_alike.sum(1) - x_alike.diagonal()) / others - across.mean(1)
    fake = across.mean(0) - (y_alike.sum(1) - y_alike.diagonal()) / others
    return real.mean() - fake.mean()


def mmd_critic(n: Any, u: Update) -> Tensor:
    fake, k, h = fake_of(n, u), RationalQuadraticKernel(), n.discriminator
    x, y = h(u.x), h(fake)
    mmd, point = unbiased_mmd(x, y), between(u, fake)
    features = h(point)
    witness = k(features, x).mean(1) - k(features, y).mean(1)
    return u.settings["gp_weight"] * (slopes(witness, point).norm(dim=1) - 1).square().mean() - mmd


def mmd_generator(n: Any, u: Update) -> Tensor:
    return unbiased_mmd(n.discriminator(u.x), n.discriminator(n.generator(u.z())))


def packs(x: Tensor) -> Tensor:
    return torch.cat(x.chunk(2), 1)


def pacgan_discriminator(n: Any, u: Update) -> Tensor:
    fake = fake_of(n, u)
    return F.softplus(-n.discriminator(packs(u.x))).mean() + F.softplus(n.discriminator(packs(fake))).mean()


def pacgan_generator(n: Any, u: Update) -> Tensor:
    return F.softplus(-n.discriminator(packs(n.generator(u.z())))).mean()


def unrolled_generator(n: Any, u: Update) -> Tensor:
    """Through k steps of the discriminator's Adam, from where it stands."""
    fake, d, adam = n.generator(u.z()), n.discriminator, u.optimizers["discriminator"]
    (beta1, beta2), rate = adam.param_groups[0]["betas"], adam.param_groups[0]["lr"]
    weights = {name: p.detach().clone().requires_grad_() for name, p in d.named_parameters()}
    memory = [adam.state[p] for p in d.parameters()]
    means, squares, t = [m["exp_avg"] for m in memory], [m["exp_avg_sq"] for m in memory], memory[0]["step"]

    def loss(weights: dict[str, Tensor]) -> Tensor:
        real_logits, fake_logits = (functional_call(d, weights, (each,)) for each in (u.x, fake))
        return F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()

    for _ in range(u.settings["unroll_steps"]):
        grads, t = torch.autograd.grad(loss(weights), list(weights.values()), create_graph=True), t + 1
        means = [beta1 * m + (1 - beta1) * g for m, g in zip(means, grads, strict=True)]
        squares = [beta2 * v + (1 - beta2) * g.square() for v, g in zip(squares, grads, strict=True)]
        # What never had a gradient has no derivative at the root of 0: it is left where it is.
        steps = [
            rate * m / (1 - beta1**t) / ((v.clamp(min=1e-38) / (1 - beta2**t)).sqrt() + 1e-8)
            for m, v in zip(means, squares, strict=True)
        ]
        weights = {name: w - step for (name, w), step in zip(weights.items(), steps, strict=True)}
    return -loss(weights)


def r1(u: Update, logits: Tensor, *points: Tensor) -> Tensor | float:
    """Gamma / 2 times the squared slope, in every k-th update and k times there."""
    ((regularizer,),) = (u.settings["regularizers"],)
    gamma, interval = (regularizer["init_args"][name] for name in ("gamma", "interval"))
    if (u.earlier + 1) % interval:
        return 0.0
    return gamma / 2 * interval * slopes(logits, *points).square().sum(1).mean()


def bigan_discriminator(n: Any, u: Update) -> Tensor:
    z = u.z()
    with torch.no_grad():
        codes, fake = n.encoder(u.x), n.generator(z)
    x, codes = u.x.clone().requires_grad_(), codes.requires_grad_()
    real_logits, fake_logits = n.discriminator(x, codes), n.discriminator(fake, z)
    loss = F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()
    return loss + r1(u, real_logits, x, codes)


def bigan_generator(n: Any, u: Update) -> Tensor:
    z = u.z()
    real_logits, fake_logits = n.discriminator(u.x, n.encoder(u.x)), n.discriminator(n.generator(z), z)
    return F.softplus(real_logits).mean() + F.softplus(-fake_logits).mean()


def veegan_generator(n: Any, u: Update) -> Tensor:
    z = u.z()
    fake = n.generator(z)
    distance = (z - n.encoder(fake)).square().sum(1).mean()
    return u.settings["reconstruction_weight"] * distance - n.discriminator(fake, z).mean()


def aae_autoencoder(n: Any, u: Update) -> Tensor:
    return F.mse_loss(n.generator(n.encoder(u.x)), u.x)


def aae_discriminator(n: Any, u: Update) -> Tensor:
    with torch.no_grad():
        z, codes = u.z(), n.encoder(u.x)
    return F.softplus(-n.discriminator(z)).mean() + F.softplus(n.discriminator(codes)).mean()


def aae_encoder(n: Any, u: Update) -> Tensor:
    return F.softplus(-n.discriminator(n.encoder(u.x))).mean()


def posterior(n: Any, u: Update) -> tuple[Tensor, Tensor]:
    """A latent of each image's distribution, and how far that is from the prior."""
    mean, log_variance = n.encoder(u.x, *u.given).chunk(2, 1)
    z = mean + (log_variance / 2).exp() * u.rand(torch.randn, u.latent_dim)
    return z, (mean.square() + log_variance.exp() - log_variance - 1).sum(1).mean() / 2


def vae_autoencoder(n: Any, u: Update) -> Tensor:
    z, kl = posterior(n, u)
    squared, variance = (u.x - n.generator(z, *u.given)).square().flatten(1), u.settings["decoder_variance"]
    nll = (squared.sum(1) / (2 * variance) + squared.shape[1] / 2 * math.log(2 * math.pi * variance)).mean()
    return nll + u.settings["beta"] * kl


def likeness(n: Any, u: Update, rebuilt: Tensor) -> Tensor:
    return (n.discriminator.features(u.x) - n.discriminator.features(rebuilt)).square().sum(1).mean() / 2


def rebuilt_and_made(n: Any, u: Update) -> Tensor:
    """Of latents of the images, then of latents of the prior: (2 N, ...)."""
    z, _ = posterior(n, u)
    images: Tensor = n.generator(torch.cat([z.detach(), u.z()]))
    return images


def vaegan_discriminator(n: Any, u: Update) -> Tensor:
    with torch.no_grad():
        images = rebuilt_and_made(n, u)
    real_logits, (rebuilt_logits, made_logits) = n.discriminator(u.x), n.discriminator(images).chunk(2)
    fake = F.softplus(rebuilt_logits).mean() + F.softplus(made_logits).mean()
    return F.softplus(-real_logits).mean() + fake


def vaegan_encoder(n: Any, u: Update) -> Tensor:
    z, kl = posterior(n, u)
    return kl + likeness(n, u, n.generator(z))


def vaegan_generator(n: Any, u: Update) -> Tensor:
    images = rebuilt_and_made(n, u)
    rebuilt_logits, made_logits = n.discriminator(images).chunk(2)
    adversarial = F.softplus(-rebuilt_logits).mean() + F.softplus(-made_logits).mean()
    return u.settings["gamma"] * likeness(n, u, images[: len(u.x)]) + adversarial


def pix2pix_discriminator(n: Any, u: Update) -> Tensor:
    (source,) = u.given
    with torch.no_grad():
        fake = n.generator(source)
    return F.softplus(-n.discriminator(u.x, source)).mean() + F.softplus(n.discriminator(fake, source)).mean()


def pix2pix_generator(n: Any, u: Update) -> Tensor:
    (source,) = u.given
    fake = n.generator(source)
    return F.softplus(-n.discriminator(fake, source)).mean() + u.settings["l1_weight"] * (fake - u.x).abs().mean()


def squares(n: Any, name: str, real: Tensor, fake: Tensor) -> Tensor:
    net = getattr(n, name)
    return ((net(real) - 1).square().mean() + net(fake).square().mean()) / 2


def cyclegan_discriminator(n: Any, u: Update) -> Tensor:
    (a,) = u.given
    with torch.no_grad():
        to_b, to_a = n.generator(a), n.source_generator(u.x)
    in_b = squares(n, "discriminator", u.x, pooled(n, "to_b", u, to_b))
    return in_b + squares(n, "source_discriminator", a, pooled(n, "to_a", u, to_a))


def pooled(n: Any, name: str, u: Update, fakes: Tensor) -> Tensor:
    """Zhu et al., section 4: each of them, or, every other time when the pool is full, an earlier one in its place."""
    pool, shown = n.__dict__.setdefault(f"pool_{name}", []), []
    for fake, swap, slot in zip(fakes, u.rand(torch.rand), u.rand(torch.rand), strict=True):
        if len(pool) < u.settings["pool"]:
            pool.append(fake)
            shown.append(fake)
        elif swap < 0.5:
            shown.append(fake)
        else:
            place = int(slot * len(pool))
            shown.append(pool[place])
            pool[place] = fake
    return torch.stack(shown)


def cyclegan_generator(n: Any, u: Update) -> Tensor:
    (a,), b, weight = u.given, u.x, u.settings["cycle_weight"]
    to_b, to_a = n.generator(a), n.source_generator(b)
    loss = (n.discriminator(to_b) - 1).square().mean() + (n.source_discriminator(to_a) - 1).square().mean()
    cycle = F.l1_loss(n.source_generator(to_b), a) + F.l1_loss(n.generator(to_a), b)
    identity = F.l1_loss(n.generator(b), b) + F.l1_loss(n.source_generator(a), a)
    return loss + weight * cycle + weight * u.settings["identity_weight"] * identity


def cut_discriminator(n: Any, u: Update) -> Tensor:
    with torch.no_grad():
        fake = n.generator(*u.given)
    return squares(n, "discriminator", u.x, fake)


def cut_generator(n: Any, u: Update) -> Tensor:
    (a,) = u.given
    fake = n.generator(a)
    adversarial = (n.discriminator(fake) - 1).square().mean()
    contrast = nce(n, u, a, fake)
    if u.settings["identity"]:
        contrast = (contrast + nce(n, u, u.x, n.generator(u.x))) / 2
    return adversarial + u.settings["nce_weight"] * contrast


def nce(n: Any, u: Update, source: Tensor, image: Tensor) -> Tensor:
    """One image, one layer, one place after another."""
    terms = []
    pairs = zip(n.generator.features(source), n.generator.features(image), n.projections, strict=True)
    for given, made, project in pairs:
        order = u.rand(torch.rand, given[0, 0].numel()).argsort(1)[:, : u.settings["num_patches"]]
        each = []
        for sample in range(len(source)):
            k, q = (F.normalize(project(m[sample].flatten(1).T[order[sample]]), dim=1) for m in (given, made))
            each.append(-torch.log_softmax(q @ k.detach().T / 0.07, dim=1).diagonal().mean())
        terms.append(torch.stack(each).mean())
    return torch.stack(terms).mean()


# Ledig et al. 2017, Wang et al. 2018: content first, then a game in which contents are compared in features.


def contents(fake: Tensor, u: Update, distance: Any) -> Tensor:
    """Between maps of generated images and of real ones, and between their pixels, weighted."""
    pairs = zip(CIFAR10Maps()(fake), CIFAR10Maps()(u.x), strict=True)
    features = torch.stack([distance(made, real) for made, real in pairs]).mean()
    return u.settings["feature_weight"] * features + u.settings["pixel_weight"] * distance(fake, u.x)


def enlarged(n: Any, u: Update) -> Tensor:
    with torch.no_grad():
        fake: Tensor = n.generator(*u.given)
    return fake


def srgan_content(n: Any, u: Update) -> Tensor:
    return F.mse_loss(n.generator(*u.given), u.x)


def srgan_discriminator(n: Any, u: Update) -> Tensor:
    return F.softplus(-n.discriminator(u.x)).mean() + F.softplus(n.discriminator(enlarged(n, u))).mean()


def srgan_generator(n: Any, u: Update) -> Tensor:
    fake = n.generator(*u.given)
    adversarial = F.softplus(-n.discriminator(fake)).mean()
    return contents(fake, u, F.mse_loss) + u.settings["adversarial_weight"] * adversarial


def esrgan_content(n: Any, u: Update) -> Tensor:
    return F.l1_loss(n.generator(*u.given), u.x)


def relative_average(higher: Tensor, lower: Tensor) -> Tensor:
    above, below = higher - lower.mean(), lower - higher.mean()
    return F.softplus(-above).mean() + F.softplus(below).mean()


def esrgan_discriminator(n: Any, u: Update) -> Tensor:
    return relative_average(n.discriminator(u.x), n.discriminator(enlarged(n, u)))


def esrgan_generator(n: Any, u: Update) -> Tensor:
    fake, real_logits = n.generator(*u.given), n.discriminator(u.x)
    adversarial = relative_average(n.discriminator(fake), real_logits)
    return contents(fake, u, F.l1_loss) + u.settings["adversarial_weight"] * adversarial


# Pathak et al. 2016, with a hole that is the middle half of each side; Yu et al. 2019.


def completed(n: Any, u: Update) -> Tensor:
    source, mask = u.given
    return mask * n.generator(source, mask) + (1 - mask) * u.x


def middle(images: Tensor) -> Tensor:
    quarter = images.shape[2] // 4
    return images[:, :, quarter:-quarter, quarter:-quarter]


def context_encoder_discriminator(n: Any, u: Update) -> Tensor:
    with torch.no_grad():
        fake = middle(completed(n, u))
    return F.softplus(-n.discriminator(middle(u.x))).mean() + F.softplus(n.discriminator(fake)).mean()


def context_encoder_generator(n: Any, u: Update) -> Tensor:
    source, mask = u.given
    made, share = n.generator(source, mask), u.settings["adversarial_weight"]
    adversarial = F.softplus(-n.discriminator(middle(mask * made + (1 - mask) * u.x))).mean()
    quarter, wide = u.x.shape[2] // 4, u.settings["overlap"]
    weight = torch.zeros_like(mask)
    weight[..., quarter - wide : wide - quarter, quarter - wide : wide - quarter] = 10
    weight = torch.where(mask > 0, 1.0, weight)
    squared = (made - u.x).square().mean(1, keepdim=True)
    reconstruction = (weight * squared).sum((1, 2, 3)) / (weight > 0).sum((1, 2, 3))  # of each image
    return (1 - share) * reconstruction.mean() + share * adversarial


def gated_discriminator(n: Any, u: Update) -> Tensor:
    with torch.no_grad():
        fake = completed(n, u)
    mask = u.given[1]
    return (1 - n.discriminator(u.x, mask)).relu().mean() + (1 + n.discriminator(fake, mask)).relu().mean()


def gated_generator(n: Any, u: Update) -> Tensor:
    source, mask = u.given
    made = n.generator(source, mask)
    adversarial = -n.discriminator(mask * made + (1 - mask) * u.x, mask).mean()
    return u.settings["l1_weight"] * F.l1_loss(made, u.x) + u.settings["adversarial_weight"] * adversarial


def other_text(text: Tensor) -> Tensor:
    """The next sentence that is another one."""
    following = [[(i + k) % len(text) for k in range(1, len(text))] for i in range(len(text))]
    return torch.stack(
        [next(text[j] for j in rows if bool((text[j] != text[i]).any())) for i, rows in enumerate(following)]
    )


def matching(discriminator: Any, x: Tensor, fake: Tensor, text: Tensor) -> Tensor:
    """D tells apart real, generated, and real with another sentence."""
    real, generated = F.softplus(-discriminator(x, text)).mean(), F.softplus(discriminator(fake, text)).mean()
    mismatched = F.softplus(discriminator(x, other_text(text))).mean()
    return ((real + generated) + (real + mismatched)) / 2


def gan_cls_discriminator(n: Any, u: Update) -> Tensor:
    (text,) = u.given
    with torch.no_grad():
        fake = n.generator(u.z(), text)
    return matching(n.discriminator, u.x, fake, text)


def gan_cls_generator(n: Any, u: Update) -> Tensor:
    (text,) = u.given
    half = len(text) // 2
    between = ((text + other_text(text)) / 2)[:half]
    text, z = torch.cat([text, between]), torch.cat([u.z(), u.rand(u.prior, u.latent_dim, n=half)])
    return F.softplus(-n.discriminator(n.generator(z, text), text)).mean()


def gaussian(augmentation: Any, text: Tensor) -> Tensor:
    """KL per feature of a sentence's Gaussian."""
    mean, log_variance = augmentation.project(text).chunk(2, 1)
    return (mean.square() + log_variance.exp() - log_variance - 1).mean() / 2


def stackgan_discriminator(n: Any, u: Update) -> Tensor:
    (text,) = u.given
    with torch.no_grad():
        fake = n.generator.first(u.z(), text)
    return matching(n.discriminator, F.avg_pool2d(u.x, 2), fake, text)


def stackgan_generator(n: Any, u: Update) -> Tensor:
    (text,) = u.given
    fake = n.generator.first(u.z(), text)
    adversarial = F.softplus(-n.discriminator(fake, text)).mean()
    return adversarial + u.settings["kl_weight"] * gaussian(n.generator.augment1, text)


def stage_two(n: Any, u: Update) -> Tensor:
    (text,), z = u.given, u.z()
    n.generator.images.eval()
    with torch.no_grad():
        small = n.generator.first(z, text)
    n.generator.images.train()
    made: Tensor = n.generator.second(small, z, text)
    return made


def stackgan_discriminator2(n: Any, u: Update) -> Tensor:
    with torch.no_grad():
        fake = stage_two(n, u)
    return matching(n.discriminator2, u.x, fake, *u.given)


def stackgan_generator2(n: Any, u: Update) -> Tensor:
    (text,), fake = u.given, stage_two(n, u)
    adversarial = F.softplus(-n.discriminator2(fake, text)).mean()
    n.generator.stage.fill_(2)
    return adversarial + u.settings["kl_weight"] * gaussian(n.generator.augment2, text)


# StyleGAN2: Karras et al. 2020.


def styled(n: Any, u: Update, size: int) -> tuple[Tensor, Tensor]:
    """Images of so many samples and their styles, some of two."""
    g, given = n.generator, tuple(part[:size] for part in u.given)
    first, second = (g.mapping(u.rand(u.prior, u.latent_dim, n=size), *given) for _ in range(2))
    mixed, where = u.rand(torch.rand, 2, n=size).unbind(1)
    rows = []
    for i in range(size):
        layer = 1 + int(where[i] * (g.num_styles - 1)) if mixed[i] < u.settings["mixing"] else g.num_styles
        rows.append(torch.stack([first[i] if j < layer else second[i] for j in range(g.num_styles)]))
    styles = torch.stack(rows)
    images: Tensor = g.synthesis(styles, u.rand(torch.randn, g.num_noise, n=size))
    return images, styles


def stylegan2_generator(n: Any, u: Update) -> Tensor:
    fake, styles = styled(n, u, len(u.x))
    n.generator.mean_style.lerp_(styles[:, 0].detach().mean(0), 0.005)
    return F.softplus(-n.discriminator(fake, *u.given)).mean()


def stylegan2_path_length(n: Any, u: Update) -> Tensor:
    fake, styles = styled(n, u, len(u.x) // 2)
    y = u.rand(torch.randn, *fake.shape[1:], n=len(fake)) / math.sqrt(fake.shape[2] * fake.shape[3])
    (slopes,) = torch.autograd.grad((fake * y).sum(), styles, create_graph=True)
    lengths = slopes.square().sum(2).mean(1).sqrt()
    n.path_length = torch.lerp(getattr(n, "path_length", torch.zeros(())), lengths.detach().mean(), 0.01)
    return u.settings["path_length_weight"] * (lengths - n.path_length).square().mean()


def stylegan2_discriminator(n: Any, u: Update) -> Tensor:
    with torch.no_grad():
        fake = styled(n, u, len(u.x))[0]
    return F.softplus(-n.discriminator(u.x, *u.given)).mean() + F.softplus(n.discriminator(fake, *u.given)).mean()


def stylegan2_r1(n: Any, u: Update) -> Tensor:
    x = u.x.detach().requires_grad_()
    (slope,) = torch.autograd.grad(n.discriminator(x, *u.given).sum(), x, create_graph=True)
    return u.settings["gamma"] / 2 * slope.square().sum((1, 2, 3)).mean()


# Karras et al. 2018.


def progressive_level(n: Any, u: Update) -> float:
    """Both networks as they are in this step, and Adam as new where a resolution is; by the settings of the row."""
    stable, fade = u.settings["stable_images"], u.settings["fade_images"]

    def level(step: int) -> float:
        shown, number = step * len(u.x), 0.0
        while shown >= stable:  # one resolution after the other
            shown -= stable
            number += min(1.0, shown / fade)
            shown -= min(shown, fade)
        return number

    _, step, _ = u.coordinates
    now = level(step)
    for network in (n.generator, n.discriminator):
        network.grow(now)
    if step and math.ceil(now) > math.ceil(level(step - 1)):
        for optimizer in u.optimizers.values():
            optimizer.state.clear()
    return now


def progressive_critic(n: Any, u: Update) -> Tensor:
    level, x = progressive_level(n, u), u.x
    x = F.avg_pool2d(x, x.shape[2] // (4 * 2 ** math.ceil(level)))
    if level % 1:
        before = F.interpolate(F.avg_pool2d(x, 2), scale_factor=2)
        x = before + level % 1 * (x - before)
    with torch.no_grad():
        fake = n.generator.images(u.z())
    real_logits, fake_logits = n.discriminator(x), n.discriminator(fake)
    between = torch.lerp(fake, x, u.rand(torch.rand)[:, None, None, None]).requires_grad_()
    (slope,) = torch.autograd.grad(n.discriminator(between).sum(), between, create_graph=True)
    penalty = (slope.flatten(1).norm(dim=1) - 1).square().mean()
    drift = u.settings["drift_weight"] * real_logits.square().mean()
    return u.settings["gp_weight"] * penalty - (real_logits.mean() - fake_logits.mean()) + drift


def progressive_generator(n: Any, u: Update) -> Tensor:
    return -n.discriminator(n.generator.images(u.z())).mean()


# DRAW: Gregor et al. 2015.


def filters(layer: Any, h: Tensor, size: int, side: int) -> tuple[Tensor, Tensor, Tensor]:
    """Of rows and columns of square images of a size, and the intensity: eqs. 19 to 26."""
    x, y, log_variance, log_delta, log_gamma = layer(h).split(1, dim=1)
    delta = (size - 1) / (side - 1) * log_delta.exp()
    both = []
    for place in (y, x):
        rows = []
        for i in range(1, side + 1):
            mu = (size + 1) / 2 * (place + 1) + (i - side / 2 - 0.5) * delta
            weights = torch.exp(-((torch.arange(1, size + 1) - mu) ** 2) / (2 * log_variance.exp()))
            rows.append(weights / weights.sum(1, keepdim=True))
        both.append(torch.stack(rows, dim=1))
    return both[0], both[1], log_gamma.exp()


def draw_autoencoder(n: Any, u: Update) -> Tensor:
    g, x = n.generator, (u.x + 1) / 2
    noise = u.rand(torch.randn, g.steps, g.step_dim)
    size, side = x.shape[2], 3
    start = [[g.first_states[i, j].expand(len(x), -1) for j in (0, 1)] for i in (0, 1)]
    encoder, decoder, canvas, kl = tuple(start[0]), tuple(start[1]), g.first_canvas.expand_as(x), torch.zeros(())
    for t in range(g.steps):
        rows, columns, gamma = filters(g.read_glimpse.parameters_of, decoder[0], size, side)
        parts = [rows @ part[:, 0] @ columns.mT for part in (x, x - canvas.sigmoid())]
        read = torch.cat([part.flatten(1) for part in parts], 1) * gamma
        encoder = g.encoder(torch.cat([read, decoder[0]], 1), encoder)
        mean, log_variance = g.posterior(encoder[0]).chunk(2, 1)
        kl = kl + (mean**2 + log_variance.exp() - log_variance - 1).sum(1).mean() / 2
        decoder = g.decoder(mean + torch.exp(log_variance / 2) * noise[:, t], decoder)
        rows, columns, gamma = filters(g.write_glimpse.parameters_of, decoder[0], size, side)
        stroke = g.stroke(decoder[0]).view(-1, side, side)
        canvas = canvas + (rows.mT @ stroke @ columns / gamma[:, :, None])[:, None]
    return F.binary_cross_entropy_with_logits(canvas, x, reduction="sum") / len(x) + kl
