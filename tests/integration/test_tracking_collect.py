"""How a stage's metrics become MLflow's."""

from cladeflow.telemetry import Metrics
from cladeflow.tracking.collect import series


def test_series_are_named_by_their_labels_in_the_order_of_the_table() -> None:
    metrics = Metrics()
    metrics.gauge("cladeflow_score_ratio", 0.5, metric="greedy", family="chain", suite="frontier")
    metrics.observe("cladeflow_trajectory_tokens", 10)
    metrics.observe("cladeflow_trajectory_tokens", 20)
    assert series(metrics) == {"score_ratio/frontier/chain/greedy": 0.5, "trajectory_tokens": 15}
