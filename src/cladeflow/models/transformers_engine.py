"""The ``transformers`` engine: Hugging Face weights, decoded by a continuous batch of our own.

A request's context is read once, whatever its number of samples; every sample is a row of one
running batch. A row leaves as soon as it is finished, and waiting ones join while the others run
(continuous batching, Yu et al. 2022, Orca).
"""

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from transformers import DynamicCache

from cladeflow.errors import ModelError
from cladeflow.models import attention
from cladeflow.models.engine import Completion, Request
from cladeflow.models.kv_cache import RowCache, Rows, area, windows
from cladeflow.models.linear import use_onednn
from cladeflow.models.loading import (
    Dtype,
    architecture_digest,
    column_bytes,
    end_tokens,
    load_model,
    load_tokenizer,
    load_weights,
    max_length,
    model_digest,
    tokenizer_digest,
    vocabulary,
)
from cladeflow.models.padding import pad, parts
from cladeflow.models.rows import Batch, Job, Owner
from cladeflow.models.sampling import draw
from cladeflow.models.scoring import completion_scores

READ_TOKENS = 8192
"""Tokens, padding included, that one forward pass reads of contexts."""


class TransformersEngine:
    """See `cladeflow.models.engine.Engine`.

    ``max_rows`` bounds the batch and ``cache_gib`` its key-value cache (every row may need as much
    as the longest, context and limit together). Neither changes what is sampled.
    """

    name = "transformers"

    def __init__(
        self,
        weights: Path,
        *,
        dtype: Dtype = "float32",
        device: str = "cpu",
        digest: str | None = None,
        max_rows: int = 512,
        cache_gib: float = 1.0,
    ) -> None:
        self.model = load_model(weights, dtype=dtype, device=device, attention=attention.NAME)
        use_onednn(self.model)
        self.tokenizer = load_tokenizer(weights)
        self.dtype: str = dtype
        self.model_digest = digest or model_digest(weights)
        self.tokenizer_digest = tokenizer_digest(weights)
        self._architecture = architecture_digest(weights)
        self.max_length = max_length(self.model)
        self.max_rows = max_rows
        self._vocabulary = vocabulary(self.model)
        self._is_end = np.zeros(self._vocabulary, np.bool_)
        self._is_end[end_tokens(self.model.generation_config, self.tokenizer, weights)] = True
        self._stops: dict[tuple[str, ...], int] = {}
        self._may_stop = np.empty((0, self._vocabulary), np.bool_)
        self._queue: deque[Job] = deque()
        self._longest = 0
        """Tokens that any sample may come to, context included, since the engine was last idle."""
        self._batch = Batch()
        # PyTorch's CPU attention reads float32 keys faster than bfloat16 ones of half the size.
        wide = self.model.device.type == "cpu"
        kept = torch.float32 if wide else self.model.dtype
        budget = int(cache_gib * 2**30) // column_bytes(self.model, kept)
        self._cache = RowCache(self.model.device, kept, budget)

    def submit(self, requests: Sequence[Request]) -> list[Future[list[Completion]]]:
        """Queue requests; raises `ModelError` for a context that the model cannot continue."""
        jobs = [Job(request, self._room(request)) for request in requests]
        busy = self._queue or self._batch.n
        lengths = [len(job.request.context) + job.limit for job in jobs]
        self._longest = max(lengths, default=0) if not busy else max(self._longest, *lengths)
        self._queue.extend(jobs)
        return [job.future for job in jobs]

    def pump(self) -> None:
        """Advance decoding until at least one future resolves or nothing is queued."""
        self._forget_abandoned()
        with torch.inference_mode():
            while self._queue or self._batch.n:
                self._admit()
                if self._step():
                    return

    def score(
        self, contexts: Sequence[Sequence[int]], completions: Sequence[Sequence[int]]
    ) -> list[list[float]]:
        """Natural log-probabilities, at temperature 1, of completions' tokens given contexts."""
        pairs = [(list(a), list(b)) for a, b in zip(contexts, completions, strict=True)]
        for context, completion in pairs:
            self._check(context, len(context) + len(completion))
        return completion_scores(self.model, pairs, self._vocabulary)

    def swap(self, weights: Path, digest: str) -> None:
        """Load other weights of the same architecture in place, without a new engine.

        Raises `ModelError`, with the engine as it was, where more than the weights differs.
        """
        if self._queue or self._batch.n:
            raise RuntimeError("swap while requests are outstanding")
        if architecture_digest(weights) != self._architecture:
            raise ModelError(
                f"{weights}: not the architecture of the loaded model: its configuration or"
                " tokenizer differs (it needs an engine of its own)"
            )
        load_weights(self.model, weights)
        self.model_digest = digest

    def close(self) -> None:
        """Free the model."""
        self._queue.clear()
        del self.model, self._cache, self._batch

    # Admission

    def _room(self, request: Request) -> int:
        """Tokens that may be sampled: the limit, or what the context leaves of the model's."""
        self._check(request.context, len(request.context) + 1)
        return min(request.sampling.max_tokens, self.max_length - len(request.context))

    def _check(self, context: Sequence[int], length: int) -> None:
        if not len(context):
            raise ModelError("an empty context: the model needs at least one token to continue")
        if length > self.max_length:
            raise ModelError(
                f"a context of {len(context)} tokens with its continuation does not fit the model,"
                f" which reads at most {self.max_length}"
            )

    def _forget_abandoned(self) -> None:
        """Drop what belongs to futures that their owner has cancelled or failed."""
        self._queue = deque(job for job in self._queue if not job.future.done())
        rows = [i for i, owner in enumerate(self._batch.owners) if owner.job.future.done()]
        self._drop(np.array(rows, np.int64))

    def _admit(self) -> None:
        """Let waiting rows join, once they are an eighth of the running ones: it costs a pass."""
        running = self._batch.n
        most = min(self.max_rows, self._cache.rows_of(self._longest))
        room = most - running
        least = max(1, running // 8)
        if room < least or sum(job.waiting for job in islice(self._queue, least)) < least:
            return
        self._cache.most = (most, self._longest)
        owners: list[Owner] = []
        while self._queue and len(owners) < room:
            job = self._queue[0]
            taken = min(job.waiting, room - len(owners))
            owners += [Owner(job, job.admitted + i) for i in range(taken)]
            job.admitted += taken
            if not job.waiting:
                self._queue.popleft()
        self._join(owners)

    def _join(self, owners: list[Owner]) -> None:
        """Read the new rows' contexts, each distinct one once, and append the rows."""
        rows = self._batch.admit(owners, [self._stop(o.job.request.sampling.stop) for o in owners])
        distinct: dict[tuple[int, ...], list[int]] = {}
        for row, owner in zip(rows.tolist(), owners, strict=True):
            distinct.setdefault(tuple(owner.job.request.context[:-1]), []).append(row)
        prefixes = [prefix for prefix in distinct if prefix]
        sizes = [len(prefix) for prefix in prefixes]
        self._cache.reserve(self._batch.n, max(sizes, default=0))
        for part in parts(sizes, READ_TOKENS):
            cache = self._read([prefixes[i] for i in part])
            groups = [distinct[prefixes[i]] for i in part]
            source = np.repeat(np.arange(len(part)), [len(group) for group in groups])
            self._cache.fill(np.concatenate(groups), cache, source)
        self._sort()

    def _read(self, prefixes: list[tuple[int, ...]]) -> DynamicCache:
        """Keys and values of contexts without their last token, which is the first to decode."""
        cache = DynamicCache()
        self.model.base_model(
            pad(prefixes, self.model.device), past_key_values=cache, use_cache=True
        )
        return cache

    def _stop(self, stop: tuple[str, ...]) -> int:
        """Index of ``stop`` in the table of tokens that may complete a stop string."""
        if stop not in self._stops:
            row = np.zeros((1, self._vocabulary), np.bool_)
            known = self.tokenizer.stop_candidates(stop)[: self._vocabulary]
            row[0, : len(known)] = known
            self._may_stop = np.concatenate([self._may_stop, row])
            self._stops[stop] = len(self._stops)
        return self._stops[stop]

    # Decoding

    def _step(self) -> bool:
        """One token for every row; True if a future resolved."""
        batch, n = self._batch, self._batch.n
        logits = self._forward()
        state = (batch.temperature[:n], batch.top_p[:n], batch.draws())
        token, logp = draw(logits, *(torch.from_numpy(a).to(logits.device) for a in state))
        batch.record(token.cpu().numpy(), logp.cpu().numpy())
        return self._retire()

    def _forward(self) -> torch.Tensor:
        """Logits [rows, vocabulary] of each row's next token, in float32."""
        n, device = self._batch.n, self.model.device
        lengths = self._batch.length[:n].copy()
        runs = self._cache.begin(lengths)
        out = self.model(
            input_ids=torch.from_numpy(self._batch.token[:n, None]).to(device),
            position_ids=self._cache.positions[:, None],
            attention_mask=self._cache.mask(),
            past_key_values=self._cache,
            use_cache=True,
            windows=runs,
        )
        logits: torch.Tensor = out.logits[:, -1].float()
        return logits

    def _retire(self) -> bool:
        """Take finished rows out of the batch; True if that resolved a future."""
        batch, n = self._batch, self._batch.n
        token = batch.token[:n]
        ended = self._is_end[token]
        for row in np.flatnonzero(self._may_stop[batch.stop[:n], token] & ~ended).tolist():
            stop = batch.owners[row].job.request.sampling.stop
            ended[row] = self.tokenizer.stops(batch.written(row), stop)
        finished = np.flatnonzero(ended | (batch.count[:n] >= batch.limit[:n]))
        resolved = [self._finish(row, bool(ended[row])) for row in finished.tolist()]
        self._drop(finished)
        return any(resolved)

    def _finish(self, row: int, ended: bool) -> bool:
        job, sample = self._batch.owners[row]
        tokens = self._batch.written(row)
        shown = tokens[:-1] if self._is_end[tokens[-1]] else tokens
        completion = Completion(
            tokens=tuple(tokens),
            logp=self._batch.log_probabilities(row),
            text=self.tokenizer.decode(shown),
            finish="stop" if ended else "length",
        )
        return not job.future.done() and job.finish(sample, completion)

    def _drop(self, rows: Rows) -> None:
        if len(rows):
            holes, movers = self._batch.drop(rows)
            self._cache.move(holes, movers, self._batch.length[holes])

    def _sort(self) -> None:
        """Order rows by length, longest first, where that saves a fifth of what steps read."""
        lengths = self._batch.length[: self._batch.n]
        order = np.argsort(-lengths, kind="stable")
        if area(windows(lengths)) > 1.2 * area(windows(lengths[order])):
            self._cache.permute(order, int(lengths.max()))
            self._batch.move(np.arange(len(order)), order)
