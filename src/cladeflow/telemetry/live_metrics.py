"""The metrics that a process serves while it works, before anything is committed.

They have names of their own: the exporter counts committed work, and a sum over both would count
it twice.
"""

from cladeflow.telemetry.spec import Spec, table

LIVE = table(
    Spec(
        "cladeflow_live_done_items", "gauge", "items",
        "Items of the stage that are done: tasks, groups, or optimiser steps.", ("stage",),
    ),
    Spec("cladeflow_live_planned_items", "gauge", "items", "Items of the stage.", ("stage",)),
    Spec(
        "cladeflow_live_generated_tokens_total", "counter", "tokens",
        "Tokens sampled since the process started.", ("role",),
    ),
    Spec(
        "cladeflow_live_verdicts_total", "counter", "verdicts",
        "Answers of the checker process since the process started: checked, error, timeout.",
        ("outcome",),
    ),
    Spec(
        "cladeflow_live_model_seconds_total", "counter", "seconds",
        "Wall time inside models since the process started.",
    ),
)  # fmt: skip
