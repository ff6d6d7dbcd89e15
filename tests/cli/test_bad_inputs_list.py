"""Whatever is refused, by whomever: one line on stderr that names the flag, exit code 2, and no traceback."""

import shlex

import numpy as np
import pytest

from lightning_gans.cli import main

FIT = (
    "fit --config gan --trainer.max_steps 2 --trainer.log_every_n_steps 1 --trainer.logger false "
    "--trainer.enable_progress_bar false --metrics.every_n_steps 0 --samples.every_n_steps 0 "
)
G, G_RATE = "--model.optimization.generator", "--model.optimization.generator_scheduler"
EVALUATE, FEATURES = "evaluate --real Digits ", "train-features --output own.safetensors --data "

# What is given, after ``FIT`` where it begins with a flag, and what the line must say. Each of the first list comes to
# its line by a way of its own, those of the second by a way of these.
LIST = [
    # the parser: types, classes, names
    (f"{G}.lr abc", "--model.optimization.generator.lr: must be float"),
    (f"{G}.betas [0.5,0.9,0.9]", "--model.optimization.generator.betas: must be tuple with 2 elements"),
    (f"{G} Adm", "--model.optimization.generator: there is no class 'Adm'; did you mean Adam?"),
    (f"{G}.momentun 3", "--model.optimization.generator.momentun: Adam has no such setting; it has amsgrad"),
    (f"{G_RATE} StepLR", "--model.optimization.generator_scheduler.step_size: required, and not given"),
    ("--model.optimization 3", "--model.optimization: '3' is no file; its settings are given one by one"),
    ("--model [1]", "--model: must be a class, a Game, not [1]"),
    ("--model nowhere.GAN", "--model: there is no module 'nowhere'; modules are looked for in this folder"),
    ("--model.init_args.latentdim 3", "--model.latentdim: GAN has no such setting; did you mean latent_dim?"),
    ("--data ImageFolder", "--data.root: required, and not given"),
    ("--trainer.max_step 3", "--trainer.max_step: there is no such setting; did you mean trainer.max_steps?"),
    ("--trainer.max_steps", "--trainer.max_steps: expected one argument"),
    ("--trainer.callbacks EarlyStopping", "--trainer.callbacks.monitor: required, and not given"),
    ("--seed_everything -1", "--seed_everything=-1: must be a number from 0"),
    ("fit --config gan wgan", "unrecognized arguments: wgan"),
    # files
    ("--config dcgn", "--config='dcgn': is neither a file nor a shipped config; did you mean dcgan?"),
    ("--config binary.bin", "--config='binary.bin': cannot be read"),
    ("--config /proc/self/mem", "--config='/proc/self/mem': cannot be read"),
    ("--config empty.yaml", "--config='empty.yaml': holds no settings"),
    ("--config section.yaml", "--modle.class_path: there is no such setting; did you mean model?"),
    ("--config malformed.yaml", "--config='malformed.yaml': is not YAML: while parsing a flow sequence in line 1"),
    ("--config number.yaml", "--trainer=3: its settings are given one by one"),
    ("--model syntax.GAN", "syntax.py, line 1: "),
    # what a class refuses as it is built, this package's and others'
    ("--data.batch_size 0", "--data.batch_size=0: must be positive"),
    (f"{G}.lr .nan", "--model.optimization.generator.lr=nan: must be a number"),
    ("--model.latent_dim 100000000000000", "--model.generator: out of memory (tried to allocate"),
    ("--trainer.callbacks EarlyStopping --trainer.callbacks.monitor a --trainer.callbacks.mode b", "callbacks.mode: "),
    # what refuses as it works
    (f"{G}.lr -1", "--model.optimization.generator.lr: Invalid learning rate: -1.0 (Adam)"),
    (f"{G} SparseAdam", "--model.optimization.generator: SparseAdam does not support dense gradients"),
    ("--checkpoint.monitor loss/generater", "--checkpoint.monitor='loss/generater': is not logged"),
    ("--checkpoint.dirpath file/below", "--checkpoint.dirpath='file/below': cannot be written to"),
    # checkpoints
    ("--ckpt_path nope.ckpt", "--ckpt_path='nope.ckpt': no such file"),
    ("--ckpt_path binary.bin", "--ckpt_path='binary.bin': damaged"),
    ("fit --ckpt_path last", "--ckpt_path='last': of which model?"),
    ("predict --ckpt_path folder", "--ckpt_path='folder': is a folder without checkpoints"),
    # the plain commands
    ("", "command=None: choose one of fit"),
    ("fti", "command='fti': choose one of fit"),
    ("fit", "--config NAME"),
    ("fit --data Digits", "--model: required, and not given"),
    ("sample", "as in: lightning_gans sample runs"),
    ("sample nope.ckpt", "checkpoint='nope.ckpt': no such file"),
    ("sample nope.ckpt --seeed 3", "--seeed: there is no such setting; did you mean seed?"),
    ("sample nope.ckpt --num_samples 0", "--num_samples=0: must be 1 or more"),
    ("sample nope.ckpt --truncation .nan", "--truncation=nan: must be positive"),
    ("translate binary.bin folder", "checkpoint='binary.bin': damaged"),
    (EVALUATE, "--fake=None: give either --fake or --checkpoint"),
    (EVALUATE + "--fake photos", "--fake='photos': no such folder, file or data set"),
    (EVALUATE + "--fake folder", "--fake='folder': holds no images"),
    (EVALUATE + "--fake float.npy", "--fake='float.npy': holds float32"),
    (EVALUATE + "--fake binary.npz", "--fake='binary.npz': cannot be read"),
    (EVALUATE + "--fake good.npy --output folder", "--output='folder': is a folder; name a file"),
    (EVALUATE + "--fake good.npy --baseline binary.bin", "--baseline='binary.bin': cannot be read as a report"),
    ("evaluate --fake Digits --features digits --real few.npy", "--real='3 images': at least 20 are needed"),
    (FEATURES + "Digts", "--data='Digts': no such folder, file or data set; did you mean Digits?"),
    (FEATURES + "Digits --epochs 0", "--epochs=0: must be 1 or more"),
    ("configs wgn", "--name='wgn': there is no such config; did you mean wgan?"),
]

