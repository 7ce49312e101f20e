"""Tasks that take several calls to tools: prices to add up, keys to follow."""

from cladeflow.environments.toolbox.environment import Toolbox

__all__ = ["Toolbox"]
