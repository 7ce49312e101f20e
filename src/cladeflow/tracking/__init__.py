"""Tracking: what the archive and the store hold, projected to MLflow.

An evolution is the experiment ``cladeflow-<recipe>-<uid>``, a generation a run with its stages'
runs nested in it, an agent a version of the registered model ``<experiment>-<role>`` of each of its
roles, with the aliases ``champion`` and ``previous``. All carry ``cladeflow.*`` tags, by which they
are found again before anything is created.

MLflow is never the authority: `sync` may be called at any time, any number of times, and be killed
anywhere. Importing the room imports no mlflow.
"""

from cladeflow.tracking.client import TrackingError
from cladeflow.tracking.projection import sync
from cladeflow.tracking.view import AgentView, EvolutionView, GenerationView, StageView

__all__ = [
    "AgentView",
    "EvolutionView",
    "GenerationView",
    "StageView",
    "TrackingError",
    "sync",
]
