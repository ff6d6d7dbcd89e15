"""Measures what is generated while it trains."""

import warnings
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import WandbLogger
from torch.utils.data import Dataset
from torchmetrics import Metric

from lightning_gans.callbacks.data import (
    are_paired,
    data_features,
    data_metrics,
    held_out_pairs,
    real_images,
    spread,
    translation_targets,
)
from lightning_gans.callbacks.run_dir import is_fast_dev_run
from lightning_gans.engine import Game, log_metrics
from lightning_gans.engine.protocols import can_encode, can_sample, is_asked_by_data, is_class_conditional
from lightning_gans.errors import ConfigError, LightningGANsWarning
from lightning_gans.evaluation.evaluator import MIN_REAL, SUBSET_SIZE, Evaluator
from lightning_gans.evaluation.features import FeatureExtractor
from lightning_gans.evaluation.metrics.functional.mmd import KID_KERNEL
from lightning_gans.evaluation.report import Report
from lightning_gans.evaluation.sources import DatasetSource, GeneratedSource, ImageSource, TranslatedSource
from lightning_gans.objectives.kernels import Kernel

_SMOKE_SAMPLES = 64  # under fast_dev_run
_HINT = (
    "give --metrics.features InceptionFeatures (with --metrics.features.download true, 95 MB, or "
    "--metrics.features.weights FILE), or a file that lightning_gans train-features made: "
    "--metrics.features ClassifierFeatures --metrics.features.weights FILE"
)


