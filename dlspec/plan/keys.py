"""The keys of a plan, a class for each section; `ResolvedPlan` is the whole, every default filled in."""

from __future__ import annotations

import dlspec.plan.file_sources  # their sources are in the catalogue once they are defined
import dlspec.plan.scene_sources  # noqa: F401
from dlspec.plan.augmentations import Augmentation
from dlspec.plan.facts import Facts
from dlspec.plan.groups import ParameterGroup
from dlspec.plan.kinds import (
    Application,
    Count,
    Factor,
    Flag,
    Fold,
    NonNegative,
    Number,
    Offers,
    Positive,
    Score,
    Share,
    Text,
    Whole,
)
from dlspec.plan.losses import Loss
from dlspec.plan.metrics import Metric
from dlspec.plan.optimizers import Optimizer
from dlspec.plan.proposers import Proposer
from dlspec.plan.schedules import Constant, Schedule
from dlspec.plan.sources import Source
from dlspec.plan.stages import Stage
from dlspec.plan.weights import Weights
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, Literal

    from dlspec.source import Span


class Split(Facts):
    """How samples are shared out: `train` is fitted, `val` may choose, `test` is read once at the end."""

    train: Share = 0.7
    """Share that the weights are fitted to."""
    val: Share = 0.15
    """Share that checkpoints and settings are chosen by."""
    test: Share = 0.15
    """Share that is read once, for the report."""
    folds: Fold | None = None
    """Parts that all samples but `test` fall into; each is `val` once, for a network trained on the others."""
    fold: Whole | None = None
    """The one part that is `val`, where only that network is to be trained."""
    seed: Whole = 0
    """Which of the possible splits it is."""
    groups: Text | None = None
    """What tells which samples belong together, as those of a patient: no two parts share any. A column, an array; of
    an `image_folder` a pattern such as `*/{group}-*`; of `shards` an ending, or a field of the sample's `json`."""


def shares_of_folds(split: Split) -> dict[str, float]:
    """What `train` and `val` are where there are folds."""
    rest = 1 - split.test
    val = round(rest / (split.folds or 1), 12)
    return {"train": round(rest - val, 12), "val": val}


class Standardize(Facts):
    """Subtract the mean and divide by the standard deviation of the training split, feature by feature."""

    inputs: Flag = False
    """Whether inputs are."""
    target: Flag = False
    """Whether the target is; predictions are turned back into its units."""


class Data(Facts):
    """What is learned from."""

    source: Source
    """Where samples come from."""
    val: Source | None = None
    """Where those of `val` come from, where they have files of their own."""
    test: Source | None = None
    """Where those of `test` come from, where they have files of their own."""
    resize: Count | tuple[Count, Count] | None = None
    """Height and width that images are resized to; one number for both. Without it scenes keep their sizes."""
    size_divisible: Count = 1
    """What height and width of a batch of images of several sizes are multiples of; the rest is filled with zeros."""
    aspect_ratio_group_factor: Whole | None = None
    """Images of several sizes are put into batches by shape: by twice as many borders between half and twice as wide as
    high, and one at square. Where left out, by chance."""
    proposals: Proposer | None = None
    """How regions that may hold an object are found in each image, for networks that take them as `proposals`."""
    split: Split = Split()
    """How samples are shared out."""
    stratify: Flag | None = None
    """Whether each split has the same share of each class; where left out, if there are classes."""
    standardize: Standardize = Standardize()
    """Inputs and targets at mean 0 and deviation 1."""
    object_size: Count | tuple[Count, Count] | None = None
    """Height and width, in pixels of the input, of what is to be recognised, and so of what a unit should see."""
    in_memory: Flag | None = None
    """Whether samples that lie in files are all read at the start; where left out, if they take less than 1 GiB."""
    workers: Whole = 0
    """Processes that read files ahead; with none a batch is read when its turn comes."""
    prefetch: Count = 2
    """Batches that each worker has ready."""
    normalize: Flag = False
    """Whether each channel of the images is brought to mean 0 and deviation 1, as found in `train`."""


