import pytest
import torch
from torch import nn
from torch.nn.functional import linear

from cladeflow.models import linear as kernels
from cladeflow.models.linear import OneDnnLinear, use_onednn


@pytest.fixture(autouse=True)
def not_intel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "_processor", lambda: "vendor_id : AuthenticAMD")


@pytest.mark.parametrize("bias", [True, False])
def test_same_products_and_gradients(bias: bool) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(24, 40, bias=bias))
    x = torch.randn(3, 5, 24, requires_grad=True)
    use_onednn(model)
    assert type(model[0]) is OneDnnLinear
    y = model(x)
    g = torch.randn_like(y)
    inputs = [x, *model.parameters()]
    found = torch.autograd.grad(y, inputs, g)
    expected = torch.autograd.grad(linear(x, model[0].weight, model[0].bias), inputs, g)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


def test_names_stay_and_other_dtypes_are_left_alone() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2).bfloat16(), nn.Embedding(2, 2))
    names = list(model.state_dict())
    use_onednn(model)
    assert list(model.state_dict()) == names
    assert [type(part) for part in model] == [OneDnnLinear, nn.Linear, nn.Embedding]


def test_intels_own_processors_keep_their_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "_processor", lambda: "vendor_id : GenuineIntel")
    model = nn.Sequential(nn.Linear(2, 2))
    use_onednn(model)
    assert type(model[0]) is nn.Linear