class MetricsCallback(Callback):
    """Logs FID, Inception Score, MMD, k-NN precision and recall, and further metrics, with averaged weights.

    In ``fit``: before the first step (the untrained generator), every ``every_n_steps`` steps and at the end; the
    values stand in ``trainer.callback_metrics`` before ``ModelCheckpoint`` and ``EarlyStopping`` look. In ``validate``
    and ``test``: once, as that loop's result. Names are ``metrics/fid_<features>`` and so on; Inception-v3 features,
    which papers mean by FID, go without the suffix.

    A model that samples is measured by its samples, one that translates by what it makes of the sources of held-out
    pairs, one that is given sentences by what it makes of held-out captions; metrics with ``update(preds, target)`` get
    the targets beside.

    Args:
        features: The extractor; by default the one that suits the data, ``datamodule.features()``. Where there is
            none either, as for a user's own images, ``fit`` goes without metrics and says so.
        every_n_steps: Steps between evaluations; 0 measures nothing in ``fit``.
        num_samples: Samples generated for an evaluation; of a translator, at most as many as there are pairs.
        seed: Selects their latents: the same in every evaluation, so that curves are smooth.
        ema: Measure the averaged weights, or the raw ones.
        batch_size: Images per call of generator and extractor.
        reference: The real images; by default the datamodule's ``reference_dataset``, or else the training loader's
            data set. For a translator of pairs, the images of those that are held out.
        mmd_kernel: Of MMD; KID's polynomial one by default.
        extra_metrics: Further torchmetrics metrics by name, fed with uint8 images and logged as ``metrics/<name>``,
            besides those of ``datamodule.metrics()``.
        num_reference: Number of real images to measure against, spread over all; None for all, as papers do.
        subset_size: Of these, so many for figures of quadratic cost, see ``Evaluator``; None for all.

    Raises:
        ConfigError: A setting is out of its range, or there are no real images; in ``validate`` and ``test`` also
            if there are no features.
    """

    def __init__(
        self,
        features: FeatureExtractor | None = None,
        every_n_steps: int = 1000,
        num_samples: int = 2000,
        seed: int = 0,
        ema: bool = True,
        batch_size: int = 256,
        reference: Dataset[Any] | None = None,
        mmd_kernel: Kernel | None = None,
        extra_metrics: dict[str, Metric] | None = None,
        num_reference: int | None = None,
        subset_size: int | None = SUBSET_SIZE,
    ) -> None:
        if every_n_steps < 0:
            raise ConfigError("metrics.every_n_steps", every_n_steps, "must be 1 or more; 0 measures nothing in fit")
        if num_reference is not None and num_reference < 2:
            raise ConfigError("metrics.num_reference", num_reference, "a distribution needs at least 2 images")
        if subset_size is not None and subset_size < MIN_REAL:
            raise ConfigError("metrics.subset_size", subset_size, f"must be {MIN_REAL} or more")
        if num_samples < 2:
            raise ConfigError("metrics.num_samples", num_samples, "a distribution needs at least 2 samples")
        if batch_size < 1:
            raise ConfigError("metrics.batch_size", batch_size, "must be positive")
        self.features, self.batch_size, self.mmd_kernel = features, batch_size, mmd_kernel
        self.every_n_steps, self.num_samples, self.seed, self.ema = every_n_steps, num_samples, seed, ema
        self.reference, self.num_reference, self.subset_size = reference, num_reference, subset_size
        self.extra_metrics = extra_metrics or {}
        self.evaluator: Evaluator | None = None  # None as long as there are no features
        self.report: Report | None = None
        self._references: DatasetSource | None = None
        self._pairs: Dataset[Any] | None = None  # those that a translator is measured on
        self._evaluated_at, self._resumed = -1, False
        self._last: dict[str, float] = {}
        self._unable: set[str] = set()  # metrics of what the model cannot do

    @property
    def state_key(self) -> str:
        """One state for each extractor: a run may have several of these callbacks."""
        settings: dict[str, Any] = {"num_samples": self.num_samples, "seed": self.seed, "ema": self.ema}
        settings |= {} if self.num_reference is None else {"num_reference": self.num_reference}
        features = self.evaluator.features if self.evaluator is not None else self.features
        return self._generate_state_key(features=features.name if features is not None else None, **settings)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Settle features and real images; those of the data where none were given."""
        features = self.features if self.features is not None else data_features(trainer)
        self.report, self.evaluator, self._references, self._pairs = None, None, None, None
        able = {
            "class_accuracy": is_class_conditional(pl_module),
            "reconstruction_accuracy": can_sample(pl_module) and can_encode(pl_module),
        }
        self._unable = {name for name, there in able.items() if not there}
        if features is not None and (self.every_n_steps > 0 or stage != "fit"):
            extra_metrics = data_metrics(trainer) | self.extra_metrics
            for metric in extra_metrics.values():
                Metric.reset(metric)  # whatever it was told to keep of the real images of an earlier loop
            self.evaluator = Evaluator(
                features,
                self.batch_size,
                mmd_kernel=self.mmd_kernel or KID_KERNEL,
                extra_metrics=extra_metrics,
                subset_size=self.subset_size,
            )
        elif stage in ("validate", "test"):
            raise ConfigError("metrics.features", None, f"there is nothing to measure with; {_HINT}")
        elif stage == "fit" and trainer.is_global_zero and self.every_n_steps > 0:
            line = f"no metrics: no features are known for these data; {_HINT}"
            warnings.warn(line, LightningGANsWarning, stacklevel=1)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Measure the untrained generator; a resumed run already knows its last values."""
        if self.evaluator is None:
            return
        loggers = [logger for logger in trainer.loggers if isinstance(logger, WandbLogger) and trainer.is_global_zero]
        for logger in loggers:
            self._define_summaries(logger)
        if self._resumed and trainer.global_step > 0:
            self._resumed = False
            trainer.callback_metrics.update({name: torch.tensor(value) for name, value in self._last.items()})
        else:
            self._evaluate_and_log(trainer, pl_module)
            assert self.report is not None
            for logger in loggers:
                logger.log_hyperparams({f"provenance_{self.evaluator.features.name}": self.report.provenance})

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Measure when a multiple of ``every_n_steps`` is reached."""
        if self.evaluator is not None and trainer.global_step % self.every_n_steps == 0:
            self._evaluate_and_log(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Measure the final generator, unless that was just done."""
        if self.evaluator is not None and self._evaluated_at != trainer.global_step:
            self._evaluate_and_log(trainer, pl_module)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """In ``validate``: measure, as the loop's result. Inside ``fit`` the steps decide."""
        if trainer.state.fn == "validate":
            self.on_test_epoch_end(trainer, pl_module)

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Measure, as the loop's result."""
        pl_module.log_dict(self._evaluate(trainer, pl_module).logged())

    def state_dict(self) -> dict[str, Any]:
        """The last values and their step, so that a resumed run can go on monitoring them."""
        return {"last": self._last, "evaluated_at": self._evaluated_at}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take back the last values."""
        self._last, self._evaluated_at = state_dict["last"], state_dict["evaluated_at"]
        self._resumed = True

    def metric_names(self) -> dict[str, bool | None]:
        """The logged names, and whether higher values of each are better; None where neither way. Known after setup."""
        if self.evaluator is None:
            return {}
        unable = {name + self.evaluator.features.metric_suffix for name in self._unable}
        found = self.evaluator.higher_is_better_by_name()
        return {f"metrics/{name}": higher for name, higher in found.items() if name not in unable}

    def _evaluate(self, trainer: Trainer, pl_module: LightningModule) -> Report:
        assert self.evaluator is not None
        if isinstance(pl_module, Game):
            pl_module.check_finite_losses()  # or the images would be what is refused, and no player named
        with torch.inference_mode(False):  # `validate` would make them inference tensors, which `fit` cannot use
            for module in (self.evaluator.features, *self.evaluator.extra_metrics.values()):
                module.to(pl_module.device)  # they are no part of the model, so Lightning does not
        if is_fast_dev_run(trainer):
            self.evaluator.cache = None
        self.report = self.evaluator.evaluate(self._generated(trainer, pl_module), self._real(trainer, pl_module))
        return self.report

    def _evaluate_and_log(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._last = self._evaluate(trainer, pl_module).logged()
        self._evaluated_at = trainer.global_step
        log_metrics(trainer, self._last, prog_bar=[name for name in self._last if name.startswith("metrics/fid")])

    def _generated(self, trainer: Trainer, model: LightningModule) -> ImageSource:
        """What the model generates: samples, or translations of held-out sources."""
        count = _SMOKE_SAMPLES if is_fast_dev_run(trainer) else self.num_samples
        if not is_asked_by_data(model):
            if can_sample(model):
                return GeneratedSource(model, count, self.seed, self.ema)
            hint = "needs a model with sample(n, seed=..., start=...), as GAN has, or with translate(images, seed=...)"
            raise ConfigError("metrics", type(model).__name__, hint)
        if self._pairs is None:
            if (found := held_out_pairs(trainer)) is None:
                hint = "a translator is measured on held-out pairs: give the trainer a datamodule or validation loader"
                raise ConfigError("metrics", type(model).__name__, hint)
            self._pairs = spread(found, count)
        return TranslatedSource(model, self._pairs, self.seed, self.ema, paired=are_paired(trainer))

    def _real(self, trainer: Trainer, model: LightningModule) -> DatasetSource:
        """The images that the generated ones should resemble."""
        if self._references is None:
            found = self.reference
            if found is None:
                by_samples = can_sample(model) and not is_asked_by_data(model)
                found = real_images(trainer) if by_samples else translation_targets(trainer)
            if found is None:
                hint = "pass the data set of real images: MetricsCallback(reference=...)"
                raise ConfigError("metrics.reference", None, hint)
            wanted = _SMOKE_SAMPLES if is_fast_dev_run(trainer) else self.num_reference
            self._references = DatasetSource(found if wanted is None else spread(found, wanted))
        return self._references

    def _define_summaries(self, logger: WandbLogger) -> None:
        """Let W&B keep each metric's best value beside its last."""
        for name, higher in self.metric_names().items():
            best = {True: "max,", False: "min,", None: ""}[higher]
            logger.experiment.define_metric(name, step_metric="trainer/global_step", summary=f"{best}last")