def holds(data: Data, role: str) -> bool:
    """Whether there are samples of a role, by a share of the split or in files of their own."""
    return getattr(data.split, role) > 0 or getattr(data, role, None) is not None


class Keep(Facts):
    """Which checkpoints are kept."""

    best_by: Score | None = None
    """The score that chooses the weights of the report; the plan's first metric where left out."""
    last: Count = 2
    """How many of the latest checkpoints stay, to resume from."""
    every_seconds: NonNegative = 30.0
    """Time between two checkpoints; 0 saves after every step."""


class EarlyStopping(Facts):
    """Stop when a score has not become better for a while."""

    patience: Count = 10
    """Evaluations without betterment that are let pass."""
    by: Score | None = None
    """The score that is watched; that of `keep` where left out."""
    min_delta: NonNegative = 0.0
    """Betterment that counts as one."""


class Search(Facts):
    """Which settings are tried, and how; `dlspec search` does it."""

    over: Offers
    """Keys of the plan, and parameters of the network after `network.`, with what they may be: a list of values,
    `log(low, high)`, `uniform(low, high)` or `whole(low, high)`."""
    method: Literal["grid", "random", "tpe"] = "random"
    """How settings are chosen: `grid` tries them all, `tpe` looks where it went well (Bergstra et al. 2011)."""
    trials: Count = 20
    """How many settings are trained; a grid trains all of its own."""
    by: Score | None = None
    """The score that is sought; that of `keep` where left out."""
    prune: Flag = True
    """Whether a trial that does worse than half of those before it, at the same epoch, is stopped."""
    seed: Whole = 0
    """Of the choice of settings."""


class Log(Facts):
    """Records beside `metrics.jsonl`."""

    tensorboard: Flag = False
    """Whether curves are written for TensorBoard too."""
    wandb: Text | None = None
    """A project of Weights & Biases that curves go to; needs `wandb`, and no account with `WANDB_MODE=offline`."""
    mlflow: Text | None = None
    """An experiment of MLflow that curves go to; needs `mlflow`, and writes where `MLFLOW_TRACKING_URI` says."""
    gradients: Flag = False
    """Whether the length of each layer's gradient is written at every evaluation, and drawn: what vanishes is seen."""


class Seeds(Facts):
    """A seed each for what is random, where they are not all `seed`."""

    weights: Whole | None = None
    """Of first weights."""
    order: Whole | None = None
    """Of the order of samples."""
    augmentation: Whole | None = None
    """Of augmentation."""
    dropout: Whole | None = None
    """Of dropout, and all else that a network draws as it trains."""


class Limits(Facts):
    """The most that the network may cost; `M` and `G` count thousands, `Mi` and `Gi` powers of 1024."""

    parameters: Count | None = None
    """Learned numbers."""
    macs: Count | None = None
    """Multiply-adds for one sample."""
    weight_bytes: Count | None = None
    """Bytes of parameters and buffers."""
    activation_bytes: Count | None = None
    """Bytes that a training step keeps for the backward pass."""
    peak_bytes: Count | None = None
    """The most bytes of activations that inference holds at once."""


class Term(Facts):
    """A loss and its factor in the sum that is minimised."""

    loss: Loss
    factor: Number = 1.0


