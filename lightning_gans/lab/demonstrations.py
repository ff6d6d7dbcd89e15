"""What exercises show where no training is to be watched: each function computes named numbers and a picture.

``python -m lightning_gans.lab.demonstrations NAME [FILE.png]`` prints the numbers, and writes the picture.
"""

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from lightning_gans.batch import Sample, Scored
from lightning_gans.data import Digits, TwoGaussians2D
from lightning_gans.engine.priors import Normal
from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.features import DigitsFeatures
from lightning_gans.evaluation.metrics.functional import (
    authenticity,
    classifier_two_sample_test,
    diluted_log_density,
    frechet_distance,
    gaussian_mixture_log_density,
    inception_score,
    kl_js_on_lattice,
    mean_laplacian,
    mmd_permutation_test,
    nearest_real_distance,
    precision_recall,
    wasserstein_1,
)
from lightning_gans.figures.densities import plot_mode_seeking
from lightning_gans.figures.points import QUIET, drawn
from lightning_gans.objectives import (
    KL,
    ReverseKL,
    gaussian_kl,
    gaussian_nll,
    minimax_generator_loss,
    non_saturating_generator_loss,
    wasserstein_discriminator_loss,
    wasserstein_generator_loss,
)
from lightning_gans.objectives.divergences import Gaussian
from lightning_gans.objectives.fitting import fit_gaussian
from lightning_gans.objectives.kernels import GaussianKernel, LinearKernel
from lightning_gans.regularizers.gradients import differentiable, squared_gradient_penalty

_COLORS = ("#17375e", "#c8321e", "#7a9a3a", "#8a5fb0")


@dataclass(frozen=True)
class Demonstration:
    """What an exercise shows."""

    numbers: dict[str, float]
    """By what they are."""
    picture: Image.Image


def saturation() -> Demonstration:
    """How steep both losses of a generator are in D's logit, over what D says of a generated sample."""
    share = torch.logspace(-4, 0, 101, dtype=torch.float64)[:-1]  # D(G(z)), up to nearly 1

    def slopes(loss: Callable[[Tensor], Tensor], d: Tensor) -> Tensor:
        logits = d.logit().requires_grad_()
        return torch.autograd.grad(loss(logits) * len(d), logits)[0].abs()

    losses = {"minimax": minimax_generator_loss, "non-saturating": non_saturating_generator_loss}
    at = torch.tensor([0.01, 0.5], dtype=torch.float64)
    numbers = {
        f"slope of the {name} loss where D says {100 * d:.0f}%": float(slope)
        for name, loss in losses.items()
        for d, slope in zip(at.tolist(), slopes(loss, at), strict=True)
    }
    figure, axes = _axes("What G is told", "D(G(z))", "slope of G's loss in D's logit")
    for (name, loss), color in zip(losses.items(), _COLORS, strict=False):
        axes.plot(share, slopes(loss, share), color=color, label=name)
    axes.set_xscale("log")
    return _shown(figure, axes, numbers)


def two_parameters(steps: int = 200, rate: float = 0.1) -> Demonstration:
    """D(x) = psi x against one generated point theta, the real one at 0, from theta = psi = 1: who updates when.

    Mescheder, Geiger and Nowozin 2018, arXiv:1801.04406, section 2, with the losses of WGAN.
    """
    paths = {
        "both at once": _played(steps, rate, at_once=True),
        "in turn": _played(steps, rate),
        "in turn, with R1": _played(steps, rate, gamma=1.0),
    }
    distances = {name: path.norm(dim=1) for name, path in paths.items()}
    numbers = {f"distance from the goal after {steps} steps, {name}": float(d[-1]) for name, d in distances.items()}
    numbers["largest distance in the last 100 steps, in turn"] = float(distances["in turn"][-100:].max())
    figure, axes = _axes("A game of two parameters", "theta: where G is", "psi: D's slope")
    for (name, path), color in zip(paths.items(), _COLORS, strict=False):
        axes.plot(*path.T, color=color, label=name, linewidth=1.2)
    axes.plot(0, 0, "k+", markersize=11, label="goal", linestyle="none")
    axes.set_aspect("equal")
    return _shown(figure, axes, numbers)


