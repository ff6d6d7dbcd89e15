import torch

# Small networks gain nothing from a second thread, and lose tenfold when something else wants the cores too.
torch.set_num_threads(1)
