"""The training loop, to be read from top to bottom.

A run's place is two numbers, the step and the position in the epoch: the order of samples is a
function of (seed, epoch), augmentation of (seed, epoch, sample), the learning rate of the step.
With torch's random state and the sums of the epoch they make a resumed run equal an undisturbed
one, bit for bit on a CPU.
"""

from __future__ import annotations

import math
import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from dlspec.nn import shared_batch
from dlspec.plan.keys import ResolvedPlan, seed_of
from dlspec.training import draws
from dlspec.training.aspect_groups import grouped, groups_of
from dlspec.training.augment import Augmenter
from dlspec.training.checkpoints import Checkpoint
from dlspec.training.class_maps import is_map
from dlspec.training.divergence import Batch, Diverged, finite
from dlspec.training.errors import Interrupted
from dlspec.training.evaluation import judge
from dlspec.training.interruption import stop_requests
from dlspec.training.job import Job, Setting, State, about_run, random_state, restore_random_state
from dlspec.training.metrics import Scores, better, scores_of
from dlspec.training.mixing import Mixer
from dlspec.training.objects import Objects, Targets, tally
from dlspec.training.optimization import Rate, build_optimizer
from dlspec.training.parallel import Group
from dlspec.training.parts import Part, copied
from dlspec.training.ragged import Images, changed, extent
from dlspec.training.samples import Samples
from dlspec.training.starting import in_training
from dlspec.training.stored import Stored, expect

TINY = torch.finfo(torch.float32).tiny
SAMPLING = 0x73616D706C65
"""What sets the numbers apart by which detectors draw anchors and regions."""

FLUSH = 64
"""Steps whose losses and outputs are kept before they are summed up; on an accelerator looked at for NaN, too."""


def batch_length(plan: ResolvedPlan, count: int) -> int:
    return count if plan.batch_size == "full" else min(int(plan.batch_size), count)


def batch_ends(count: int, length: int) -> list[int]:
    """Where batches end. A last batch of one sample joins the one before it: batch norm cannot use it."""
    ends = [*range(length, count, length), count]
    if length > 1 and len(ends) > 1 and ends[-1] - ends[-2] == 1:
        del ends[-2]
    return ends


def orders(samples: Samples, plan: ResolvedPlan, ends: list[int]) -> Callable[[int, int], Tensor]:
    """The order of an epoch's samples, given its number and theirs; samples that share a file stay near each other.

    Where the plan groups images by shape, those of a batch are of one group, as far as they go.
    """
    seed = seed_of(plan, "order")
    blocks = samples.inputs.blocks if isinstance(samples.inputs, Stored) else None
    groups = groups_of(samples.sizes, plan.data.aspect_ratio_group_factor) if samples.is_ragged else None
    if groups is not None:
        return lambda epoch, count: grouped(draws.permutation(seed, epoch, count), groups, ends)
    if blocks is None:
        return partial(draws.permutation, seed)
    return lambda epoch, count: draws.permutation_in_blocks(seed, epoch, blocks)


def batches(order: Tensor, position: int, ends: list[int], mixer: Mixer, group: Group) -> Iterator[Tensor]:
    """The rows of this process in each batch of an epoch, from a position on."""
    for end in ends[bisect_right(ends, position) :]:
        yield mixer.rows(order[position:end], group)[0]
        position = end


