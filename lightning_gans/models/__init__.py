"""The variants, one paper a file; no variant imports another."""

from lightning_gans.models.wgan import WGAN

__all__ = ["WGAN"]
