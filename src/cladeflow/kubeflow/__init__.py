"""Kubeflow: stage calls as the tasks of a compiled pipeline, and what a task does when it runs.

`profile` says what a cluster offers, `tasks` which tasks a recipe makes there, `build` writes them
with the kfp SDK; `step` is what a task runs. Only `build` and what compiles or runs pipelines
import kfp.
"""
