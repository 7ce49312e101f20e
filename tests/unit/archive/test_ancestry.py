"""Lines of ancestors by place, whatever the batches in which the agents came."""

import numpy as np

from cladeflow.archive.ancestry import Ancestry


def test_a_line_holds_every_ancestor_once_however_many_paths_lead_to_it() -> None:
    # 0 → 1, 0 → 2, then 3 from 1 and 2, 4 from 3, and 5 from nobody.
    ancestry = Ancestry()
    ancestry.append(1, np.array([], np.intp), np.array([], np.intp))
    ancestry.append(2, np.array([1, 2]), np.array([0, 0]))
    ancestry.append(3, np.array([3, 3, 4]), np.array([1, 2, 3]))
    assert ancestry.line(4) == {4, 3, 2, 1, 0}
    assert ancestry.line(2) == {2, 0}
    assert ancestry.line(5) == {5}
    assert sorted(ancestry.parents_from(2)) == [0, 1, 2, 3]
    assert list(ancestry.parents_from(6)) == []


def test_a_parent_that_is_named_twice_has_one_child() -> None:
    ancestry = Ancestry()
    ancestry.append(2, np.array([1, 1]), np.array([0, 0]))
    assert list(ancestry.parents_from(0)) == [0]


def test_a_line_may_be_as_long_as_the_archive() -> None:
    ancestry, agents = Ancestry(), 50_000
    ancestry.append(agents, np.arange(1, agents), np.arange(agents - 1))
    assert len(ancestry.line(agents - 1)) == agents
