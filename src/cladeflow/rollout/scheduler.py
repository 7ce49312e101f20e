"""One scheduler batches what all live episodes ask of all models, in lock-step.

Engines advance only while every coroutine is blocked on a model, and what has been asked by then is
submitted in the order of the requests' keys. So batches, hence floating-point results, depend on
the work alone: not on the order in which coroutines happen to run.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from cladeflow.models.engine import Completion, Engine, Request

T = TypeVar("T")
_Promise = Future[list[Completion]]


@dataclass(eq=False)
class _Call:
    """A request, the coroutine that waits for it, and the engine's promise once submitted."""

    engine: Engine
    request: Request
    answer: "asyncio.Future[list[Completion]]"
    promise: _Promise | None = None


class Scheduler:
    """Runs coroutines on one event loop and one thread, with the engines they ask.

    ``computing`` is entered around every use of an engine, to measure it.
    """

    def __init__(self, computing: Callable[[], AbstractContextManager[Any]] = nullcontext) -> None:
        self._computing = computing
        self._live = 0
        """Coroutines that can go on without an engine."""
        self._pending: list[_Call] = []
        self._outstanding: dict[Engine, dict[_Call, _Promise]] = {}
        self._arrived: list[tuple[_Call, _Promise]] = []
        self._keys: set[str] = set()

    def run(self, coroutines: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
        """Run all to their end; the first exception cancels the others and is raised."""
        self._live = 1
        results: list[T] = []

        async def gather() -> None:  # gives nothing: asyncio writes out what its last task gave
            results.extend(await self.gather(*coroutines))

        try:
            asyncio.run(gather())
            return results
        finally:
            for coroutine in coroutines:  # those that an interrupt kept from starting
                coroutine.close()
            self._pending.clear()
            self._arrived.clear()
            self._outstanding.clear()
            self._keys.clear()

    async def gather(self, *coroutines: Coroutine[Any, Any, T]) -> list[T]:
        """Run coroutines side by side; results in order. The caller's slot passes on to them.

        The first exception cancels the others and is raised. Use this, not asyncio's own, inside
        `run`: the scheduler must know who is running.
        """
        left = len(coroutines)

        async def counted(coroutine: Coroutine[Any, Any, T]) -> T:
            nonlocal left
            try:
                return await coroutine
            finally:
                left -= 1
                if left:  # the last one to end hands its slot back to the caller
                    self._leave()

        if not coroutines:
            return []
        self._live += left - 1
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(counted(coroutine)) for coroutine in coroutines]
        except BaseExceptionGroup as failures:
            first = failures.exceptions[0]
            raise first from first.__cause__
        finally:
            if left:  # cancelled before they began, so they never left
                self._live -= left - 1
            for coroutine in coroutines:
                coroutine.close()
        return [task.result() for task in tasks]

    async def request(self, engine: Engine, request: Request) -> list[Completion]:
        """What the engine answers; blocks the coroutine until then.

        Raises RuntimeError if the key was used before: equal keys would sample equal tokens.
        """
        if request.key in self._keys:
            raise RuntimeError(f"two requests with the key {request.key!r}: keys seed generators")
        self._keys.add(request.key)
        call = _Call(engine, request, asyncio.get_running_loop().create_future())
        self._pending.append(call)
        self._leave()
        try:
            return await call.answer
        except asyncio.CancelledError:
            self._withdraw(call)
            raise

    def _withdraw(self, call: _Call) -> None:
        """Forget a call whose coroutine was cancelled, which makes that one live again."""
        if not call.answer.cancelled():  # answered just before
            return
        self._live += 1
        if call in self._pending:
            self._pending.remove(call)
        if call.promise is not None:
            call.promise.cancel()

    def _leave(self) -> None:
        self._live -= 1
        if self._live < 0:
            raise RuntimeError("a coroutine runs unknown to the scheduler: use its gather")
        if not self._live:
            asyncio.get_running_loop().call_soon(self._advance)

    def _advance(self) -> None:
        """Submit what is pending, then drive the engines until some coroutine can go on."""
        if self._live:
            return
        with self._computing():
            self._submit()
            while not self._arrived and self._outstanding:
                for engine in list(self._outstanding):
                    self._pump(engine)
        arrived, self._arrived = self._arrived, []
        for call, promise in arrived:
            if call.answer.cancelled():  # its coroutine is about to withdraw it
                continue
            self._live += 1
            if error := promise.exception():
                call.answer.set_exception(error)
            else:
                call.answer.set_result(promise.result())

    def _submit(self) -> None:
        pending, self._pending = self._pending, []
        for call in sorted(pending, key=lambda call: call.request.key):
            if call.answer.cancelled():
                continue
            try:
                promise = call.engine.submit([call.request])[0]
            except Exception as error:  # goes to whoever asked, who can say which task it was
                promise = _Promise()
                promise.set_exception(error)
            call.promise = promise
            self._outstanding.setdefault(call.engine, {})[call] = promise
            promise.add_done_callback(partial(self._settle, call))

    def _settle(self, call: _Call, promise: _Promise) -> None:
        calls = self._outstanding[call.engine]
        del calls[call]
        if not calls:
            del self._outstanding[call.engine]
        if not promise.cancelled():
            self._arrived.append((call, promise))

    def _pump(self, engine: Engine) -> None:
        """A failing engine fails everything that it was asked."""
        try:
            engine.pump()
        except Exception as error:
            for promise in list(self._outstanding[engine].values()):
                promise.set_exception(error)
