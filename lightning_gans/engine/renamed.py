"""What version 0.1 called otherwise: one table, for the line that names the new word and for old checkpoints."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from lightning_gans.engine.constructors import constructor_defaults, imported

ClassAt = Callable[[str], type | None]
"""Finds a class by its name; None where there is none."""

ARGUMENTS: dict[str, dict[str, str]] = {
    "metrics": {
        "every_n_rounds": "every_n_steps",
        "real": "reference",
        "num_real": "num_reference",
        "extra": "extra_metrics",
        "kernel": "mmd_kernel",
    },
    "samples": {"every_n_rounds": "every_n_steps", "num": "num_samples", "real": "reference"},
    "checkpoint": {"every_n_rounds": "every_n_steps", "every": "train_time_interval", "restores": "max_rollbacks"},
    "model": {
        "n_critic": "optimization.n_critic",
        **{
            f"{role}_{part}": f"optimization.{role}{suffix}"
            for role in ("generator", "discriminator", "autoencoder", "encoder")
            for part, suffix in (("optimizer", ""), ("scheduler", "_scheduler"), ("clip", "_clip"))
        },
        "ema_decay": "optimization.ema_decay",
        "compile": "optimization.compile",
        "accumulate": "optimization.micro_batches",
        "loss_limit": "max_abs_loss",
        "variance": "decoder_variance",
        "categories": "categorical_codes",
        "continuous": "num_continuous_codes",
        "deviation": "q_std",
    },
    "network": {
        "hidden": "hidden_dims",
        "width": "base_channels",
        "bounded": "tanh_output",
        "classes": "num_classes",
        "codes": "latent_dim",
        "outputs": "out_features",
        "statistics": "minibatch_layer",
    },
    "DiffAugment": {"augmentations": "transforms"},
    "InstanceNoise": {"rounds": "decay_steps"},
    "InfoGANPrior": {"categories": "categorical", "continuous": "num_continuous"},
    "MinibatchDiscrimination": {"kernels": "num_kernels", "size": "kernel_dim"},
    "R1": {"every": "interval"},
    "R2": {"every": "interval"},
    "TopK": {"share": "min_fraction", "rounds": "decay_steps"},
}
"""Of the sections, of models and their networks, and of further classes by their new name: old name and new."""

CLASSES = {
    "lightning_gans.tricks.OneSidedLabelSmoothing": "lightning_gans.regularizers.LabelSmoothing",
    "lightning_gans.tricks.R1": "lightning_gans.regularizers.R1",
    "lightning_gans.tricks.R2": "lightning_gans.regularizers.R2",
    "lightning_gans.tricks.DiffAugment": "lightning_gans.augment.DiffAugment",
    "lightning_gans.tricks.InstanceNoise": "lightning_gans.augment.InstanceNoise",
    "lightning_gans.tricks.TopK": "lightning_gans.TopK",
    "lightning_gans.augmentations.Translation": "lightning_gans.augment.RandomTranslation",
    "lightning_gans.augmentations.Augmentation": "lightning_gans.augment.Transform",
    "lightning_gans.core.GAN": "lightning_gans.GAN",
    "lightning_gans.core.LatentGame": "lightning_gans.LatentModel",
    "lightning_gans.core.Inference": "lightning_gans.WithEncoder",
    "lightning_gans.core.Codes": "lightning_gans.engine.InfoGANPrior",
    "lightning_gans.core.OwnOptimizer": "lightning_gans.engine.SameOptimizer",
    "lightning_gans.features.Extractor": "lightning_gans.evaluation.features.FeatureExtractor",
    "lightning_gans.data.ImageData": "lightning_gans.data.ImageDataModule",
    "lightning_gans.callbacks.GameCheckpoint": "lightning_gans.callbacks.StepCheckpoint",
    "lightning_gans.callbacks.RoundsBar": "lightning_gans.callbacks.StepProgressBar",
}
"""By import path; they may be given by their mere name too."""

MODULES = {
    "lightning_gans.core": "lightning_gans.engine",
    "lightning_gans.losses": "lightning_gans.objectives",
    "lightning_gans.features": "lightning_gans.evaluation.features",
    "lightning_gans.metrics": "lightning_gans.evaluation.metrics",
    "lightning_gans.augmentations": "lightning_gans.augment",
}
"""Of the classes that are not in ``CLASSES``."""

_EMPTY: tuple[Any, ...] = (None, 0, False, [], ())


class Translation:
    """A config of version 0.1, as plain data, in the words of this one: ``config``; ``renamed`` has the new by the old.

    With or without ``init_args`` around the arguments of classes. An old name that its class still takes, as a class of
    the user's own may, stays what it is. Classes are found by ``class_at``, by their import paths alone when None.
    """

    def __init__(self, config: Mapping[str, Any], class_at: ClassAt | None = None) -> None:
        self._class_at = class_at or imported_class
        self.renamed: dict[str, str] = {}
        self.config = {name: self._section(name, value) for name, value in config.items()}

    def _section(self, name: str, value: Any) -> Any:
        if name == "model" or name not in ARGUMENTS or not isinstance(value, Mapping):
            return self._value(value, name, ARGUMENTS["model"] if name == "model" else None)
        renames = ARGUMENTS[name]
        self.renamed |= {f"{name}.{old}": f"{name}.{renames[old]}" for old in renames.keys() & value.keys()}
        return {renames.get(key, key): self._value(each, f"{name}.{key}") for key, each in value.items()}

    def _value(self, value: Any, place: str, renames: Mapping[str, str] | None = None) -> Any:
        """A value with its class, the arguments of that class and all within in new words."""
        if isinstance(value, str):
            return self._class_path(value)
        if isinstance(value, list | tuple):
            return [self._value(each, place) for each in value]
        if not isinstance(value, Mapping):
            return value
        path = self._class_path(str(value.get("class_path", "")))
        renames = renames or ARGUMENTS.get(path.rpartition(".")[2], {})
        inner = value.get("init_args")
        head = {"class_path": path} if path else {}
        if isinstance(inner, Mapping):
            return {**value, **head, "init_args": self._arguments(inner, place, path, renames)}
        inner = {key: each for key, each in value.items() if key != "class_path"}
        return head | self._arguments(inner, place, path, renames)

    def _arguments(self, given: Mapping[str, Any], place: str, path: str, renames: Mapping[str, str]) -> dict[str, Any]:
        cls = self._class_at(path) if path else None
        taken = None if cls is None else constructor_defaults(cls)
        found: dict[str, Any] = {}
        for written, value in given.items():
            name = written.removesuffix("+")
            if name == "tricks" and place == "model" and (taken is None or name not in taken):
                self._tricks(value, found, written.removeprefix(name))
                continue
            new = name if taken is not None and name in taken else renames.get(name, name)
            role = place == "model" and name in ("generator", "discriminator", "encoder")
            translated = self._value(value, f"{place}.{name}", ARGUMENTS["network"] if role else None)
            if new != name and (taken is None or new.partition(".")[0] in taken):
                self.renamed[f"{place}.{name}"] = f"{place}.{new}"
            elif taken is not None and name not in taken and path.startswith("lightning_gans.") and value in _EMPTY:
                continue  # off, and there is nothing left to turn on
            else:
                new = name
            _put(found, new + written.removeprefix(name), translated)
        return found

    def _tricks(self, value: Any, arguments: dict[str, Any], append: str) -> None:
        """Tricks are regularizers, augmentations and the choice of samples now."""
        places = []
        for each in value if isinstance(value, list) else [value]:
            trick = self._value({"class_path": each} if isinstance(each, str) else each, "model.tricks")
            path = str(trick.get("class_path", "")) if isinstance(trick, Mapping) else ""
            name = "augment" if ".augment." in path or path in ("DiffAugment", "InstanceNoise") else "regularizers"
            if path.rpartition(".")[2] == "TopK":
                name = "top_k"
                arguments[name] = trick
            else:
                arguments.setdefault(name + append, []).append(trick)
            places.append(f"model.{name}")
        self.renamed["model.tricks"] = " and ".join(dict.fromkeys(places)) or "model.regularizers, augment and top_k"

    def _class_path(self, path: str) -> str:
        new = CLASSES.get(path, path)
        module = next((each for each in MODULES if path.startswith(f"{each}.")), None)
        if re.fullmatch(r"\w+", path):  # a mere name, which stays one
            old = next((each for each in CLASSES if each.rpartition(".")[2] == path), None)
            if old is not None and self._class_at(path) is None:
                new = CLASSES[old].rpartition(".")[2]
        elif new == path and module is not None:
            new = MODULES[module] + path.removeprefix(module)
        if new != path:
            self.renamed[path] = new
        return new


def imported_class(path: str) -> type | None:
    """The class of an import path; None where there is none."""
    try:
        found = imported(path)
    except (ImportError, AttributeError, ValueError):
        return None
    return found if isinstance(found, type) else None


def _put(tree: dict[str, Any], path: str, value: Any) -> None:
    """Set a value at a dotted path; mappings that are there already are added to."""
    *parts, last = path.split(".")
    for part in parts:
        tree = tree.setdefault(part, {})
    tree[last] = {**tree[last], **value} if isinstance(tree.get(last), dict) and isinstance(value, dict) else value
