"""Float32 matrix products through oneDNN instead of MKL, which is slow on processors not Intel's.

PyTorch multiplies float32 matrices with MKL on x86. On AMD processors MKL keeps to AVX2; oneDNN,
which PyTorch ships too, uses AVX-512 and is about twice as fast, at the same precision. On Intel's
own MKL is as fast forward, and up to twice as fast where both factors are transposed: the gradient
of a weight.
"""

import platform
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn


def _multiply(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``x`` [..., in] times the transpose of ``weight`` [out, in], plus ``bias`` [out]."""
    product: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return product


class _OneDnnProduct(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _multiply(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        rows = grad.reshape(-1, grad.shape[-1])
        for_x, for_weight, for_bias = ctx.needs_input_grad
        return (
            _multiply(grad, weight.t()) if for_x else None,
            _multiply(rows.t(), x.reshape(-1, x.shape[-1]).t()) if for_weight else None,
            rows.sum(0) if for_bias else None,
        )


class OneDnnLinear(nn.Linear):
    """A linear layer that differs from its base in the kernel alone."""

    def forward(self, x: Tensor) -> Tensor:
        product: Tensor = _OneDnnProduct.apply(x, self.weight, self.bias)  # type: ignore[no-untyped-call]
        return product


def _fits(weight: Tensor) -> bool:
    return weight.device.type == "cpu" and weight.dtype == torch.float32


@cache
def _processor() -> str:
    """Who made it, among other things."""
    with suppress(OSError):
        return Path("/proc/cpuinfo").read_text()
    return platform.processor()


def use_onednn(model: nn.Module) -> None:
    """Give the linear layers of a float32 model on the CPU the faster kernel, where there is one.

    Weights, names and what `save_pretrained` writes stay as they are.
    """
    if "Intel" in _processor() or not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return
    for module in model.modules():
        if type(module) is nn.Linear and _fits(module.weight):
            module.__class__ = OneDnnLinear
