"""What papers on restoration measure, of each image by itself: luma, its noise, its structure, its edges."""

import math

import torch
from torch import Tensor
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

from lightning_gans.errors import ConfigError

MAX_PSNR = 10 * math.log10(12 * 255**2)  # 58.9 dB: what rounding to 8 bits leaves, 1/12 of a squared level
MIN_SIDE = 11  # of SSIM's window
_LUMA = (65.481, 128.553, 24.966)  # of red, green and blue; 219 together


def to_luma(images: Tensor) -> Tensor:
    """Luma Y (N, 1, H, W) of ITU-R BT.601 for 8 bits, from 16 (black) to 235 (white), not rounded.

        Y = 16 + 65.481 R + 128.553 G + 24.966 B

    of RGB images (N, 3, H, W) in [0, 1], as MATLAB's ``rgb2ycbcr`` has it; of gray ones (N, 1, H, W) it is 16 + 219 g,
    as of the RGB image whose channels are all g.

    Raises:
        ConfigError: There are other channels.

    Example:
        >>> to_luma(torch.tensor([[0.0, 0, 0], [1, 1, 1], [1, 0, 0]]).view(3, 3, 1, 1)).flatten()
        tensor([ 16.0000, 235.0000,  81.4810])
    """
    if images.ndim != 4 or images.shape[1] not in (1, 3):
        raise ConfigError("images", tuple(images.shape), "luma is of gray or RGB images (N, 1 or 3, H, W)")
    weights = images.new_tensor(_LUMA).view(3, 1, 1)
    return 16 + (images * weights).sum(1, keepdim=True)  # the one channel of gray images is multiplied by all three


def image_psnr(preds: Tensor, target: Tensor, data_range: float = 1.0) -> Tensor:
    """Peak signal-to-noise ratio (N,) in dB of each image (N, C, H, W): 10 log10 of ``data_range^2`` over its MSE.

    Images of 8 bits are known up to rounding: ``MAX_PSNR`` is as near as any can be, and what equal ones get.
    """
    ratios = peak_signal_noise_ratio(preds, target, data_range=data_range, reduction="none", dim=(1, 2, 3))
    return ratios.clamp_max(MAX_PSNR)


def image_ssim(preds: Tensor, target: Tensor, data_range: float = 1.0) -> Tensor:
    """Structural similarity (N,) of each image (N, C, H, W), a mean over channels (Wang et al. 2004).

    With a Gaussian window of 11 x 11 pixels, sigma 1.5, K1 = 0.01, K2 = 0.03, wherever it fits inside.

    Raises:
        ConfigError: Images are smaller than the window.
    """
    if min(preds.shape[2:]) < MIN_SIDE:
        hint = f"SSIM's window takes {MIN_SIDE} x {MIN_SIDE} pixels, without the border that is cut"
        raise ConfigError("images", tuple(preds.shape), hint)
    found = structural_similarity_index_measure(preds, target, data_range=data_range, sigma=1.5, reduction="none")
    assert isinstance(found, Tensor)
    return found


def mean_laplacian(images: Tensor) -> Tensor:
    """Mean absolute Laplacian (N,) of each image (N, C, H, W): four neighbors minus four times the pixel, inside.

    Example:
        >>> step = torch.tensor([0.0, 0, 1, 1]).expand(1, 1, 4, 4)
        >>> mean_laplacian(step)
        tensor([1.])
    """
    channels = images.shape[1]
    kernel = images.new_tensor([[0, 1, 0], [1, -4, 1], [0, 1, 0]]).expand(channels, 1, 3, 3)
    return torch.nn.functional.conv2d(images, kernel, groups=channels).abs().mean((1, 2, 3))