def fit(job: Job, resumed: Checkpoint | None = None) -> State:
    """Train to the end of the plan, from the start or a checkpoint; the module is left as of the last step.

    Raises Interrupted after saving on Ctrl-C or SIGTERM, Diverged where the loss is no finite number.
    """
    setting, count = job.setting, len(job.train)
    plan, module = setting.plan, setting.module
    ends = batch_ends(count, batch_length(plan, count))
    total = plan.steps if plan.steps is not None else (plan.epochs or 1) * len(ends)
    optimizer, rate = build_optimizer(plan, module), Rate(plan, len(ends), total)
    augmenter, mixer = Augmenter(plan.augment, seed_of(plan, "augmentation")), Mixer(plan, setting.classes)
    epoch_scores = scores_of(plan, setting.classes, setting.fitted)
    run = Run(job, State(), optimizer, rate, epoch_scores, total)
    torch.manual_seed(seed_of(plan, "dropout") + job.group.rank)  # of dropout; the first weights have drawn theirs
    if resumed is not None:
        run.restore(resumed)
    state = run.state
    if state.stopped:
        return state
    samples = torch.arange(count, device=setting.device)
    whole = len(ends) == 1 and job.group.count == 1
    every = job.train.taken(slice(None)) if whole else None
    augments = bool(plan.augment) and job.augments
    ordered = orders(job.train, plan, ends)

    with stop_requests() as stop, job.progress:
        while not run.is_over():
            order = samples if len(ends) == 1 else ordered(state.epoch, count).to(setting.device)
            in_training(module, setting.held)
            expect(job.train.inputs, batches(order, state.position, ends, mixer, job.group), state.epoch)
            while state.position < count and state.step < total:
                began = time.perf_counter()
                end = ends[bisect_right(ends, state.position)]
                rows, weight = mixer.rows(order[state.position : end], job.group)
                inputs, targets = every or job.train.taken(rows)
                if plan.augment:
                    targets = augmenter.followed(targets, rows, state.epoch, extent(inputs))
                if augments:
                    inputs = changed(augmenter(inputs, rows, state.epoch), setting.fitted.prepared)
                inputs, targets = setting.together(inputs, targets)
                wanted = targets
                if mixer and isinstance(inputs, Tensor) and isinstance(targets, Tensor):
                    mixed = mixer(inputs, targets, rows, state.epoch, job.group)
                    inputs, wanted, targets, rows = mixed.inputs, mixed.wanted, mixed.targets, mixed.rows

                rate.set(optimizer, state.step)
                run.batch = Batch(inputs, wanted, rows)
                run.take_step(inputs, wanted, weight)
                if run.mean is not None:
                    run.mean.update_parameters(module)

                if weight:
                    run.kept.append((run.loss, run.scores, tally(targets), run.counts))
                state.step, state.position = state.step + 1, end
                state.seconds += time.perf_counter() - began
                if state.step % FLUSH == 0:
                    run.sum_up()
                job.progress.step(state, total)
                if state.position < count and state.step < total:
                    run.save_if_due(stop)

            if state.step >= total and not run.is_due(state.epoch + 1):
                run.save()  # a longer plan goes on from here
                state.cut = True
            run.end_epoch()
            if not run.is_over():
                run.save_if_due(stop)
        state.stopped = state.stopped or "completed"
        run.keep_mean()
        path = run.save()
        if job.group.agreed(stop.is_set()):
            raise Interrupted(
                f"stopped after the last step; the run is saved in `{path}`", "`--resume` makes its report"
            )
    return state


