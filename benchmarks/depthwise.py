"""Pictures a second that training goes through, with and without our gradient of small depthwise convolutions.

    python benchmarks/depthwise.py        # needs the extra [train]

Ratios from one run, both ways in turn.
"""

from __future__ import annotations

import platform
import time
from statistics import median

import timm
import torch

from fer_video.models.cores import available_cores
from fer_video.training.depthwise import speed_up_depthwise

BATCH, ROUNDS = 64, 7


def main() -> None:
    torch.set_num_threads(available_cores())
    print(f"torch {torch.__version__}, {available_cores()} cores, {platform.machine()}, batch {BATCH}")
    print(f"{'architecture':<24} {'size':>4} {'plain':>10} {'ours':>10} {'ratio':>6}   (pictures a second)")
    for name in ("efficientnet_lite0", "mobilenetv3_large_100", "mobilenetv4_conv_small"):
        for size in (64, 96):
            pair = []
            for fast in (False, True):
                torch.manual_seed(0)
                network = timm.create_model(name, num_classes=0).train().to(memory_format=torch.channels_last)
                if fast:
                    speed_up_depthwise(network)
                pair.append((network, torch.optim.AdamW(network.parameters(), 1e-4), list[float]()))
            inputs = torch.randn(BATCH, 3, size, size).to(memory_format=torch.channels_last)
            for _ in range(ROUNDS):
                for network, optimizer, times in pair:
                    start = time.perf_counter()
                    optimizer.zero_grad()
                    network(inputs).square().mean().backward()
                    optimizer.step()
                    times.append(time.perf_counter() - start)
            plain, ours = (BATCH / median(times[1:]) for _, _, times in pair)
            print(f"{name:<24} {size:>4} {plain:>10.0f} {ours:>10.0f} {ours / plain:>6.2f}")


if __name__ == "__main__":
    main()