SLOW = [
    (f"{G} StepLR", "--model.optimization.generator: StepLR is a class, but not of the kind"),
    ("--model.class_path lightning_gans.GANN", "did you mean lightning_gans.GAN?"),
    ("--model.objective Objective", "--model.objective: Expected an instantiatable class"),
    ("--model.regularizers 3", "--model.regularizers: must be Sequence"),
    ("--trainer.precision 8", "--trainer.precision: must be 64, 32, 16"),
    ("--trainer null", "--trainer: 'null' is no file; its settings are given one by one"),
    ("--checkpoint.train_time_interval abc", '--checkpoint.train_time_interval: Expected a string with form "h:m:s"'),
    ("--config folder", "--config='folder': cannot be read"),
    ("--config list.yaml", "--config='list.yaml': holds no settings"),
    ("--config argument.yaml", "--model.latentdim: GAN has no such setting; did you mean latent_dim?"),
    (f"{G}.betas null", "--model.optimization.generator.betas=None: must be tuple"),
    ("--model.regularizers+ R1 --model.regularizers.interval 0", "--model.regularizers.interval=0: computed in every"),
    ("--trainer.devices abc", "--trainer.devices: `devices` selected"),
    (f"{G_RATE} StepLR {G_RATE}.step_size 0", "scheduler.step_size: integer modulo by zero (StepLR)"),
    ("--trainer.check_val_every_n_epoch 0", "--trainer.check_val_every_n_epoch: integer modulo by zero"),
    ("sample nope.ckpt --num_samples abc", "--num_samples: must be int"),
    (f"{G}.lr [1,2]", "--model.optimization.generator.lr: must be float"),
    (f"{G}.lr {{a: 1}}", "--model.optimization.generator.lr"),
    (f"{G}.lr null", "--model.optimization.generator.lr=None: must be float"),
    (f"{G}.betas [2,3]", "--model.optimization.generator.betas: Invalid beta parameter at index 0: 2.0 (Adam)"),
    (f"{G}.betas [.nan,0.9]", "--model.optimization.generator.betas"),
    (f"{G}.eps -1", "--model.optimization.generator.eps: Invalid epsilon value: -1.0 (Adam)"),
    (f"{G}.weight_decay -1", "--model.optimization.generator.weight_decay: Invalid weight_decay value"),
    (f"{G}.fused true {G}.foreach true", "--model.optimization: `fused` and `foreach` cannot be `True` together"),
    (f"{G} SGD {G}.momentum -1", "--model.optimization.generator.momentum: Invalid momentum value"),
    (f"{G} torch.optim.Optimizer", "--model.optimization.generator.defaults: required"),
    (f"{G} LBFGS", "--model.optimization.generator: "),
    (f"{G_RATE} OneCycleLR", "--model.optimization.generator_scheduler.max_lr: required"),
    (f"{G_RATE} OneCycleLR {G_RATE}.max_lr 1 {G_RATE}.pct_start 3", "generator_scheduler.pct_start: Expected float"),
    (f"{G_RATE} CosineAnnealingWarmRestarts {G_RATE}.T_0 0", "generator_scheduler.T_0: Expected positive integer"),
    (f"{G_RATE} LinearLR {G_RATE}.start_factor -1", "generator_scheduler.start_factor: Starting multiplicative factor"),
    (f"{G_RATE} MultiStepLR {G_RATE}.milestones 3", "--model.optimization.generator_scheduler.milestones: must be"),
    ("--model.optimization.n_critic 0", "--model.optimization.n_critic=0: "),
    ("--model.optimization.ema_decay 2", "--model.optimization.ema_decay=2.0: "),
    ("--model.optimization.micro_batches 7", "--model.optimization.micro_batches=7: a batch of 64 does not divide"),
    ("--model.optimization.generator_clip .nan", "--model.optimization.generator_clip=nan: must be a number"),
    ("--model.optimization null", "--model.optimization=None: must be Optimization; leave it out"),
    ("--model.optimization.generater.lr 3", "--model.optimization.generater.lr: GAN has no such setting"),
    ("--model null", "--model: required, and not given"),
    ("--model Digits", "--model: Digits is a class, but not of the kind"),
    ("--model WGNA", "--model: there is no class 'WGNA'; did you mean WGAN?"),
    ("--model.latent_dim -1", "--model.generator.latent_dim=-1: must be positive"),
    ("--model.generator.hidden_dims [-1]", "--model.generator.hidden_dims=-1: must be positive"),
    ("--model.generator torch.nn.Module", "--model.generator='no parameters': owns nothing that could learn"),
    ("--model.generator.image_shape [8]", "--model.generator.image_shape=[8]: the data ask for [1, 8, 8]"),
    ("--model.top_k TopK --model.top_k.min_fraction 0", "--model.top_k.min_fraction=0.0: "),
    ("--model.augment+ InstanceNoise --model.augment.std -1", "--model.augment.std=-1.0: must be 0 or more"),
    ("--model.generator.hidden_dimz [3]", "--model.generator.hidden_dimz: MLPGenerator has no such setting; did you"),
    ("--model.generator.image_shape [1,16,16]", "--model.generator.image_shape=[1, 16, 16]: the data ask for"),
    ("--model FGAN --model.divergence JensenShanon", "--model.divergence: there is no class 'JensenShanon'; did you"),
    ("--config wgan --model.clip_value 0", "--model.clip_value=0.0: must be positive"),
    ("--config cgan --model.num_classes 3", "--model.num_classes=3: the data have 10"),
    ("--config dcgan --model.generator.base_channels 0", "--model.generator.base_channels=0: must be positive"),
    ("--config dcgan --model.generator.image_shape [1,8,9]", "--model.generator.image_shape=(1, 8, 9): "),
    ("--model.augment+ InstanceNoise --model.augment.std .nan", "--model.augment.std=nan: must be a number"),
    ("--model.max_abs_loss -1", "--model.max_abs_loss=-1.0: must be positive"),
    ("--data lightning_gans.data.Digit", "did you mean lightning_gans.data.Digits?"),
    ("--data.batch_size 100000", "--data.batch_size=100000: the data set has 1797 images"),
    ("--data.num_workers null", "--data.num_workers=None: must be int"),
    ("--data Digit", "--data: there is no class 'Digit'; did you mean Digits?"),
    ("--data tests.cli.parts.Unscaled", "images from 0 to 255': networks take [-1.0, 1.0]"),
    ("--data ImageFolder --data.root /dev/null", "--data.root='/dev/null': no such folder"),
    ("--data ImageFolder --data.root nowhere", "--data.root='nowhere': no such folder"),
    ("--trainer.max_steps -5", "--trainer.max_steps: `max_steps` must be a non-negative integer"),
    ("--trainer.max_time 3", "--trainer.max_time: `Timer(duration='3')` is not a valid duration"),
    ("--trainer.accelerator gpux", "--trainer.accelerator: You selected an invalid accelerator"),
    ("--trainer.strategy fsdp", "--trainer.strategy: The strategy `fsdp` requires a GPU"),
    ("--trainer.num_nodes 0", "--trainer.num_nodes: `num_nodes` must be a positive integer"),
    ("--trainer.limit_train_batches .nan", "--trainer.limit_train_batches: You have passed invalid value nan"),
    ("--trainer.val_check_interval 2500", "--trainer.val_check_interval: `val_check_interval` (2500) must be less"),
    ("--trainer.gradient_clip_val 1", "--trainer.gradient_clip_val=1: clips all players alike"),
    ("--trainer.callbacks EarlyStopping --trainer.callbacks.monitor no", "--trainer.callbacks.monitor: Early stopping"),
    ("--trainre.x 3", "--trainre.x: there is no such setting; did you mean trainer?"),
    (
        "--trainer.callbacks EarlyStoping",
        "--trainer.callbacks: must be list[Callback], Callback, null, not 'EarlyStoping'",
    ),
    ("--trainer.callbacks DeviceStatsMonitor", "--trainer.callbacks: Cannot use `DeviceStatsMonitor`"),
    ("--trainer.logger CSVLogger --trainer.logger.save_dir file", "--trainer.logger.save_dir: [Errno 20]"),
    ("--trainer.logger CSVLogger --trainer.logger.flush_logs_every_n_steps 0", "flush_logs_every_n_steps: integer"),
    ("--trainer.logger.class_path CSVLoger", "--trainer.logger: there is no class 'CSVLoger'; did you mean CSVLogger?"),
    ("--metrics.every_n_steps -1", "--metrics.every_n_steps=-1: must be 1 or more"),
    ("--metrics.features DigitFeatures", "--metrics.features: there is no class 'DigitFeatures'; did you mean Digits"),
    ("--metrics null", "--metrics: 'null' is no file; its settings are given one by one, as --metrics.NAME VALUE"),
    ("--metrics.extra_metrics 3", "--metrics.extra_metrics: must be dict"),
    ("--metrics.features InceptionFeatures", "--metrics.features.weights=None: no Inception-v3 weights"),
    ("--samples.every_n_steps -1", "--samples.every_n_steps=-1: must be 1 or more; 0 draws nothing"),
    ("--samples.num_samples 0", "--samples.num_samples=0: must be 1 or more"),
    ("--checkpoint.monitor nonsense", "--checkpoint.monitor='nonsense': is not logged"),
    ("--checkpoint.max_rollback 3", "--checkpoint.max_rollback: there is no such setting; did you mean checkpoint."),
    ("--checkpoint.mode abc", "--checkpoint.mode: `mode` can be min, max but got abc"),
    ("--checkpoint.save_top_k -5", "--checkpoint.save_top_k: Invalid value for save_top_k=-5"),
    ("--threads.num_threads 0", "--threads.num_threads=0: must be 1 or more"),
    ("--seed_everything abc", "--seed_everything: must be bool, int"),
    ("--config modellist.yaml", "--model: must be a class, a Game, not [1, 2]"),
    ("--config /dev/null", "--config='/dev/null': holds no settings"),
    ("validate --ckpt_path nope.ckpt", "--ckpt_path='nope.ckpt': no such file"),
    ("sample binary.bin", "checkpoint='binary.bin': damaged"),
    ("sample nope.ckpt --labels []", "--labels=[]: name at least one class"),
    ("sample nope.ckpt --interpolate 7", "--num_samples=64: rows of 7 images are asked for"),
    (EVALUATE + "--fake good.npy --features inception --weights binary.bin", "--weights='binary.bin': not torch-"),
    (EVALUATE + "--fake good.npy --intervals -1", "--intervals=-1: must be 0 or more"),
    (FEATURES + "folder", "--data='folder': holds no images"),
    ("completion fish", "shell='fish': choose bash or zsh"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A working directory with files that are no good."""
    here = tmp_path_factory.mktemp("bad")
    (here / "folder").mkdir()
    for name in ("binary.bin", "binary.npz"):
        (here / name).write_bytes(bytes(range(256)) * 20)
    texts = {
        "file": "",
        "empty.yaml": "",
        "list.yaml": "- 1\n- 2\n",
        "malformed.yaml": "model: [1\ndata: {",
        "number.yaml": "trainer: 3\n",
        "section.yaml": "modle:\n  class_path: GAN\n",
        "argument.yaml": "model:\n  class_path: GAN\n  init_args: {latentdim: 1}\n",
        "modellist.yaml": "model: [1, 2]\n",
        "syntax.py": "def (:\n",
    }
    for name, text in texts.items():
        (here / name).write_text(text)
    np.save(here / "float.npy", np.zeros((30, 8, 8, 1), np.float32))
    np.save(here / "good.npy", np.zeros((64, 8, 8, 1), np.uint8))
    np.save(here / "few.npy", np.zeros((3, 8, 8, 1), np.uint8))
    return here


@pytest.mark.parametrize(
    ("given", "line"),
    [*LIST, *(pytest.param(*each, marks=pytest.mark.slow) for each in SLOW)],
    ids=lambda text: text.partition(": ")[0],
)
def test_bad_input(given, line, folder, monkeypatch, capfd):
    monkeypatch.chdir(folder)
    with pytest.raises(SystemExit) as left:
        main(shlex.split(FIT + given if given.startswith("--") else given))
    told = capfd.readouterr().err
    assert left.value.code == 2, told
    assert told.startswith("lightning_gans: error: ")
    assert told.count("\n") == 1, told
    assert line in told


def test_an_error_of_the_users_own_code_keeps_its_traceback(folder, monkeypatch):
    """Also where torch raises it, called from there."""
    lines = "import torch\nfrom lightning.pytorch import Callback\n\nclass Wrong(Callback):\n"
    body = "    def on_train_start(self, *_):\n        torch.optim.Adam(torch.nn.Linear(1, 1).parameters(), lr=-1)\n"
    (folder / "callback_of_mine.py").write_text(lines + body)
    monkeypatch.chdir(folder)
    with pytest.raises(ValueError, match="Invalid learning rate: -1") as raised:
        main(shlex.split(FIT + "--trainer.callbacks callback_of_mine.Wrong"))
    assert "callback_of_mine.py" in str(raised.getrepr())