class Run:
    """A run under way: the parts of the loop that have a name of their own."""

    def __init__(
        self, job: Job, state: State, optimizer: torch.optim.Optimizer, rate: Rate, scores: Scores, total: int
    ) -> None:
        self.job, self.setting, self.plan = job, job.setting, job.setting.plan
        self.state, self.optimizer, self.rate = state, optimizer, rate
        self.epoch_scores, self.total = scores, total
        self.kept: list[tuple[Tensor, Tensor, Tensor, float | Tensor]] = []
        self.is_even = job.objective.is_over_samples(maps=is_map(job.train.targets))
        self.counts: float | Tensor = 0.0
        self.loss = self.scores = torch.empty(0)
        self.mean = running_mean(self.plan, self.setting.module)
        self.best_weights: dict[str, Tensor | Part] | None = None
        self.saved_at = time.monotonic()
        self.batch: Batch | None = None
        self.module = job.group.wrapped(self.setting.module)
        # Small gradients are 0 in float16: they are computed times a factor, and divided by it before the step.
        self.scaler = torch.amp.GradScaler(self.setting.device.type) if self.plan.precision == "fp16" else None
        # Elsewhere than on a CPU a look waits for the device; of several processes all must stop at once.
        self.looks = job.careful or (self.setting.device.type == "cpu" and job.group.count == 1)

    def is_over(self) -> bool:
        """Whether all steps are taken, and the last epoch, whole or not, is evaluated; or the scores have ended it."""
        return bool(self.state.stopped) or (self.state.step >= self.total and self.state.position == 0)

    def is_due(self, epoch: int) -> bool:
        """Whether an epoch that is gone through as far as the run is ends with an evaluation, at whatever length."""
        return self.state.position == len(self.job.train) and epoch % self.plan.evaluate_every == 0

    def take_step(self, inputs: Images, targets: Targets, weight: float) -> None:
        """Move the weights; in float16 only where no gradient overflowed, else the factor of the loss is halved."""
        if self.scaler is None:
            self.optimizer.step(partial(self.gradients, inputs, targets, weight))
            return
        self.gradients(inputs, targets, weight)
        self.scaler.step(self.optimizer)
        self.scaler.update()

    def gradients(self, inputs: Images, targets: Targets, weight: float) -> float:
        """Forward and backward of one batch, which counts `weight` times; an optimizer may ask for it several times."""
        self.optimizer.zero_grad()
        often = self.often(targets, weight)
        if self.plan.accumulate > 1:
            loss, self.scores = self.accumulated(inputs, targets, often)
        else:
            with self.of_images(self.batch, weight):
                loss, self.scores = self.backward(inputs, targets, often)
        if self.looks and not math.isfinite(value := loss.item()):
            raise Diverged(self.plan, self.state.step + 1, value, self.sound_batch())
        if self.scaler is not None:
            self.scaler.unscale_(self.optimizer)
        elif self.job.careful and not finite(grads := self.grads()):
            value = next(float(grad[~grad.isfinite()][0]) for grad in grads if not finite([grad]))
            raise Diverged(self.plan, self.state.step + 1, value, self.batch, what="gradient")
        if self.plan.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.setting.module.parameters(), self.plan.clip_norm)
        self.loss = loss
        return loss  # type: ignore[return-value]  # torch's own type asks for a float and means a tensor

    def grads(self) -> list[Tensor]:
        return [one.grad for one in self.setting.module.parameters() if one.grad is not None]

    def sound_batch(self) -> Batch | None:
        """The batch, if what went wrong began with it: in a careful run, or where the weights are still sound."""
        began = self.job.careful or finite(list(self.setting.module.state_dict().values()))
        return self.batch if began else None

    def often(self, targets: Targets, weight: float) -> float | Tensor:
        """How many times this process's mean counts beside the others': by samples, or by what each loss is over."""
        if self.is_even:
            self.counts = len(targets)
            return weight
        assert isinstance(targets, Tensor)
        own = self.job.objective.measures(targets) * bool(weight)
        self.counts = own[0]
        if self.job.group.count == 1:
            return 1.0
        return own * self.job.group.count / self.job.group.summed(own).clamp(min=TINY)

    def backward(self, inputs: Images, targets: Targets, share: float | Tensor = 1.0) -> tuple[Tensor, Tensor]:
        """Add the gradient of a batch, or of a share of one; its loss and scores."""
        with self.setting.autocast():
            outputs = self.job.objective.outputs(self.module, inputs, targets)
        if isinstance(share, Tensor):
            assert isinstance(targets, Tensor)
            each = self.job.objective.each(outputs, targets)
            loss, part = each.sum(), each @ share.to(each)
        else:
            loss = self.job.objective(outputs, targets)
            part = loss if share == 1 else loss * share
        (part if self.scaler is None else self.scaler.scale(part)).backward()
        return loss.detach(), self.job.objective.scores(outputs).detach()

    def of_images(self, batch: Batch | None, weight: float = 1.0) -> AbstractContextManager[None]:
        """What a detector draws follows from each image's number; its regions are counted in all processes."""
        if batch is None or self.plan.task != "objects":
            return nullcontext()
        words = draws.words(seed_of(self.plan, "dropout") ^ SAMPLING, self.state.epoch, batch.rows)
        several = self.job.group.count > 1 and self.plan.accumulate == 1
        return shared_batch(words, (weight / self.job.group.count or 1.0) if several else None, counts=weight > 0)

    def accumulated(self, inputs: Images, targets: Targets, often: float | Tensor) -> tuple[Tensor, Tensor]:
        """A batch in parts, each counting as it does in the batch, whose mean theirs comes to."""
        assert isinstance(targets, Tensor | Objects), "class maps of a batch were filled up to one size"
        wanted_parts: Sequence[Targets] = targets.chunk(self.plan.accumulate)
        given_parts: Sequence[Images] = inputs.chunk(self.plan.accumulate)
        shares = self.shares(wanted_parts)
        rows = self.batch.rows.chunk(self.plan.accumulate) if self.batch is not None else ()
        scores: list[Tensor] = []
        total = torch.zeros((), device=self.setting.device)
        for number, (part, wanted, share) in enumerate(zip(given_parts, wanted_parts, shares, strict=True), 1):
            own = Batch(part, wanted, rows[number - 1]) if rows else None
            with self.job.group.unsynced(self.module, last=number == len(shares)), self.of_images(own):
                loss, made = self.backward(part, wanted, share * often)
            total = total + loss * (share[0].to(loss) if isinstance(share, Tensor) else share)
            scores.append(made)
        return total, torch.cat(scores)

    def shares(self, parts: Sequence[Targets]) -> Sequence[float | Tensor]:
        """What each part of a batch is of it: of its samples, or of what each loss is a mean over (losses)."""
        if self.is_even:
            return [len(part) / sum(map(len, parts)) for part in parts]
        measures = torch.stack([self.job.objective.measures(part) for part in parts if isinstance(part, Tensor)])
        return [*(measures / measures.sum(0).clamp(min=TINY))]

    def sum_up(self) -> None:
        """Add the kept batches to the sums of the epoch; stop where a loss is no number."""
        if self.job.group.count > 1:
            told = [(loss.cpu(), scores.cpu(), asked.cpu(), float(counts)) for loss, scores, asked, counts in self.kept]
            self.kept = [batch for part in self.job.group.gathered(told) for batch in part]
        if not self.kept:
            return
        losses, scores, targets, counts = zip(*self.kept, strict=True)
        values = torch.stack(losses).double().cpu()
        if not values.isfinite().all():
            bad = int((~values.isfinite()).nonzero()[0])
            first = self.state.step - len(losses) + bad + 1 if self.job.group.count == 1 else self.state.step
            raise Diverged(self.plan, first, float(values[bad]), None)
        for value, count in zip(values.tolist(), counts, strict=True):
            self.state.loss_sum += value * float(count)
            self.state.seen += count if self.is_even else float(count)
        if self.setting.classes and len({batch.shape[1:] for batch in targets}) == 1:
            scores, targets = (torch.cat(scores),), (torch.cat(targets),)  # counts do not mind the order
        for batch_scores, batch_targets in zip(scores, targets, strict=True):
            self.epoch_scores.add(batch_scores, batch_targets)
        self.kept.clear()

    def end_epoch(self) -> None:
        """Write what the epoch gave, evaluate where it is time, and let the scores choose."""
        job, state = self.job, self.state
        self.sum_up()
        values = {"loss": state.loss_sum / (state.seen or 1), **self.epoch_scores.values()}
        state.loss_sum, state.seen, state.position, state.epoch = 0.0, 0, 0, state.epoch + 1
        self.epoch_scores.reset()
        due = state.epoch % self.plan.evaluate_every == 0 or state.step >= self.total
        if due:
            rate = self.rate.at(state.step - 1)
            job.recorder.write(state, "train", values, learning_rate=rate, seconds=state.seconds)
            if self.plan.log.gradients:
                job.recorder.write(state, "gradients", {}, norms=gradient_norms(self.setting.module))
            job.group.settle(self.setting.module)
            scores = {f"train.{name}": value for name, value in values.items()}
            if len(job.val):
                judged = judge(self.judged(), job.val, job.group).values
                job.recorder.write(state, "val", judged)
                scores |= {f"val.{name}": value for name, value in judged.items()}
            self.rate.watch(scores)
            self.choose(scores)
            job.progress.epoch(state, self.total, scores)
            if job.watch is not None:
                job.watch(state, scores)

    def judged(self) -> Setting:
        """The setting with the weights that count: their running mean, where the plan keeps one."""
        return self.setting if self.mean is None else self.setting.with_module(self.mean.module)

    def choose(self, scores: dict[str, float]) -> None:
        """Keep the weights if they score best so far (of equals the later), and count towards stopping."""
        plan, state, job = self.plan, self.state, self.job
        by = plan.keep.best_by
        if by is not None:
            value, metric = scores[by], by.partition(".")[2]
            if value == state.best or better(metric, value, state.best):
                state.best, state.best_step, state.best_epoch = value, state.step, state.epoch
                weights = job.group.weights(self.judged().module)
                self.best_weights = {name: copied(tensor) for name, tensor in weights.items()}
        stopping = plan.early_stopping
        if stopping is not None and stopping.by is not None:
            value, metric = scores[stopping.by], stopping.by.partition(".")[2]
            if better(metric, value, state.watched, by=stopping.min_delta):
                state.watched, state.since_best = value, 0
            else:
                state.since_best += 1
                if state.since_best > stopping.patience:
                    state.stopped = "early stopping"

    def keep_mean(self) -> None:
        """Where nothing chooses, the last running mean is what the run has trained."""
        if self.mean is not None and self.plan.keep.best_by is None:
            self.state.best_step = self.state.step
            self.best_weights = {name: copied(tensor) for name, tensor in self.mean.module.state_dict().items()}

    def save_if_due(self, stop: threading.Event) -> None:
        """Save after `every_seconds`, and at once when asked to stop."""
        several = self.job.group.count > 1
        if several and self.state.position and self.state.step % FLUSH:
            return  # they look together, and not at every step
        if self.job.group.agreed(stop.is_set()):
            path = self.save()
            message = f"stopped at step {self.state.step:,} of {self.total:,}; the run is saved in `{path}`"
            raise Interrupted(message, "go on with `--resume`")
        if self.job.group.agreed(time.monotonic() - self.saved_at >= self.plan.keep.every_seconds):
            self.save()

    def save(self) -> str:
        """Write the best weights if they are new, then the run as it is; gives the folder."""
        self.sum_up()
        job, state = self.job, self.state
        run = {name: getattr(state, name) for name in State._fields}
        about = about_run(self.setting) | {"run": run}
        weights = job.group.weights(self.setting.module)
        training = {
            "optimizer": job.group.optimizer_state(self.setting.module, self.optimizer),
            "scores": self.epoch_scores.state(),
            "random": job.group.gathered(random_state(self.setting.device)),
            "mean": None if self.mean is None else self.mean.state_dict(),
            "scaler": None if self.scaler is None else self.scaler.state_dict(),
        }
        if self.best_weights is not None:
            job.checkpoints.save_best(state.best_step, self.best_weights, about)
        written = job.checkpoints.save(state.step, weights, training, about | {"rate": self.rate.state()})
        self.best_weights, self.saved_at = None, time.monotonic()
        return str(written)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Put everything back as it was when the checkpoint was written."""
        group, module = self.job.group, self.setting.module
        group.load_weights(module, checkpoint.weights)
        group.load_optimizer(module, self.optimizer, checkpoint.training["optimizer"])
        self.epoch_scores.restore(checkpoint.training["scores"])
        if self.mean is not None:
            self.mean.load_state_dict(checkpoint.training["mean"])
        if self.scaler is not None:
            self.scaler.load_state_dict(checkpoint.training["scaler"])
        self.rate.restore(checkpoint.state["rate"])
        self.state = State(**checkpoint.state["run"])
        drawn = checkpoint.training["random"]
        if group.rank < len(drawn):
            restore_random_state(drawn[group.rank], self.setting.device)


def running_mean(plan: ResolvedPlan, module: nn.Module) -> AveragedModel | None:
    """The mean of the weights over the last 1 / (1 - ema) steps or so, statistics of batch norm with them."""
    if plan.ema is None:
        return None
    return AveragedModel(module, multi_avg_fn=get_ema_multi_avg_fn(plan.ema), use_buffers=True)


def gradient_norms(module: nn.Module) -> dict[str, float]:
    """The length of the gradient of every weight with two axes or more, by path, as the last step left it."""
    named = [(name, parameter.grad) for name, parameter in module.named_parameters() if parameter.dim() > 1]
    return {name.removesuffix(".weight"): _length(grad) for name, grad in named if grad is not None}


def _length(grad: Tensor) -> float:
    norm = grad.norm()
    return float(norm.full_tensor() if hasattr(norm, "full_tensor") else norm)  # of one that lies in parts
