"""The stage that carries out one update of one role."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from cladeflow.environments.base import Environment
from cladeflow.errors import RecipeError
from cladeflow.evaluate.stage import held_out_suites, posed
from cladeflow.evaluate.suite import Suite
from cladeflow.fine_tune import contamination
from cladeflow.fine_tune.base import Builder, Objective, RoundData
from cladeflow.fine_tune.helping import Assignment, train_together
from cladeflow.fine_tune.samples import Start, refuse_unfit
from cladeflow.fine_tune.settings import FREE, TrainSettings
from cladeflow.memory import ReplayBuffer
from cladeflow.memory.base import SET, recall, snapshot_ref
from cladeflow.promote.retest import reserve_suites
from cladeflow.recipes.model import Update
from cladeflow.records import (
    Critique,
    Experience,
    Task,
    TrainingExample,
    Trajectory,
    Verdict,
    by_target,
)
from cladeflow.records.example import Example
from cladeflow.stage import Stage, StageContext
from cladeflow.store import materialise, ref_digest
from cladeflow.strategy import Strategy
from cladeflow.work import Output, Work


class FineTune(Stage):
    """Builds examples from the round's sets and trains the role's model on them.

    With nothing to learn from, the update changes nothing: the child keeps its parent's weights,
    and the gate says so.
    """

    name: ClassVar[str] = "fine_tune"

    def strategies(self, ctx: StageContext) -> list[Strategy]:
        update = _update(ctx)
        parts = (update.build, update.objective, update.update, *ctx.plan.resolved.recipe.memory)
        return [entry.build() for entry in parts if entry]

    def identity(self, ctx: StageContext) -> dict[str, Any]:
        update = _update(ctx)
        objective = update.objective.name if update.objective else ""
        training = ctx.scale.training_for(objective).model_dump(exclude=set(FREE))
        return {
            "role": update.role,
            "init": update.init,
            "dtype": ctx.scale.dtype,
            "training": training,
            "held_out": [contamination.VERSION, [suite.hash for suite in _held_out(ctx)]],
        }

    def run(self, ctx: StageContext, key: str, work: Work) -> Output:
        role = _update(ctx).role
        builder, objective = self._parts(ctx)
        data = _round_data(ctx, role)
        buffer = next((s for s in self.strategies(ctx) if isinstance(s, ReplayBuffer)), None)
        past = list(recall(ctx.session, ctx.agent.memory)) if buffer else []
        if buffer and not objective.on_policy():
            data = buffer.replay(past, data)
        examples = objective.prepare(_screened(ctx, list(builder.build(data)), data, work))
        _count(work, data, examples)
        sets = {"examples": work.write_set("examples", Example, examples)}
        if not examples:
            return Output(sets=sets, values={"steps": 0})
        ref, steps = _train(ctx, key, objective, examples, work)
        values: dict[str, Any] = {"steps": steps}
        if buffer:
            sets[SET] = work.write_set(SET, Experience, buffer.keep(past, data))
            values["memory"] = snapshot_ref(key, sets[SET])
        return Output(sets=sets, models={role: ref}, values=values)

    def _parts(self, ctx: StageContext) -> tuple[Builder, Objective]:
        strategies = self.strategies(ctx)
        builder = next((s for s in strategies if isinstance(s, Builder)), None)
        objective = next((s for s in strategies if isinstance(s, Objective)), None)
        if builder is None or objective is None:
            raise RecipeError(
                f"{ctx.call}: only updates of build and objective run in this version"
            )
        return builder, objective


def _update(ctx: StageContext) -> Update:
    return ctx.round.fine_tune[ctx.call.update or 0]


def _round_data(ctx: StageContext, role: str) -> RoundData:
    """What the call's inputs gathered, by the ids that builders look up."""
    return RoundData(
        tasks={task.id: task for task in ctx.records("tasks", Task)},
        trajectories=ctx.records("trajectories", Trajectory),
        verdicts={verdict.target.id: verdict for verdict in ctx.records("verdicts", Verdict)},
        critiques=by_target(ctx.records("critiques", Critique)),
        role=role,
        gen=ctx.call.generation,
        seed=ctx.key("build"),
        render=lambda task: _put(ctx, task, _env(ctx, task).render(task.prompt)),
        judge=lambda task, attempt: _put(
            ctx, task, _env(ctx, task).judge_prompt(task, attempt.steps)
        ),
        reference=lambda task: "".join(step.text for step in _env(ctx, task).demonstration(task)),
        threshold=ctx.plan.control.get("threshold"),
    )