class ResolvedPlan(Facts):
    """What is trained, on what, how, and how it is judged."""

    network: Application | None = None
    """The network, or an application of one: `lenet(classes=10)`."""
    data: Data
    """What is learned from."""
    weights: tuple[Weights, ...] = ()
    """Files that the first weights come from; what no file gives is drawn with `seed`."""
    freeze: tuple[Text, ...] = ()
    """Path patterns of parts that stay as they are, the statistics of their batch norms too."""
    augment: tuple[Augmentation, ...] = ()
    """Random changes of training images."""
    augment_on: Literal["device", "workers"] = "device"
    """Where images are changed: by the batch on the device, or by the workers that read the files."""
    loss: tuple[Term, ...]
    """What is minimised; a sum, with factors, where there are several."""
    optimizer: Optimizer
    """The rule that turns gradients into steps."""
    groups: tuple[ParameterGroup, ...] = ()
    """Weights with a learning rate or a weight decay of their own; the first that covers a weight counts."""
    decay: Literal["all", "weights"] = "all"
    """What weight decay pulls at: `weights` leaves biases and the scales of normalisation alone."""
    schedule: Schedule = Constant()
    """How the learning rate goes over the run."""
    epochs: Count | None = None
    """How many times the training split is gone through."""
    steps: Count | None = None
    """How many steps are taken, in place of `epochs`."""
    batch_size: Count | Literal["full"] = 32
    """Samples of a step; `full` takes all of them: gradient descent."""
    then: tuple[Stage, ...] = ()
    """What is fitted in closed form once the gradient steps are done, layer by layer; scores are judged after it."""
    metrics: tuple[Metric, ...] | None = None
    """How predictions are judged; by the loss's task where left out."""
    keep: Keep = Keep()
    """Which checkpoints are kept."""
    early_stopping: EarlyStopping | None = None
    """When to stop before the end."""
    evaluate_every: Count = 1
    """Epochs between two evaluations."""
    seed: Whole = 0
    """Of first weights, of the order of samples, of augmentation and dropout."""
    seeds: Seeds | None = None
    """Seeds of their own for some of these."""
    precision: Literal["float32", "float64", "bf16", "fp16"] = "float32"
    """Numbers that are computed with; `bf16` and `fp16` compute what can bear it in 16 bits, with float32 weights."""
    clip_norm: Positive | None = None
    """Longest gradient; a longer one is shortened to it."""
    accumulate: Count = 1
    """Parts that a batch is computed in, one after the other, to save memory; the step is that of the whole batch."""
    checkpoint: tuple[Text, ...] = ()
    """Path patterns of parts whose activations are not kept, but computed once more in the backward pass."""
    ema: Factor | None = None
    """Memory of a running mean of the weights, such as 0.999; the mean is what is judged, kept and reported."""
    channels_last: Flag = False
    """Whether images lie in memory channel by channel, which convolutions in bf16 are quicker on."""
    compile: Flag = False
    """Whether `torch.compile` makes kernels of the network first; it takes a while, and pays for long runs."""
    log: Log = Log()
    """Records beside `metrics.jsonl`."""
    search: Search | None = None
    """Which settings `dlspec search` tries."""
    closed_form: Literal["least_squares"] | None = None
    """The exact solution of a linear regression, or of a linear classifier towards one-hot scores, shown beside the
    trained one."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where it runs; `auto` takes an accelerator where there is one."""
    strategy: Literal["auto", "single", "ddp", "fsdp"] = "auto"
    """How several processes share the work; `auto` is `ddp` where `torchrun` started several."""
    threads: Count | Literal["auto"] = "auto"
    """Threads on a processor; `auto` takes one where a batch is little work, else all cores."""
    limits: Limits | None = None
    """What the network may cost at most, for batches and samples of this plan."""
    allow: dict[str, str] | None = None
    """Lints that are meant to be so, each with the reason."""
    apart = ("span", "spans", "title", "title_span", "folder")
    title: str = ""
    title_span: Span | None = None
    folder: str = ""

    def known(self, field: str) -> Any:
        """A key whose value a mistake may have left None, while a plan is being read."""
        return getattr(self, field)

    @property
    def task(self) -> str:
        """What the network learns to tell: `classes`, `two_classes`, `numbers` or `objects`."""
        return self.loss[0].loss.task


def seed_of(plan: ResolvedPlan, what: str) -> int:
    """The seed of `weights`, `order`, `augmentation` or `dropout`."""
    own: int | None = getattr(plan.seeds, what, None)
    return plan.seed if own is None else own


def called(plan: ResolvedPlan) -> str:
    """A plan in a sentence; one that was given no name is just the plan."""
    return "the plan" if plan.title == "plan" else f"the plan `{plan.title}`"


def known_source(plan: ResolvedPlan) -> Source | None:
    """The data source, where it could be read."""
    return plan.data.source if plan.known("data") is not None else None