def _played(steps: int, rate: float, gamma: float = 0.0, at_once: bool = False) -> Tensor:
    """The path (steps + 1, 2) of theta and psi."""
    theta, psi = (torch.ones((), dtype=torch.float64, requires_grad=True) for _ in range(2))
    real, path = torch.zeros(1, 1, dtype=torch.float64), [torch.ones(2, dtype=torch.float64)]
    for _ in range(steps):
        scored = differentiable(Sample(real))
        assert scored.image is not None
        logits = psi * scored.image
        loss = wasserstein_discriminator_loss(logits, psi * theta.detach())
        if gamma:
            loss = loss + gamma / 2 * squared_gradient_penalty(Scored(scored, logits))
        (to_psi,) = torch.autograd.grad(loss, psi)
        opponent = psi.detach() - (0.0 if at_once else rate * to_psi)
        (to_theta,) = torch.autograd.grad(wasserstein_generator_loss(opponent * theta), theta)
        with torch.no_grad():
            psi -= rate * to_psi
            theta -= rate * to_theta
        path.append(torch.stack([theta, psi]).detach())
    return torch.stack(path)


def disjoint_lines(n: int = 100) -> Demonstration:
    """Two parallel lines that come nearer: what JS and W1 say. Arjovsky et al. 2017, arXiv:1701.07875, example 1."""
    height = torch.linspace(-0.5, 0.5, n + 2, dtype=torch.float64)[1:-1]
    line = torch.stack([torch.zeros_like(height), height], dim=1)
    gaps = torch.linspace(1, 0, 21, dtype=torch.float64)
    moved = [line + torch.tensor([float(gap), 0.0]) for gap in gaps]
    # cells are 0.01 wide and the line is in the middle of one
    js = [float(kl_js_on_lattice(line, other, (0.005, 0.0), half=1.02, side=204).js) for other in moved]
    w1 = [float(wasserstein_1(line, other)) for other in moved]
    numbers = {f"JS {gap:.2f} apart": js[k] for k, gap in enumerate(gaps.tolist()) if gap in (1.0, 0.5, 0.0)}
    numbers |= {f"W1 {gap:.2f} apart": w1[k] for k, gap in enumerate(gaps.tolist()) if gap in (1.0, 0.5, 0.0)}
    numbers["log 2"] = math.log(2)
    figure, axes = _axes("Two parallel lines", "how far they are apart", "")
    for values, name, color in ((js, "JS", _COLORS[0]), (w1, "W1", _COLORS[1])):
        axes.plot(gaps, values, color=color, label=name, marker="o", markersize=3)
    return _shown(figure, axes, numbers)


def covering_and_seeking() -> Demonstration:
    """The Gaussian that is nearest to a mixture of two, by KL(p, q) and by KL(q, p)."""
    divergences, modes = {"KL(p, q)": KL(), "KL(q, p)": ReverseKL()}, (Gaussian(-2.0, 0.5), Gaussian(2.0, 0.5))

    def log_p(x: Tensor) -> Tensor:
        return gaussian_mixture_log_density(x[:, None], torch.tensor([[mode.mean] for mode in modes]), modes[0].std)

    x = torch.linspace(-8, 8, 1601, dtype=torch.float64)
    numbers: dict[str, float] = {}
    for name, divergence in divergences.items():
        q, _ = fit_gaussian(divergence, log_p, x, [Gaussian(0.5, 1.0), *modes])
        numbers |= {f"distance of the mean from the middle, {name}": abs(q.mean)}
        numbers |= {f"standard deviation, {name}": q.std}
    return Demonstration(numbers, plot_mode_seeking(divergences, log_p, modes, (-5.0, 5.0)))


