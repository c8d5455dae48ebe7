"""Depthwise convolutions whose kernel is larger than the map it slides over, made fast on a CPU.

oneDNN has no optimised gradient of the weights for them: at 1152 channels of 3x3 with a 5x5 kernel it took 96 ms a
batch of 64 where the sums below take 6, which is most of a training step of a light network at small inputs
(benchmarks/depthwise.py). The result is the same sums in another order.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["speed_up_depthwise"]


class _SmallMap(torch.autograd.Function):
    """conv2d(x, weight) with groups = channels, square kernel, stride and padding."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding = stride, padding
        return functional.conv2d(x, weight, None, stride, padding, 1, weight.shape[0])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grads
        x, weight = ctx.saved_tensors
        stride, padding, channels = ctx.stride, ctx.padding, weight.shape[0]
        grad_x = torch.ops.aten.convolution_backward(
            grad, x, weight, None, [stride] * 2, [padding] * 2, [1, 1], False, [0, 0], channels, [True, False, False]
        )[0]
        last, grad_last = x.permute(0, 2, 3, 1), grad.permute(0, 2, 3, 1)  # channels-last views
        rows = _overlaps(weight.shape[2], stride, padding, x.shape[2], grad.shape[2])
        columns = _overlaps(weight.shape[3], stride, padding, x.shape[3], grad.shape[3])
        grad_weight = weight.new_zeros(weight.shape[2], weight.shape[3], channels)
        for i, out_y, in_y in rows:
            for j, out_x, in_x in columns:
                grad_weight[i, j] = (last[:, in_y, in_x] * grad_last[:, out_y, out_x]).sum((0, 1, 2))
        return grad_x, grad_weight.permute(2, 0, 1).unsqueeze(1), None, None


def _overlaps(kernel: int, stride: int, padding: int, size: int, out: int) -> list[tuple[int, slice, slice]]:
    """For each place in the kernel that ever meets the input: which outputs it is part of, and their inputs."""
    found = []
    for place in range(kernel):
        first = max(0, -((place - padding) // stride))  # the first output whose input lies inside
        stop = min(out, (size - 1 + padding - place) // stride + 1)
        if stop > first:
            start = first * stride - padding + place
            found.append((place, slice(first, stop), slice(start, start + (stop - first - 1) * stride + 1, stride)))
    return found


class _Depthwise(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        small = min(x.shape[2:]) < self.kernel_size[0]
        if self.training and small and x.device.type == "cpu" and isinstance(self.padding[0], int):
            return _SmallMap.apply(x, self.weight, self.stride[0], self.padding[0])  # type: ignore[no-any-return]
        return super().forward(x)


def speed_up_depthwise(model: nn.Module) -> None:
    """In place, for every plain depthwise convolution with a square kernel. Weights and their names stay."""
    for module in model.modules():
        if type(module) is nn.Conv2d and _is_plain_depthwise(module):
            module.__class__ = _Depthwise


def _is_plain_depthwise(conv: nn.Conv2d) -> bool:
    square = all(len(set(each)) == 1 for each in (conv.kernel_size, conv.stride, conv.padding, conv.dilation))
    depthwise = 1 < conv.groups == conv.in_channels == conv.out_channels
    return square and depthwise and conv.dilation[0] == 1 and conv.bias is None and conv.padding_mode == "zeros"
