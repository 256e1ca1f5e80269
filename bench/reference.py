"""Energy of a training step by the cost model of a published training chip: one JSON line a network.

NeuroMC's model (Nature Communications, s41467-026-70586-x), as SpikingJelly carries it: multiply-accumulates, registers and
memories, DRAM and network at zero, as in the figures of arXiv 2412.05302. It counts every product, spike or not. S-ResNet-18
is taken by its basic 3 x 3 convolutions, one of each size, each with its neuron. TFLOPS/W counts 2 operations a product.
"""

import argparse
import json
import warnings

warnings.filterwarnings("ignore")

import torch
from spikingjelly.activation_based import layer, neuron, surrogate
from spikingjelly.activation_based.op_counter.neuromc import estimate_neuromc_runtime_energy
from torch import nn

# Spikes a neuron and step; the model looks only whether the numbers are spikes.
DENSITY = 0.2


def spiking():
    # Of neurons and surrogates the model accepts those without a division or an absolute value.
    return neuron.IFNode(detach_reset=True, surrogate_function=surrogate.Sigmoid(), step_mode="m")


def dense(inputs, outputs):
    return nn.Linear(inputs, outputs, bias=False)


def networks():
    """Name, network, shape of a step of a sample, batch."""
    yield "mnist 784-512-10", nn.Sequential(dense(784, 512), spiking(), dense(512, 10)), (784,), 128
    for channels, side in [(64, 32), (128, 16), (256, 8), (512, 4)]:
        convolution = layer.Conv2d(channels, channels, 3, padding=1, bias=False, step_mode="m")
        yield f"S-ResNet-18, {channels} x {side} x {side}", nn.Sequential(convolution, spiking()), (channels, side, side), 16


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=4)
    args = parser.parse_args()
    torch.manual_seed(1)
    for name, net, shape, batch in networks():
        spikes = (torch.rand(args.steps, batch, *shape) < DENSITY).float().requires_grad_(len(shape) == 3)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        report = estimate_neuromc_runtime_energy(
            net, spikes, target=torch.zeros(()), loss_fn=lambda out, target: out.sum() - target, optimizer=optimizer
        )
        macs = sum(counts["mac"] for counts in report.counts_by_core_type.values())
        row = {"network": name, "products": macs, "pJ a product": round(report.energy_total_pj / macs, 3)}
        row["of it MAC"] = round(report.energy_mac_pj / macs, 3)
        row["by engine"] = {k: round(v / macs, 3) for k, v in report.energy_by_core_type.items()}
        row["TFLOPS/W"] = round(2 * macs / report.energy_total_pj, 3)
        print(json.dumps(row))


if __name__ == "__main__":
    main()
