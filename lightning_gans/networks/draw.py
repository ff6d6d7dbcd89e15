"""DRAW's networks: an image is read and written by glimpses, step by step."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lightning_gans.errors import ConfigError
from lightning_gans.networks.shapes import check_image_shape, check_positive


class Drawing(NamedTuple):
    """What became of images, step by step."""

    canvases: Tensor
    """Logits of the pixels after each step, (N, T, C, H, W)."""
    mean: Tensor
    """Of q(z_t | x, z_1..t-1), (N, T, Z)."""
    log_variance: Tensor
    """The same."""


class Glimpse(nn.Module):
    """A grid of n x n Gaussian filters, whose place, distance and width a hidden state chooses.

        mu_i = g + (i - n/2 - 1/2) delta,    F[i, a] = exp(-(a - mu_i)^2 / (2 sigma^2)) / Z_i,    i = 1..n, a = 1..A

    Gregor et al. 2015, arXiv:1502.04623, eqs. 19 to 26, with g = (A + 1) / 2 (g~ + 1) and
    delta = (max(A, B) - 1) / (n - 1) exp(delta~): the grid covers the image where the state says 0.

    Args:
        hidden: Size of the state.
        size: (H, W) of the images.
        side: n, 2 or more.
    """

    def __init__(self, hidden: int, size: Sequence[int], side: int) -> None:
        super().__init__()
        if side < 2:
            raise ConfigError("read_size and write_size", side, "a glimpse needs 2 x 2 filters or more")
        self.size, self.side = tuple(size), side
        self.parameters_of = nn.Linear(hidden, 5)

    def forward(self, state: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Filters (N, n, H) and (N, n, W), whose rows sum to 1, and the intensity (N, 1), of states (N, D)."""
        x, y, log_variance, log_distance, log_intensity = self.parameters_of(state).split(1, dim=1)  # (N, 1)
        distance = (max(self.size) - 1) / (self.side - 1) * log_distance.exp()
        offsets = torch.arange(1, self.side + 1, device=state.device, dtype=state.dtype) - self.side / 2 - 0.5
        filters = []
        for center, length in ((y, self.size[0]), (x, self.size[1])):
            means = (length + 1) / 2 * (center + 1) + offsets * distance  # (N, n)
            pixels = torch.arange(1, length + 1, device=state.device, dtype=state.dtype)
            # A softmax: normalized, and no row is 0 where all of it lies far away.
            filters.append((-((pixels - means[..., None]) ** 2) / (2 * log_variance.exp()[..., None])).softmax(2))
        return filters[0], filters[1], log_intensity.exp()


class DRAWNetwork(nn.Module):
    """Encoder and decoder of DRAW, two LSTMs that see each other: what the one has drawn, the other compares.

    Gregor et al. 2015, arXiv:1502.04623, eqs. 3 to 8: at each step the difference of image and canvas is read through a
    glimpse, a latent is drawn, and the decoder writes on the canvas through another one; the first states are learned.

    Args:
        image_shape: (C, H, W).
        latent_dim: Of all steps together, a multiple of ``steps``; 64 x 100 in the paper.
        steps: T; 64 in the paper, for MNIST.
        hidden: Size of either LSTM's state; 256 in the paper.
        read_size: Filters along a side of what is read; 2 in the paper.
        write_size: The same of what is written; 5 in the paper.

    Raises:
        ConfigError: A size is out of its range.
    """

    def __init__(
        self,
        image_shape: Sequence[int] | None = None,
        latent_dim: int = 64,
        *,
        steps: int = 8,
        hidden: int = 128,
        read_size: int = 3,
        write_size: int = 3,
    ) -> None:
        super().__init__()
        channels, *size = check_image_shape("image_shape", image_shape)
        check_positive(latent_dim=latent_dim, steps=steps, hidden=hidden)
        if latent_dim % steps:
            raise ConfigError("latent_dim", latent_dim, f"is shared by {steps} steps: a multiple of that")
        self.image_shape, self.latent_dim, self.steps = (channels, *size), latent_dim, steps
        self.step_dim, self.hidden, self.write_size = latent_dim // steps, hidden, write_size
        self.read_glimpse, self.write_glimpse = Glimpse(hidden, size, read_size), Glimpse(hidden, size, write_size)
        self.encoder = nn.LSTMCell(2 * channels * read_size**2 + hidden, hidden)
        self.posterior = nn.Linear(hidden, 2 * self.step_dim)
        self.decoder = nn.LSTMCell(self.step_dim, hidden)
        self.stroke = nn.Linear(hidden, channels * write_size**2)
        self.first_states = nn.Parameter(torch.zeros(2, 2, hidden))  # of encoder and decoder: output and memory
        self.first_canvas = nn.Parameter(torch.zeros(self.image_shape))

    def forward(self, z: Tensor) -> Tensor:
        """Images (N, C, H, W) in [-1, 1], the pixels' means, of latents (N, Z)."""
        return 2 * self.canvases(z)[:, -1].sigmoid() - 1

    def canvases(self, z: Tensor) -> Tensor:
        """Logits of the pixels after each step, (N, T, C, H, W), of latents (N, Z)."""
        canvas, _, state = self._begin(len(z))
        drawn = []
        for latent in z.unflatten(1, (self.steps, -1)).unbind(1):
            state = self.decoder(latent, state)
            canvas = canvas + self.write(state[0])
            drawn.append(canvas)
        return torch.stack(drawn, dim=1)

    def draw(self, images: Tensor, noise: Tensor) -> Drawing:
        """Draw images (N, C, H, W) in [0, 1], with noise (N, T, Z / T) of their latents."""
        canvas, seen, state = self._begin(len(images))
        steps = []
        for each in noise.unbind(1):
            glimpse = self.read(images, images - canvas.sigmoid(), state[0])
            seen = self.encoder(torch.cat([glimpse, state[0]], dim=1), seen)
            mean, log_variance = self.posterior(seen[0]).chunk(2, dim=1)
            state = self.decoder(mean + (log_variance / 2).exp() * each, state)
            canvas = canvas + self.write(state[0])
            steps.append((canvas, mean, log_variance))
        return Drawing(*(torch.stack(part, dim=1) for part in zip(*steps, strict=True)))

    def read(self, images: Tensor, errors: Tensor, state: Tensor) -> Tensor:
        """What the glimpse of a state shows of images and of what is left to draw, (N, 2 C n^2): eq. 27."""
        rows, columns, intensity = self.read_glimpse(state)
        both = torch.cat([images, errors], dim=1)  # (N, 2 C, H, W)
        seen: Tensor = (rows[:, None] @ both @ columns[:, None].mT).flatten(1) * intensity
        return seen

    def write(self, state: Tensor) -> Tensor:
        """What a state adds to the canvas, (N, C, H, W): eq. 29."""
        rows, columns, intensity = self.write_glimpse(state)
        stroke = self.stroke(state).unflatten(1, (-1, self.write_size, self.write_size))  # (N, C, n, n)
        added: Tensor = rows[:, None].mT @ stroke @ columns[:, None] / intensity[:, :, None, None]
        return added

    def _begin(self, count: int) -> tuple[Tensor, tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """The first canvas, and the encoder's and the decoder's first states."""
        states = self.first_states[:, :, None].expand(-1, -1, count, -1)
        return self.first_canvas.expand(count, -1, -1, -1), (states[0, 0], states[0, 1]), (states[1, 0], states[1, 1])
