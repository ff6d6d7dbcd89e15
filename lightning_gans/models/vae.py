"""Variational autoencoder."""

from lightning_gans.engine import VariationalGame


class VAE(VariationalGame):
    """Variational autoencoder: a game of one, whose player climbs a lower bound of the likelihood.

        log p(x) >= ELBO = E_{q(z|x)}[log p(x | z)] - KL(q(z | x) || p(z))
        q(z | x) = N(mean(x), diag(variance(x))),   p(x | z) = N(G(z), variance I),   p(z) = N(0, I)

    Kingma and Welling 2014, arXiv:1312.6114, eq. 2, 3 and 10, with one z for each image, drawn as
    mean + standard deviation * noise (section 2.4), and the KL term in closed form (appendix B). The gap of the bound
    is KL(q(z | x) || p(z | x)). Players, loss and arguments are those of ``VariationalGame``.

    Args:
        generator: The decoder: from latents (N, Z) to images (N, C, H, W) in [-1, 1], or to points (N, d).
        encoder: From images to (N, 2 Z): means and logarithms of the variances.
        kwargs: As of ``VariationalGame``.
    """
