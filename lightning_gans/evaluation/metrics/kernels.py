"""The kernels of the maximum mean discrepancy; they live with the losses, which use the same ones."""

from lightning_gans.objectives.kernels import (
    GaussianKernel,
    Kernel,
    LinearKernel,
    MedianGaussianKernel,
    PolynomialKernel,
    median_distance,
)

__all__ = ["GaussianKernel", "Kernel", "LinearKernel", "MedianGaussianKernel", "PolynomialKernel", "median_distance"]