def _count(work: Work, data: RoundData, examples: Sequence[TrainingExample]) -> None:
    """What the builder made of the round's attempts, in numbers."""
    for reason, groups in sorted(data.dropped.items()):
        labels = {"role": data.role, "reason": reason}
        work.metrics.count("cladeflow_dropped_groups_total", groups, **labels)
    work.metrics.count("cladeflow_examples_total", len(examples), role=data.role)
    made = {t.id: t.gen for t in (*data.trajectories, *data.replayed)}
    for source in (source for example in examples for source in example.sources if source in made):
        age = data.gen - made[source]
        work.metrics.observe("cladeflow_sample_age_generations", age, role=data.role)
    kept = len(examples) / len(data.trajectories) if data.trajectories else 0.0
    work.metrics.gauge("cladeflow_kept_ratio", kept, role=data.role)


def _env(ctx: StageContext, task: Task) -> Environment:
    return ctx.environments[task.env]


def _put(ctx: StageContext, task: Task, text: str) -> str:
    """What an episode of the agent would put to the model."""
    return ctx.agent.scaffold.prompts.get(task.env, "{task}").replace("{task}", text)


def _held_out(ctx: StageContext) -> list[Suite]:
    """The suites whose tasks may not be trained on."""
    suites = [*held_out_suites(ctx), *reserve_suites(ctx)]
    return [suite for suite in suites if suite.split != "train"]


def _screened(
    ctx: StageContext, examples: list[TrainingExample], data: RoundData, work: Work
) -> list[TrainingExample]:
    """The examples without those that contain a held-out task, which are counted."""

    def render(task: Task) -> str:
        return ctx.environments[task.env].render(task.prompt)

    tasks = {task.id: task for suite in _held_out(ctx) for task in posed(ctx, suite)}
    held_out = contamination.HeldOut(tasks.values(), render)
    found = contamination.screen(examples, data, held_out, render)
    for reason, count in sorted(found.dropped.items()):
        work.metrics.count("cladeflow_contaminated_examples_total", count, reason=reason)
    return found.examples


def _train(
    ctx: StageContext,
    key: str,
    objective: Objective,
    examples: list[TrainingExample],
    work: Work,
) -> tuple[str, int]:
    """Train from where the update starts; the new model's Ref and the optimiser steps taken."""
    update = _update(ctx)
    training = ctx.scale.training_for(objective.name)
    changed = {
        "micro_tokens": max(1, training.micro_tokens >> ctx.session.reduced),
        "epochs": training.epochs * ctx.plan.control.get("epochs_factor", 1),
    }
    settings = TrainSettings(
        **{**training.model_dump(), **changed},
        dtype=ctx.scale.dtype,
        loss_tokens=ctx.plan.control.get("loss_tokens"),
        seed=ctx.key("train"),
    )
    ref = ctx.weights(update.init, update.role)
    samples = ctx.records("trajectories", Trajectory)
    stamp = _stamp(ref, materialise(ctx.store, ref))
    refuse_unfit(objective, examples, samples, update.role, stamp)
    if ctx.round.repeat == 1:  # else the next pass samples with the same engine again
        ctx.session.release()
    with ctx.session.computing():
        result = train_together(
            ctx.session,
            Assignment(
                start=ref,
                reference=_reference(ctx, objective),
                examples=examples,
                objective=objective,
                settings=settings,
                scratch=key.rpartition("/")[2],
            ),
            work.directory("model"),
            lambda done, total: ctx.session.progress(str(ctx.call), done, total),
        )
    tokens = {"role": update.role}
    work.metrics.count("cladeflow_trained_tokens_total", result.loss_tokens, **tokens)
    by = {"role": update.role, "objective": objective.name}
    work.metrics.gauge("cladeflow_loss_first_nats", result.loss_first, **by)
    work.metrics.gauge("cladeflow_loss_last_nats", result.loss_last, **by)
    work.metrics.total("cladeflow_loss_nats", result.loss_sum, result.steps, **by)
    work.metrics.total("cladeflow_gradient_norm", result.grad_norm_sum, result.steps, **by)
    for other, kl in result.kl.items():
        work.metrics.gauge("cladeflow_kl_nats", kl, other=other, **by)
    return work.keep(result.model, "model"), result.steps


def _reference(ctx: StageContext, objective: Objective) -> str | None:
    """Ref of the objective's referent, where it has one besides the start."""
    referent = objective.referent()
    if "reference" not in objective.reads() or referent == "start":
        return None
    return ctx.weights(referent, _update(ctx).role)


def _stamp(ref: str, directory: Path) -> Start:
    from cladeflow.models.loading import tokenizer_digest

    return Start(ref_digest(ref), tokenizer_digest(directory))


STAGE = FineTune()