def two_sample_test(n: int = 400) -> Demonstration:
    """A classifier that is trained to tell two samples: of one distribution, and of two that are half a unit apart."""
    real, same, other = (_normal(n, 2, seed) for seed in range(3))
    other = other + torch.tensor([0.5, 0.0], dtype=torch.float64)
    numbers: dict[str, float] = {}
    for name, fake in (("of the same distribution", same), ("moved by half a deviation", other)):
        test = classifier_two_sample_test(real, fake)
        numbers |= {f"accuracy, {name}": float(test.accuracy), f"p-value, {name}": float(test.p_value)}
    figure, axes = _axes("Can a classifier tell?", "", "")
    _draw_points(axes, {"real": real, "moved": other})
    return _shown(figure, axes, numbers)


def noise_mixture(n: int = 2000) -> Demonstration:
    """The likelihood of a model of which 99 samples in a hundred are noise, on points and in 64 dimensions."""
    numbers: dict[str, float] = {}
    for dim in (2, 64):
        std = 0.1
        real = std * _normal(n, dim, seed=0)
        log_p = gaussian_mixture_log_density(real, torch.zeros(1, dim), std)
        log_noise = torch.full_like(log_p, -dim * math.log(10.0))  # uniform on a cube of side 10
        mixed = diluted_log_density(log_p, log_noise)
        numbers[f"log likelihood of the true model, {dim} dimensions"] = float(log_p.mean())
        numbers[f"log likelihood of 1% model and 99% noise, {dim} dimensions"] = float(mixed.mean())
    numbers["log 100"] = math.log(100)
    generator = torch.Generator().manual_seed(1)
    noise = 10 * torch.rand(n, 2, generator=generator, dtype=torch.float64) - 5
    noise[: n // 100] = 0.1 * _normal(n // 100, 2, seed=2)
    numbers["generated points within three deviations, %"] = 100 * float((noise.norm(dim=1) <= 0.3).double().mean())
    figure, axes = _axes("A model that loses log 100 at most", "", "")
    _draw_points(axes, {"real": 0.1 * _normal(200, 2, seed=0), "generated": noise})
    return _shown(figure, axes, numbers)


def memorizing(n: int = 10) -> Demonstration:
    """A model that repeats ten training points, up to a deviation s: which figures see that it has learned nothing."""
    data = TwoGaussians2D(num_samples=n + 500)
    points = data.load_train().points.double()
    training, held_out = points[:n], points[n:]
    widths = torch.logspace(0, -4, 33, dtype=torch.float64).tolist()
    likelihoods = {
        name: [float(gaussian_mixture_log_density(x, training, width).mean()) for width in widths]
        for name, x in (("training", training), ("held-out", held_out))
    }
    copies = training.repeat(50, 1) + widths[-1] * _normal(50 * n, 2, seed=3)
    precision, recall = precision_recall(held_out, copies)
    numbers = {f"log likelihood of {name} points, s = 0.0001": each[-1] for name, each in likelihoods.items()}
    numbers["largest log likelihood of held-out points"] = max(likelihoods["held-out"])
    numbers |= {"FID to the training points": float(frechet_distance(training, copies))}
    numbers |= {"precision": float(precision), "recall": float(recall)}
    numbers["authenticity"] = float(authenticity(training, copies))
    for name, x in (("a generated", copies), ("a held-out", held_out)):
        numbers[f"median distance of {name} point to the nearest training point"] = float(
            nearest_real_distance(training, x)[0].median()
        )
    figure, axes = _axes("Ten points by heart", "s, the width around each", "mean log likelihood")
    for (name, values), color in zip(likelihoods.items(), _COLORS, strict=False):
        axes.plot(widths, values, color=color, label=f"{name} points")
    axes.set(xscale="log", ylim=(-30, 10))
    return _shown(figure, axes, numbers)


def ring_and_gaussian(n: int = 500) -> Demonstration:
    """A ring and the Gaussian of its mean and covariance: what FID says, and what MMD says with two kernels."""
    angle = 2 * math.pi * torch.arange(n, dtype=torch.float64) / n
    ring = torch.stack([angle.cos(), angle.sin()], dim=1) + 0.05 * _normal(n, 2, seed=0)
    normal = _normal(n, 2, seed=1)
    white = torch.linalg.solve_triangular(
        torch.linalg.cholesky(normal.T.cov()), (normal - normal.mean(0)).T, upper=False
    )
    gaussian = (torch.linalg.cholesky(ring.T.cov()) @ white).T + ring.mean(0)  # its moments are the ring's
    numbers = {"FID": float(frechet_distance(ring, gaussian))}
    for name, kernel in (("linear", LinearKernel()), ("Gaussian", GaussianKernel(0.5))):
        test = mmd_permutation_test(ring, gaussian, kernel, permutations=199)
        numbers |= {f"MMD^2, {name} kernel": float(test.squared), f"p-value, {name} kernel": float(test.p_value)}
    figure, axes = _axes("The same for FID", "", "")
    _draw_points(axes, {"ring": ring, "Gaussian": gaussian})
    return _shown(figure, axes, numbers)


def inception_score_fooled() -> Demonstration:
    """One image of each class, again and again, against all digits: what the Inception Score and others say."""
    (images, labels), features = _digits(), DigitsFeatures()
    real = features(images)
    assert real.logits is not None
    sure = real.logits.log_softmax(1).gather(1, labels[:, None])[:, 0]
    best = [int(torch.where(labels == k, sure, -torch.inf).argmax()) for k in range(10)]
    rows = torch.tensor(best).repeat(50)
    numbers: dict[str, float] = {}
    for name, logits in (("all digits", real.logits), ("ten images", real.logits[rows])):
        numbers[f"Inception Score, {name}"] = float(inception_score(logits, splits=1).mean)
    precision, recall = precision_recall(real.features, real.features[rows])
    numbers |= {"precision": float(precision), "recall": float(recall)}
    numbers["FID"] = float(frechet_distance(real.features, real.features[rows]))
    strip = torch.cat([*images[best, 0]], dim=1).numpy()
    figure, axes = _axes("All that the generator makes", "", "")
    axes.imshow(strip, cmap="gray")
    axes.set_axis_off()
    return Demonstration(numbers, drawn(figure))


def evidence_bound() -> Demonstration:
    """The ELBO of a linear VAE, whose likelihood is known, over the width of q(z | x); and what a mean of images is.

    z ~ N(0, 1), x = z + N(0, 1/4): log p(x) = log N(x; 0, 5/4), and the posterior is N(4x/5, 1/5).
    """
    x, variance = torch.tensor([[1.0]], dtype=torch.float64), 0.25
    evidence = -float(gaussian_nll(x, torch.zeros_like(x), 1 + variance))
    exact = 1 / 5

    def bound(v: float) -> float:
        mean, log_variance = 0.8 * x, torch.full_like(x, math.log(v))
        expected = gaussian_nll(x, mean, variance) + v / (2 * variance)  # E_q of the decoder's -log N(x; z, 1/4)
        return -float(expected + gaussian_kl(mean, log_variance))

    numbers = {"log p(x)": evidence}
    for share in (1, 4):
        v = exact * share
        gap = 0.5 * (share - 1 - math.log(share))  # KL(q, posterior) of two Gaussians of one mean
        numbers |= {f"ELBO, variance {share} x the posterior's": bound(v), f"KL of q from it, {share} x": gap}
    images, labels = _digits()
    eights = images[labels == 8].double() / 127.5 - 1
    numbers["sharpness of an eight (mean absolute Laplacian)"] = float(mean_laplacian(eights).mean())
    numbers["sharpness of the mean of all eights"] = float(mean_laplacian(eights.mean(0, keepdim=True)))
    widths = torch.logspace(-2, 0.5, 60).tolist()
    figure, axes = _axes("The bound touches where q is the posterior", "variance of q(z | x)", "nats")
    axes.plot(widths, [bound(v) for v in widths], color=_COLORS[0], label="ELBO")
    axes.axhline(evidence, color=_COLORS[1], linestyle="--", label="log p(x)")
    axes.axvline(exact, color=QUIET, linewidth=0.9, label="the posterior's variance")
    axes.set(xscale="log", ylim=(evidence - 4, evidence + 0.5))
    return _shown(figure, axes, numbers)


def truncation(n: int = 1000) -> Demonstration:
    """Precision and recall of a generator whose samples are too wide, over the bound of its latents.

    Brock et al. 2019, arXiv:1809.11096, section 3.1; Kynkaanniemi et al. 2019, arXiv:1904.06991, section 4.
    """
    real, device = _normal(n, 2, seed=0), torch.device("cpu")
    bounds = (0.25, 0.5, 1.0, 1.5, 2.0, None)
    numbers: dict[str, float] = {}
    curves = []
    for bound in bounds:
        z = Normal(bound)(n, 2, generator=torch.Generator().manual_seed(1), device=device)
        curves.append([float(each) for each in precision_recall(real, 2 * z.double())])
        name = "no bound" if bound is None else f"bound {bound:g}"
        numbers |= {f"precision, {name}": curves[-1][0], f"recall, {name}": curves[-1][1]}
    figure, axes = _axes("Truncation", "largest absolute value of a latent", "")
    for values, name, color in zip(zip(*curves, strict=True), ("precision", "recall"), _COLORS, strict=False):
        axes.plot(range(len(bounds)), values, color=color, marker="o", markersize=4, label=name)
    axes.set_xticks(range(len(bounds)), ["none" if bound is None else f"{bound:g}" for bound in bounds])
    axes.set_ylim(0, 1.02)
    return _shown(figure, axes, numbers)


DEMONSTRATIONS: dict[str, Callable[[], Demonstration]] = {
    each.__name__: each
    for each in (
        saturation,
        two_parameters,
        disjoint_lines,
        covering_and_seeking,
        two_sample_test,
        noise_mixture,
        memorizing,
        ring_and_gaussian,
        inception_score_fooled,
        evidence_bound,
        truncation,
    )
}
"""By name."""


def _normal(n: int, dim: int, seed: int) -> Tensor:
    return torch.randn(n, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _digits() -> tuple[Tensor, Tensor]:
    data = Digits().load_train()
    assert data.labels is not None
    return data.images, data.labels


def _axes(title: str, across: str, up: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(6.4, 4.8), dpi=100, facecolor="white")
    axes = figure.add_axes((0.11, 0.19, 0.85, 0.71))
    axes.set_title(title, loc="left", fontsize=13, fontweight="bold", pad=9)
    axes.set_xlabel(across, fontsize=10, color=QUIET)
    axes.set_ylabel(up, fontsize=10, color=QUIET)
    axes.tick_params(length=0, labelsize=9, labelcolor=QUIET)
    axes.spines[:].set_visible(False)
    axes.grid(color="#ececec", linewidth=0.8)
    return figure, axes


def _draw_points(axes: Axes, kinds: dict[str, Tensor]) -> None:
    for (name, points), color in zip(kinds.items(), _COLORS, strict=False):
        x, y = points.T
        axes.scatter(x, y, s=9, color=color, alpha=0.6, linewidths=0, label=name)
    axes.set_aspect("equal")


def _shown(figure: Figure, axes: Axes, numbers: dict[str, float]) -> Demonstration:
    axes.legend(frameon=False, fontsize=10, loc="upper left", bbox_to_anchor=(-0.02, -0.12), ncols=4)
    return Demonstration(numbers, drawn(figure))


def main(args: list[str]) -> None:
    """Print a demonstration's numbers; write its picture where a file is named."""
    name, file = [*args, "", ""][:2]
    if name not in DEMONSTRATIONS:
        raise SystemExit(str(ConfigError("demonstration", name, f"choose one of {', '.join(DEMONSTRATIONS)}")))
    shown = DEMONSTRATIONS[name]()
    width = max(map(len, shown.numbers))
    print("\n".join(f"{what:<{width}}  {value:.3g}" for what, value in shown.numbers.items()))
    if file:
        shown.picture.save(Path(file))


if __name__ == "__main__":
    main(sys.argv[1:])
