"""Small files in the formats of the data sets."""

import gzip
import hashlib
import pickle

import numpy as np
import torchvision
from PIL import Image


def save(path, size=(8, 8), mode="RGB", seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (size[1], size[0], 3) if mode == "RGB" else (size[1], size[0])
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


def idx(array):
    lengths = np.array(array.shape, ">i4").tobytes()
    return bytes([0, 0, 8, array.ndim]) + lengths + array.tobytes()


def write_mnist(root, folder="MNIST", packed=True, count=40):
    raw, random = root / folder / "raw", np.random.default_rng(0)
    raw.mkdir(parents=True)
    for part, n in (("train", count), ("t10k", count // 4)):
        images = random.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        labels = np.arange(n, dtype=np.uint8) % 10
        for name, array in ((f"{part}-images-idx3-ubyte", images), (f"{part}-labels-idx1-ubyte", labels)):
            path = raw / (f"{name}.gz" if packed else name)
            path.write_bytes(gzip.compress(idx(array)) if packed else idx(array))
    return raw


def write_cifar(root, monkeypatch):
    """Five images a batch, with torchvision's checksums replaced by theirs."""
    folder, random = root / "cifar-10-batches-py", np.random.default_rng(0)
    folder.mkdir(parents=True)

    def write(name, content):
        (folder / name).write_bytes(pickle.dumps(content))
        return [name, hashlib.md5((folder / name).read_bytes()).hexdigest()]

    def batch():
        return {"data": random.integers(0, 256, (5, 3072), dtype=np.uint8), "labels": list(range(5))}

    kind = torchvision.datasets.CIFAR10
    monkeypatch.setattr(kind, "train_list", [write(f"data_batch_{n}", batch()) for n in range(1, 6)])
    monkeypatch.setattr(kind, "test_list", [write("test_batch", batch())])
    name, checksum = write("batches.meta", {"label_names": list("abcdefghij")})
    monkeypatch.setattr(kind, "meta", {"filename": name, "key": "label_names", "md5": checksum})
