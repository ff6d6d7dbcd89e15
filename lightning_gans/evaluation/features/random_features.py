"""Features of convolutions that nobody trained: they know no classes, so nothing but how images look counts."""

import math

import torch
from torch import Tensor, nn

from lightning_gans.errors import ConfigError
from lightning_gans.evaluation.features.extractor import FeatureBatch, FeatureExtractor, describe

NUM_SCALES = 3  # full size, half, quarter
DEPTH = 3  # convolutions at each scale
NUM_FILTERS = 16  # of every convolution
GRID = 2  # means are taken over the four quarters of an image
KERNEL = 3
MAX_CHANNELS = 16  # with filters of their own; further ones share them
GAIN = 10.0  # brings Frechet distances of images into readable numbers
MIN_SIDE = 8  # leaves 2 x 2 pixels for the four quarters at the coarsest scale
_FRACTION = 4096  # weights are multiples of 1 / 4096, so that processors agree on them to the last bit


class RandomFeatures(FeatureExtractor):
    """Means of random convolutions at three scales: for images that no shipped classifier knows. Needs no network.

    At scale s the image x_s is averaged over 2^s x 2^s pixels, and its features are

        f_s = 10 * mean of h_3 over each quarter of the image, where h_0 = x_s, h_i = relu(W_si * h_(i-1))

    with 16 filters of 3 x 3 pixels each, normal with variance 2 / (inputs * 9) (He et al. 2015, arXiv:1502.01852), no
    bias, no stride, borders repeated; the first layer's filters sum to 0 for every channel, so they see edges and no
    plain ground. In all 3 * 16 * 4 = 192 features. Random filters go a long way in comparing textures (Ustyuzhaninov
    et al. 2017, arXiv:1606.00021). No class bends them, so they follow the eye where a classifier's features may not:
    on 391 emoji faces of 32 x 32 pixels the Frechet distance, in units of real against real, is 7 for a blur of one
    pixel, 12 for 1.5, 39 for 4, and 17 to 21 for blobs (blur 3) under speckle. They are no common measure: compare
    distances under one seed, for images of one size.

    Args:
        seed: Draws the filters.
        name: Name in metrics.
    """

    preprocessing = "uint8 in [0, 255] to float x / 127.5 - 1, halved by 2x2 means from scale to scale; version 1"

    def __init__(self, seed: int = 0, *, name: str = "random") -> None:
        super().__init__(name)
        self.structure = f"{NUM_SCALES} scales of {DEPTH} convolutions, gain {GAIN}, grid {GRID}"
        generator = torch.Generator().manual_seed(seed)
        for scale in range(NUM_SCALES):
            for layer in range(DEPTH):
                inputs = NUM_FILTERS if layer else MAX_CHANNELS
                filters = torch.randn(NUM_FILTERS, inputs, KERNEL, KERNEL, generator=generator)
                filters = filters if layer else filters - filters.mean(dim=(2, 3), keepdim=True)
                self.register_buffer(f"filters_{scale}_{layer}", (filters * _FRACTION).round() / _FRACTION)
        self.freeze()

    def check(self, images: Tensor) -> None:
        """Refuse what is not a batch of uint8 images of 8 x 8 pixels or more."""
        super().check(images)
        if min(images.shape[2:]) < MIN_SIDE:
            hint = f"random features take {MIN_SIDE} x {MIN_SIDE} pixels or more"
            raise ConfigError("images", describe(images), hint)

    def extract(self, images: Tensor) -> FeatureBatch:
        """Features (N, 192): 64 of each scale, the finest first; no classes."""
        pixels = images.float().div(127.5).sub(1)
        features = []
        for scale in range(NUM_SCALES):
            hidden = pixels
            for layer in range(DEPTH):
                hidden = self._convolve(hidden, self.get_buffer(f"filters_{scale}_{layer}")).relu()
            features.append(nn.functional.adaptive_avg_pool2d(hidden, GRID).flatten(1))  # (N, 64)
            pixels = nn.functional.avg_pool2d(pixels, 2)
        return FeatureBatch(GAIN * torch.cat(features, dim=1))

    @staticmethod
    def _convolve(images: Tensor, filters: Tensor) -> Tensor:
        channels = images.shape[1]
        chosen = filters[:, torch.arange(channels, device=filters.device) % filters.shape[1]]
        padded = nn.functional.pad(images, (KERNEL // 2,) * 4, mode="replicate")
        return nn.functional.conv2d(padded, chosen) * math.sqrt(2 / (channels * KERNEL**2))
