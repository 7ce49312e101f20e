"""What agents keep outside their weights."""

from cladeflow.memory.base import Memory
from cladeflow.memory.replay_buffer import ReplayBuffer

__all__ = ["Memory", "ReplayBuffer"]
