"""``python -m lightning_gans.cli``."""

from lightning_gans.cli import main

if __name__ == "__main__":
    main()
