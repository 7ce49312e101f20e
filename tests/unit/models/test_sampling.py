import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from cladeflow.models.sampling import draw, nucleus, uniforms


def columns(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32)


def test_uniforms_belong_to_key_and_sample() -> None:
    assert (uniforms("a", 0, 8) == uniforms("a", 0, 8)).all()
    assert (uniforms("a", 0, 8) != uniforms("a", 1, 8)).all()
    assert (uniforms("a", 0, 8) != uniforms("b", 0, 8)).all()


def test_a_longer_draw_begins_with_the_shorter() -> None:
    assert (uniforms("a", 3, 5) == uniforms("a", 3, 100)[:5]).all()


def test_first_uniforms_are_what_they_have_always_been() -> None:
    """Every sample ever stored hangs on this stream."""
    assert uniforms("key", 0, 3).tolist() == pytest.approx([0.9979285, 0.8399422, 0.3941132])


def test_inverse_cdf_by_hand() -> None:
    """p = (0.2, 0.3, 0.5): u below 0.2 is token 0, below 0.5 token 1, else token 2."""
    u = columns(0.0, 0.19, 0.21, 0.49, 0.51, 0.999)
    logits = columns(0.2, 0.3, 0.5).log().repeat(len(u), 1)
    tokens, logp = draw(logits, torch.ones(6), torch.ones(6), u)
    assert tokens.tolist() == [0, 0, 1, 1, 2, 2]
    assert logp.exp().tolist() == pytest.approx([0.2, 0.2, 0.3, 0.3, 0.5, 0.5])


def test_frequencies_follow_the_distribution() -> None:
    p = np.array([0.05, 0.1, 0.15, 0.3, 0.4])
    n = 20_000
    logits = torch.from_numpy(np.log(p)).float().repeat(n, 1)
    u = torch.from_numpy(np.concatenate([uniforms(f"chi/{i}", 0, 10) for i in range(n // 10)]))
    tokens, _ = draw(logits, torch.ones(n), torch.ones(n), u)
    counts = np.bincount(tokens.numpy(), minlength=5)
    assert chisquare(counts, p * n).pvalue > 1e-3
    assert chisquare(counts, np.full(5, n / 5)).pvalue < 1e-9, "the test can tell"


def test_temperature_by_hand() -> None:
    """At temperature 1/2 probabilities are squared and renormalised: (1, 9) / 10 of (1, 3) / 4."""
    _, logp = draw(columns(0.25, 0.75).log()[None], columns(0.5), columns(1), columns(0.05))
    assert logp.item() == pytest.approx(math.log(0.1))


def test_greedy_takes_the_most_likely_and_reports_it_at_temperature_one() -> None:
    logits = columns(0.2, 0.5, 0.3).log().repeat(2, 1)
    tokens, logp = draw(logits, columns(0, 1), columns(1, 1), columns(0.9, 0.9))
    assert tokens.tolist() == [1, 2]
    assert logp.exp().tolist() == pytest.approx([0.5, 0.3])


def test_top_p_by_hand() -> None:
    """Of (0.4, 0.1, 0.3, 0.2), 0.65 keeps 0.4 and 0.3, 0.75 keeps 0.2 too, 0.1 only the first."""
    p = columns(0.4, 0.1, 0.3, 0.2).repeat(4, 1)
    kept = nucleus(p, columns(0.65, 0.75, 0.1, 1.0)) > 0
    assert kept.tolist() == [
        [True, False, True, False],
        [True, False, True, True],
        [True, False, False, False],
        [True, True, True, True],
    ]


def test_top_p_draws_from_the_renormalised_nucleus_and_reports_the_uncut_probability() -> None:
    """Nucleus (0.4, 0.3) of 0.7: u = 0.56 still falls on the first, u = 0.58 on the other."""
    logits = columns(0.4, 0.1, 0.3, 0.2).log().repeat(2, 1)
    tokens, logp = draw(logits, torch.ones(2), columns(0.65, 0.65), columns(0.56, 0.58))
    assert tokens.tolist() == [0, 2]
    assert logp.exp().tolist() == pytest.approx([0.4, 0.3])


@given(st.lists(st.floats(-20, 20), min_size=2, max_size=20), st.floats(0.05, 1), st.booleans())
def test_a_draw_never_leaves_the_nucleus(logits: list[float], top_p: float, edge: bool) -> None:
    """Nor does the largest u that float32 has below 1."""
    row = torch.tensor([logits])
    u = columns(1 - 2**-24) if edge else columns(0.5)
    token, _ = draw(row, torch.ones(1), columns(top_p), u)
    assert nucleus(row.log_softmax(-1).exp(), columns(top_p))[0, token.item()] > 0


def test_a_row_does_not_depend_on_its_neighbours() -> None:
    logits = torch.randn(8, 30, generator=torch.Generator().manual_seed(0))
    temperature, top_p = columns(*[1.0] * 4, *[0.7] * 4), columns(*[1.0, 0.5] * 4)
    u = torch.linspace(0.05, 0.95, 8)
    together = draw(logits, temperature, top_p, u)[0]
    alone = [
        draw(logits[i : i + 1], temperature[i : i + 1], top_p[i : i + 1], u[i : i + 1])[0].item()
        for i in range(8)
    ]
    assert together.tolist() == alone
