"""Low-rank adapters in place of whole matrices."""

import hashlib
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import PreTrainedModel

from cladeflow.errors import CladeflowError
from cladeflow.recipes.model import Lora


def add_adapters(model: PreTrainedModel, lora: Lora, key: str) -> PeftModel:
    """Put W + (α / r) B A in the place of W in ``model``, for every chosen linear layer.

    A [r, in] is random by ``key``, B [out, r] is 0, and only they are trained: the policy starts
    as it was. ``merge_and_unload()`` of what is returned makes a plain model of it again. Source:
    Hu et al. 2021, LoRA, arXiv:2106.09685. Raises `CladeflowError` where no layer is meant.
    """
    targets: Any = "all-linear" if lora.targets is None else list(lora.targets)
    config = LoraConfig(
        r=lora.rank, lora_alpha=lora.alpha, target_modules=targets, task_type="CAUSAL_LM"
    )
    seed = int.from_bytes(hashlib.sha256(f"{key}/lora".encode()).digest()[:7])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            return get_peft_model(model, config)
        except ValueError as error:  # how peft says that nothing matches the targets
            raise CladeflowError(f"scale.training.lora.targets: {error}") from error
