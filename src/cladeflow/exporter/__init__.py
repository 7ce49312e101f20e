"""The exporter: an evolution's archive and commits as Prometheus metrics."""
