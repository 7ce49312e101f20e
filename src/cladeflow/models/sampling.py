"""Drawing tokens from logits, a whole batch at a time."""

import hashlib

import numpy as np
import torch
from numpy.typing import NDArray


def uniforms(key: str, sample: int, n: int) -> NDArray[np.float32]:
    """The first ``n`` numbers in [0, 1) of the stream that belongs to ``key`` and ``sample``.

    A Philox counter generator keyed by sha256: a request draws the same numbers whenever it runs
    and whatever runs beside it, and a longer draw begins with the shorter one.
    """
    seed = hashlib.sha256(f"{key}#{sample}".encode()).digest()[:16]
    generator = np.random.Generator(np.random.Philox(key=int.from_bytes(seed)))
    return generator.random(n, dtype=np.float32)


def draw(
    logits: torch.Tensor, temperature: torch.Tensor, top_p: torch.Tensor, u: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """One token per row by inverse CDF, and its log-probability before the top-p cut.

    ``logits`` [rows, vocabulary] float32; ``temperature``, ``top_p`` and ``u`` [rows], the last
    uniform in [0, 1). Temperature 0 takes the most likely token and reports it at temperature 1.
    With p_v = softmax(logits / temperature)_v over token ids v, the token is the smallest v with
    sum_{w <= v} p_w > u * sum_w p_w, the sums over the tokens that top-p keeps.
    """
    greedy = temperature <= 0
    scaled = logits / torch.where(greedy, 1.0, temperature)[:, None]
    logp = torch.log_softmax(scaled, dim=-1)
    p = nucleus(logp.exp(), top_p)
    cdf = p.cumsum(dim=-1)
    total = cdf[:, -1:]
    # In float32 u * total may round up to total, beyond every token that has any probability.
    below = torch.nextafter(total, torch.zeros_like(total))
    tokens = torch.searchsorted(cdf, torch.minimum(u[:, None] * total, below), right=True)[:, 0]
    if greedy.any():
        tokens = torch.where(greedy, logits.argmax(dim=-1), tokens)
    return tokens, logp.gather(1, tokens[:, None])[:, 0]


def nucleus(p: torch.Tensor, top_p: torch.Tensor) -> torch.Tensor:
    """``p`` [rows, vocabulary] with all but the nucleus set to 0 (Holtzman et al. 2020, top-p).

    The nucleus is the smallest set of most likely tokens whose probability reaches ``top_p``
    [rows]; of equally likely tokens the lower ids go first. The result is not renormalised.
    """
    if bool((top_p >= 1).all()):
        return p
    ordered, order = p.sort(dim=-1, descending=True, stable=True)
    before = ordered.cumsum(dim=-1) - ordered
    cut = (before >= top_p[:, None]) & (top_p < 1)[:, None]
    cut[:, 0] = False
    return p.masked_fill(torch.zeros_like(cut).scatter(1, order, cut), 0.0)
