"""TRL's side: supervised fine-tuning, then GRPO, until its time is up.

It gets what Cladeflow's default recipe gets, and nothing more: the seed model, the training tasks
and their checker. So its supervised part learns from the model's own samples that the checker
accepts; reference solutions of the tasks are for neither side. The clock starts when libraries are
loaded and stops while nothing is trained: imports and the writing of snapshots cost it nothing.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import datasets
import torch
import trl
from transformers import (
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from transformers.utils import logging

from benchmarks.training import QUIET
from cladeflow.environments import Reasoning
from cladeflow.environments.base import Posed
from cladeflow.records import Step
from cladeflow.task_synthesis import SeedTasks

TASKS, SAMPLES = 1000, 4
"""Tasks and samples of each that the supervised part learns from, as in a generation of ours."""
GRPO_TASKS = 4000
MAX_TOKENS = 112


class Setting(NamedTuple):
    """One sensible way to set the two trainers."""

    name: str
    grpo_rate: float
    prompts: int
    """Per optimiser step of GRPO, with `GROUP` samples each."""
    sft: bool = True


GROUP = 8
SETTINGS = {
    setting.name: setting
    for setting in (
        Setting("grpo-1e-4", 1e-4, prompts=16),
        Setting("grpo-3e-4", 3e-4, prompts=16),
        Setting("grpo-3e-4-32", 3e-4, prompts=32),
        Setting("grpo-1e-3-32", 1e-3, prompts=32),
        Setting("grpo-3e-4-without-sft", 3e-4, prompts=16, sft=False),
    )
}


class Clock(TrainerCallback):
    """Ends training when the seconds are used up.

    CPU seconds of its one thread: on an undisturbed core those of the clock on the wall, and on a
    busy machine what it would have had there.
    """

    def __init__(self, seconds: float) -> None:
        self.began = time.perf_counter()
        self.cpu_began = time.process_time()
        self.seconds = seconds

    @property
    def spent(self) -> tuple[float, float]:
        """Wall and CPU seconds so far."""
        return time.perf_counter() - self.began, time.process_time() - self.cpu_began

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        control.should_training_stop = self.spent[1] >= self.seconds


class Peer:
    """One run."""

    def __init__(self, start: Path, seed: int, out: Path) -> None:
        self.seed, self.out = seed, out
        self.model = LlamaForCausalLM.from_pretrained(start, dtype=torch.float32)
        self.tokenizer = PreTrainedTokenizerFast.from_pretrained(start, padding_side="left")
        self.env = Reasoning()

    @cached_property
    def tasks(self) -> dict[str, Posed]:
        """The tasks of ours, by their text."""
        posed = SeedTasks().generate(self.env, n=GRPO_TASKS, gen=1, draw=0, seed=self.seed)
        return {f"{self.env.render(one.task.prompt)}\n": one for one in posed}

    def right(self, prompt: str, completion: str) -> bool:
        """What the checker says, without a process of its own."""
        posed = self.tasks[prompt]
        steps = [Step(i=0, text=completion)]
        return self.env.check(posed.task, posed.gold, steps).value == 1

    def fine_tune(self, clock: Clock) -> None:
        """Train on the distinct samples that are right."""
        prompts = list(self.tasks)[:: max(GRPO_TASKS // TASKS, 1)]
        kept = {pair for pair in self._samples(prompts) if self.right(*pair)}
        rows = [self._row(*pair) for pair in sorted(kept)]
        trl.SFTTrainer(
            model=self.model,
            args=trl.SFTConfig(
                output_dir=str(self.out / "sft"),
                **QUIET,
                bf16=False,
                seed=self.seed,
                max_length=None,
                per_device_train_batch_size=16,
                gradient_accumulation_steps=3,
                train_sampling_strategy="group_by_length",
                num_train_epochs=4,
                learning_rate=1e-3,
                warmup_steps=0.1,
                lr_scheduler_type="cosine",
                completion_only_loss=True,
            ),
            train_dataset=datasets.Dataset.from_list(rows),
            processing_class=self.tokenizer,
            callbacks=[clock],
        ).train()

    def reinforce(self, setting: Setting, clock: Clock) -> None:
        """GRPO with the checker's verdict as the reward, for the rest of the time."""

        def reward(prompts: list[str], completions: list[str], **_: Any) -> list[float]:
            return [float(self.right(*pair)) for pair in zip(prompts, completions, strict=True)]

        trl.GRPOTrainer(
            model=self.model,
            reward_funcs=reward,
            args=trl.GRPOConfig(
                output_dir=str(self.out / "grpo"),
                **QUIET,
                bf16=False,
                seed=self.seed,
                num_generations=GROUP,
                per_device_train_batch_size=setting.prompts * GROUP,
                max_completion_length=MAX_TOKENS,
                max_steps=1_000_000,
                learning_rate=setting.grpo_rate,
                lr_scheduler_type="constant_with_warmup",
                warmup_steps=5,
            ),
            train_dataset=datasets.Dataset.from_dict({"prompt": list(self.tasks)}),
            processing_class=self.tokenizer,
            callbacks=[clock],
        ).train()

    def save(self) -> None:
        """Write the model where any recipe can start from it."""
        self.model.save_pretrained(self.out / "model")
        self.tokenizer.save_pretrained(self.out / "model")

    def _samples(self, prompts: Sequence[str], rows: int = 64) -> Iterator[tuple[str, str]]:
        """Prompts with samples at temperature 1, prompts of similar length together."""
        ordered = sorted(prompts, key=len)
        for start in range(0, len(ordered), rows):
            part = ordered[start : start + rows]
            batch = self.tokenizer(part, padding=True, return_tensors="pt")
            made = self.model.generate(
                input_ids=batch["input_ids"],
                attention_mask=batch["attention_mask"],
                do_sample=True,
                top_k=0,
                num_return_sequences=SAMPLES,
                max_new_tokens=MAX_TOKENS,
            )
            texts = self.tokenizer.batch_decode(
                made[:, batch["input_ids"].shape[1] :], skip_special_tokens=True
            )
            yield from zip([p for p in part for _ in range(SAMPLES)], texts, strict=True)

    def _row(self, prompt: str, completion: str) -> dict[str, list[int]]:
        asked, said = self.tokenizer.encode(prompt), self.tokenizer.encode(completion)
        ids = [*asked, *said, self.tokenizer.eos_token_id]
        return {
            "input_ids": ids,
            "completion_mask": [int(i >= len(asked)) for i in range(len(ids))],
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("start", type=Path, help="model directory")
    parser.add_argument("out", type=Path)
    parser.add_argument("--setting", choices=SETTINGS, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    logging.set_verbosity_error()
    datasets.disable_progress_bars()
    setting, peer = SETTINGS[options.setting], Peer(options.start, options.seed, options.out)
    clock = Clock(options.seconds)
    if setting.sft:
        peer.fine_tune(clock)
    if clock.spent[1] < options.seconds:
        peer.reinforce(setting, clock)
    wall, cpu = clock.spent
    peer.save()
    (options.out / "spent").write_text(f"{wall} {cpu}\n")


if __name__ == "__main__":
    main()
