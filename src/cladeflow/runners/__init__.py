"""Three ways to walk graph.py: inline, subprocess, and (with the kubeflow extra) Kubeflow."""
