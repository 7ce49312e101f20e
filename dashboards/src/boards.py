"""Every dashboard."""

from dashboards.src.archive import ARCHIVE
from dashboards.src.cluster import CLUSTER
from dashboards.src.exploration import EXPLORATION
from dashboards.src.generation import GENERATION
from dashboards.src.overview import OVERVIEW

BOARDS = (OVERVIEW, GENERATION, EXPLORATION, ARCHIVE, CLUSTER)
