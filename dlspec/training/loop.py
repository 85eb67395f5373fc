"""The training loop, to be read from top to bottom.

A run's place is two numbers, the step and the position in the epoch: the order of samples is a
function of (seed, epoch), augmentation of (seed, epoch, sample), the learning rate of the step.
With torch's random state and the sums of the epoch they make a resumed run equal an undisturbed
one, bit for bit on a CPU.
"""

from __future__ import annotations

import threading
import time

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from dlspec.plan.keys import ResolvedPlan, seed_of
from dlspec.training.batches import Fed, Feed, batch_ends, batch_length
from dlspec.training.checkpoints import Checkpoint
from dlspec.training.divergence import Diverged
from dlspec.training.errors import Interrupted
from dlspec.training.evaluation import judge
from dlspec.training.interruption import stop_requests
from dlspec.training.job import Job, Setting, State, about_run, random_state, restore_random_state
from dlspec.training.metrics import better, scores_of
from dlspec.training.objects import tally
from dlspec.training.optimization import Rate, build_optimizer
from dlspec.training.parts import Part, copied
from dlspec.training.starting import in_training
from dlspec.training.stepping import Step

FLUSH = 64
"""Steps whose losses and outputs are kept before they are summed up; on an accelerator looked at for NaN, too."""


def fit(job: Job, resumed: Checkpoint | None = None) -> State:
    """Train to the end of the plan, from the start or a checkpoint; the module is left as of the last step.

    Raises Interrupted after saving on Ctrl-C or SIGTERM, Diverged where the loss is no finite number.
    """
    run, feed = Run(job), Feed(job)
    state, module = run.state, job.setting.module
    torch.manual_seed(seed_of(run.plan, "dropout") + job.group.rank)  # the first weights have drawn theirs
    if resumed is not None:
        run.restore(resumed)
    if state.stopped:
        return state

    with stop_requests() as stop, job.progress:
        while not run.is_over():
            feed.begin(state.epoch, state.position)
            in_training(module, job.setting.held)
            while state.position < feed.count and state.step < run.total:
                began = time.perf_counter()
                batch = feed.batch(state.epoch, state.position)
                run.rate.set(run.optimizer, state.step)
                run.step.take(batch)
                if run.mean is not None:
                    run.mean.update_parameters(module)
                state.step, state.position = state.step + 1, batch.end
                state.seconds += time.perf_counter() - began
                run.keep(batch)
                job.progress.step(state, run.total)
                if state.position < feed.count and state.step < run.total:
                    run.save_if_due(stop)

            if state.step >= run.total and not run.is_due():
                run.save()  # a longer plan goes on from here
                state.cut = True
            run.end_epoch()
            if not run.is_over():
                run.save_if_due(stop)
        run.end(stop)
    return state


class Run:
    """A run under way: its place, what moves it, and the sums of the epoch so far."""

    def __init__(self, job: Job) -> None:
        self.job, self.setting, self.plan = job, job.setting, job.setting.plan
        self.state, count = State(), len(job.train)
        per_epoch = len(batch_ends(count, batch_length(self.plan, count)))
        self.total = self.plan.steps if self.plan.steps is not None else (self.plan.epochs or 1) * per_epoch
        self.optimizer = build_optimizer(self.plan, self.setting.module)
        self.rate = Rate(self.plan, per_epoch, self.total)
        self.epoch_scores = scores_of(self.plan, self.setting.classes, self.setting.fitted)
        self.mean = running_mean(self.plan, self.setting.module)
        self.step = Step(job, self.state, self.optimizer)
        self.kept: list[tuple[Tensor, Tensor, Tensor, float | Tensor]] = []
        self.best_weights: dict[str, Tensor | Part] | None = None
        self.saved_at = time.monotonic()

    def is_over(self) -> bool:
        """Whether all steps are taken, and the last epoch, whole or not, is evaluated; or the scores have ended it."""
        return bool(self.state.stopped) or (self.state.step >= self.total and self.state.position == 0)

    def is_due(self) -> bool:
        """Whether the epoch under way ends here, and with an evaluation, at whatever length of the run."""
        state = self.state
        return state.position == len(self.job.train) and (state.epoch + 1) % self.plan.evaluate_every == 0

    def keep(self, batch: Fed) -> None:
        """Remember what the step came to, for the sums of the epoch."""
        if batch.weight:
            self.kept.append((self.step.loss, self.step.scores, tally(batch.targets), self.step.counts))
        if self.state.step % FLUSH == 0:
            self.sum_up()

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
            self.state.seen += count if self.step.is_even else float(count)
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

    def end(self, stop: threading.Event) -> None:
        """Save the run as one that is over."""
        state = self.state
        state.stopped = state.stopped or "completed"
        if self.mean is not None and self.plan.keep.best_by is None:  # nothing chooses: the mean is what was trained
            state.best_step = state.step
            self.best_weights = {name: copied(tensor) for name, tensor in self.mean.module.state_dict().items()}
        path = self.save()
        if self.job.group.agreed(stop.is_set()):
            message = f"stopped after the last step; the run is saved in `{path}`"
            raise Interrupted(message, "`--resume` makes its report")

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
            "scaler": None if self.step.scaler is None else self.step.scaler.state_dict(),
        }
        if self.best_weights is not None:
            job.checkpoints.save_best(state.best_step, self.best_weights, about)
        written = job.checkpoints.save(state.step, weights, training, about | {"rate": self.rate.state()})
        self.best_weights, self.saved_at = None, time.monotonic()
        return str(written)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Put everything back as it was when the checkpoint was written."""
        group, module, training = self.job.group, self.setting.module, checkpoint.training
        group.load_weights(module, checkpoint.weights)
        group.load_optimizer(module, self.optimizer, training["optimizer"])
        self.epoch_scores.restore(training["scores"])
        if self.mean is not None:
            self.mean.load_state_dict(training["mean"])
        if self.step.scaler is not None:
            self.step.scaler.load_state_dict(training["scaler"])
        self.rate.restore(checkpoint.state["rate"])
        for name, value in checkpoint.state["run"].items():
            setattr(self.state, name, value)
        if group.rank < len(training["random"]):
            restore_random_state(training["random"][group.rank], self.setting.device)


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
