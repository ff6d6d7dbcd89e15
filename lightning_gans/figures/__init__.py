"""What is drawn: grids of images, interpolations, points of the plane and what a discriminator says of them.

Knows no trainer: figures are PIL images or uint8 tensors, and whoever asks for one saves or logs it.
"""
