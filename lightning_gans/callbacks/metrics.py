"""Judges the generator while it trains."""

import warnings
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import WandbLogger
from torch.utils.data import Dataset, Subset
from torchmetrics import Metric

from lightning_gans.callbacks.folder import is_fast_dev_run, real_images
from lightning_gans.engine import Game, log_values
from lightning_gans.errors import LightningGANsWarning, ConfigError
from lightning_gans.evaluation.evaluator import HIGHER_IS_BETTER, Evaluator, Report
from lightning_gans.evaluation.features import Extractor
from lightning_gans.objectives.kernels import Kernel, PolynomialKernel
from lightning_gans.evaluation.sources import DatasetSource, GeneratedSource

_SMOKE_SAMPLES = 64  # under fast_dev_run
_REMEDY = (
    "give --metrics.features InceptionFeatures (with --metrics.features.download true, 95 MB, or "
    "--metrics.features.weights FILE), or a file that lightning_gans train-features made: "
    "--metrics.features ClassifierFeatures --metrics.features.weights FILE"
)


_ABILITIES = {"class_accuracy": "labels", "reconstruction_accuracy": "reconstruct"}  # what a model must have for them


class MetricsCallback(Callback):
    """Logs FID, Inception Score, MMD and k-NN precision and recall of averaged samples.

    In ``fit``: before the first step (the untrained generator), every ``every_n_steps`` steps and at the end; the
    values stand in ``trainer.callback_metrics`` before ``ModelCheckpoint`` and ``EarlyStopping`` look. In ``validate``
    and ``test``: once, as that loop's result. Names are ``metrics/fid_<features>`` and so on; Inception-v3 features,
    which papers mean by FID, go without the suffix.

    Args:
        features: The extractor; by default the one that suits the data, ``datamodule.features()``. Where there is
            none either, as for a user's own images, ``fit`` goes without metrics and says so.
        every_n_steps: Steps between evaluations; 0 measures nothing in ``fit``.
        num_samples: Samples generated for an evaluation.
        seed: Selects their latents: the same in every evaluation, so that curves are smooth.
        ema: Judge the averaged weights, or the raw ones.
        batch_size: Images per call of generator and extractor.
        real: The real images; by default the datamodule's ``reference()``, or else the training loader's data set.
        kernel: Of MMD; KID's polynomial one by default.
        extra: Further torchmetrics metrics by name, fed with uint8 images and logged as ``metrics/<name>``, besides
            those of ``datamodule.metrics()``.
        num_real: Number of real images to measure against, spread over all; None for all, as papers do.

    Raises:
        ConfigError: A setting is out of its range, or there are no real images; in ``validate`` and ``test`` also
            if there are no features.
    """

    def __init__(
        self,
        features: Extractor | None = None,
        every_n_steps: int = 1000,
        num_samples: int = 2000,
        seed: int = 0,
        ema: bool = True,
        batch_size: int = 256,
        real: Dataset[Any] | None = None,
        kernel: Kernel | None = None,
        extra: dict[str, Metric] | None = None,
        num_real: int | None = None,
    ) -> None:
        if every_n_steps < 0:
            raise ConfigError("metrics.every_n_steps", every_n_steps, "must be 1 or more; 0 measures nothing in fit")
        if num_real is not None and num_real < 2:
            raise ConfigError("metrics.num_real", num_real, "a distribution needs at least 2 images")
        if num_samples < 2:
            raise ConfigError("metrics.num_samples", num_samples, "a distribution needs at least 2 samples")
        if batch_size < 1:
            raise ConfigError("metrics.batch_size", batch_size, "must be positive")
        self.features, self.batch_size, self.kernel, self.extra = features, batch_size, kernel, extra or {}
        self.every_n_steps, self.num_samples, self.seed, self.ema = every_n_steps, num_samples, seed, ema
        self.real, self.num_real = real, num_real
        self.evaluator: Evaluator | None = None  # None as long as there are no features
        self.report: Report | None = None
        self._source: DatasetSource | None = None
        self._evaluated_at = -1
        self._last: dict[str, float] = {}
        self._resumed = False
        self._beyond: set[str] = set()  # figures of what the model cannot do

    @property
    def state_key(self) -> str:
        """One state for each extractor: a run may have several of these callbacks."""
        settings: dict[str, Any] = {"num_samples": self.num_samples, "seed": self.seed, "ema": self.ema}
        settings |= {} if self.num_real is None else {"num_real": self.num_real}
        features = self.evaluator.features if self.evaluator is not None else self.features
        return self._generate_state_key(features=features.name if features is not None else None, **settings)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Settle features and real images; those of the data where none were given."""
        datamodule: Any = getattr(trainer, "datamodule", None)
        suited = datamodule.features() if hasattr(datamodule, "features") else None
        features = self.features if self.features is not None else suited
        self.report, self._source = None, None
        self.evaluator = None
        self._beyond = {name for name, ability in _ABILITIES.items() if not hasattr(pl_module, ability)}
        if features is not None and (self.every_n_steps > 0 or stage != "fit"):
            kernel = self.kernel or PolynomialKernel()
            extra = (datamodule.metrics() if hasattr(datamodule, "metrics") else {}) | self.extra
            for metric in extra.values():
                Metric.reset(metric)  # whatever it was told to keep of the real images of an earlier loop
            self.evaluator = Evaluator(features, self.batch_size, kernel=kernel, extra=extra)
        elif stage != "fit":
            raise ConfigError("metrics.features", None, f"there is nothing to measure with; {_REMEDY}")
        elif trainer.is_global_zero and self.every_n_steps > 0:
            warnings.warn(f"no metrics: no features are known for these data; {_REMEDY}", LightningGANsWarning, stacklevel=1)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Judge the untrained generator; a resumed run already knows its last values."""
        if self.evaluator is None:
            return
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger) and trainer.is_global_zero:
                self._define_summaries(logger)
        if self._resumed and trainer.global_step > 0:
            self._resumed = False
            trainer.callback_metrics.update({name: torch.tensor(value) for name, value in self._last.items()})
        else:
            self._evaluate_and_log(trainer, pl_module)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Judge when a multiple of ``every_n_steps`` is reached."""
        if self.evaluator is not None and trainer.global_step % self.every_n_steps == 0:
            self._evaluate_and_log(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Judge the final generator, unless that was just done."""
        if self.evaluator is not None and self._evaluated_at != trainer.global_step:
            self._evaluate_and_log(trainer, pl_module)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """In ``validate``: judge, as the loop's result. Inside ``fit`` the steps decide."""
        if trainer.state.fn == "validate":
            self._report_as_result(trainer, pl_module)

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Judge, as the loop's result."""
        self._report_as_result(trainer, pl_module)

    def state_dict(self) -> dict[str, Any]:
        """The last values and their step, so that a resumed run can go on monitoring them."""
        return {"last": self._last, "evaluated_at": self._evaluated_at}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take back the last values."""
        self._last, self._evaluated_at = state_dict["last"], state_dict["evaluated_at"]
        self._resumed = True

    def names(self) -> dict[str, bool | None]:
        """The logged names, and whether higher values of each are better; None where neither way. Known after setup."""
        if self.evaluator is None:
            return {}
        suffix = self.evaluator.features.metric_suffix
        named = {name: higher for name, higher in HIGHER_IS_BETTER.items() if name not in self._beyond}
        found = {f"{name}{suffix}": higher for name, higher in named.items()}
        for name, metric in self.evaluator.extra.items():
            found |= getattr(metric, "directions", {name: metric.higher_is_better})  # of several figures, or of one
        return {f"metrics/{name}": higher for name, higher in found.items()}

    def _evaluate(self, trainer: Trainer, pl_module: LightningModule) -> Report:
        if not isinstance(pl_module, Game):
            kind = type(pl_module).__name__
            raise ConfigError("metrics", kind, "needs a model with sample(n, seed=..., start=...), as GAN has")
        assert self.evaluator is not None
        pl_module.require_finite_losses()  # or the samples would be what is refused, and no player named
        with torch.inference_mode(False):  # `validate` would make them inference tensors, which `fit` cannot use
            for module in (self.evaluator.features, *self.evaluator.extra.values()):
                module.to(pl_module.device)  # they are no part of the model, so Lightning does not
        if is_fast_dev_run(trainer):
            self.evaluator.cache = None
        count = _SMOKE_SAMPLES if is_fast_dev_run(trainer) else self.num_samples
        fake = GeneratedSource(pl_module, count, self.seed, self.ema)
        self.report = self.evaluator.evaluate(fake, self._real_images(trainer))
        return self.report

    def _evaluate_and_log(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._last = self._evaluate(trainer, pl_module).logged()
        self._evaluated_at = trainer.global_step
        shown = [name for name in self._last if name.startswith("metrics/fid")]
        log_values(trainer, self._last, on_bar=shown)

    def _report_as_result(self, trainer: Trainer, pl_module: LightningModule) -> None:
        pl_module.log_dict(self._evaluate(trainer, pl_module).logged())

    def _real_images(self, trainer: Trainer) -> DatasetSource:
        if self._source is None:
            found: Any = real_images(trainer) if self.real is None else self.real
            if found is None:
                raise ConfigError("metrics.real", None, "pass the data set of real images: MetricsCallback(real=...)")
            wanted = _SMOKE_SAMPLES if is_fast_dev_run(trainer) else self.num_real
            if wanted is not None and wanted < len(found):  # spread out: folders are ordered by class
                found = Subset(found, torch.linspace(0, len(found) - 1, wanted).long().tolist())
            self._source = DatasetSource(found)
        return self._source

    def _define_summaries(self, logger: WandbLogger) -> None:
        """Let W&B keep each metric's best value beside its last."""
        for name, higher in self.names().items():
            best = {True: "max,", False: "min,", None: ""}[higher]
            logger.experiment.define_metric(name, step_metric="trainer/global_step", summary=f"{best}last")
