"""Settings of a run of seconds that still passes every stage, training included."""

MICRO = (
    "task_synthesis=[{seed_tasks: {levels: {chain: {2: 1}}}}]",
    "evaluate=[{benchmark_suite: {tasks: 3, samples: 1, k: 1, cells: {chain: {2: 1}}}}]",
    "promote=always",
    "scale.tasks=6",
    "scale.samples=1",
    "scale.shard=3",
    "scale.max_tokens=32",
    "scale.training.checkpoint_every=1",
    "scale.training.token_batch=96",
    "scale.training.epochs=1",
)
