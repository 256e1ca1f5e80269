"""Training throughput of snnTorch, SpikingJelly and Norse on 784-512-10: one JSON line a measurement.

Each peer trains a LIF hidden layer and a leaky readout with Adam and cross-entropy on the mean readout membrane, in float32 on the CPU.
The input is MNIST, rate-encoded beforehand: encoding is not in the peers' time (Backspike's figures include its own).
"""

import argparse
import json
import statistics
import time
import warnings

warnings.filterwarnings("ignore")

import numpy as np
import torch
from torch import nn

HIDDEN, CLASSES = 512, 10


class SnnTorchNet(nn.Module):
    def __init__(self, inputs):
        import snntorch
        from snntorch import surrogate

        super().__init__()
        self.first, self.second = nn.Linear(inputs, HIDDEN, bias=False), nn.Linear(HIDDEN, CLASSES, bias=False)
        self.hidden = snntorch.Leaky(beta=0.5, spike_grad=surrogate.fast_sigmoid(), reset_mechanism="zero")
        self.readout = snntorch.Leaky(beta=0.5, reset_mechanism="none")

    def forward(self, spikes):
        hidden, readout = self.hidden.init_leaky(), self.readout.init_leaky()
        total = 0.0
        for step in spikes:
            out, hidden = self.hidden(self.first(step), hidden)
            _, readout = self.readout(self.second(out), readout)
            total = total + readout
        return total / len(spikes)


class SpikingJellyNet(nn.Module):
    def __init__(self, inputs):
        from spikingjelly.activation_based import neuron, surrogate

        super().__init__()
        self.first, self.second = nn.Linear(inputs, HIDDEN, bias=False), nn.Linear(HIDDEN, CLASSES, bias=False)
        # Multi-step mode: one matrix product for all time steps, the library's fast path.
        self.hidden = neuron.LIFNode(
            tau=2.0, decay_input=False, detach_reset=True, surrogate_function=surrogate.ATan(), step_mode="m"
        )

    def forward(self, spikes):
        from spikingjelly.activation_based import functional

        functional.reset_net(self)
        current = self.second(self.hidden(self.first(spikes)))
        readout, total = torch.zeros_like(current[0]), 0.0
        for step in current:
            readout = readout * 0.5 + step
            total = total + readout
        return total / len(spikes)


class NorseNet(nn.Module):
    def __init__(self, inputs):
        import norse.torch as norse

        super().__init__()
        self.first, self.second = nn.Linear(inputs, HIDDEN, bias=False), nn.Linear(HIDDEN, CLASSES, bias=False)
        self.hidden = norse.LIFBoxCell(norse.LIFBoxParameters(tau_mem_inv=torch.tensor(500.0)), dt=0.001)
        self.readout = norse.LIBoxCell(norse.LIBoxParameters(tau_mem_inv=torch.tensor(500.0)), dt=0.001)

    def forward(self, spikes):
        hidden = readout = None
        total = 0.0
        for step in spikes:
            out, hidden = self.hidden(self.first(step), hidden)
            voltage, readout = self.readout(self.second(out), readout)
            total = total + voltage
        return total / len(spikes)


PEERS = {"snnTorch": SnnTorchNet, "SpikingJelly": SpikingJellyNet, "Norse": NorseNet}


def measure(build, images, labels, steps, batch, repeats):
    """Median seconds of one training step (forward, loss, backward, Adam)."""
    torch.manual_seed(1)
    net = build(images.shape[1])
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    loss_of = nn.CrossEntropyLoss()
    batches = []
    for start in range(0, len(images) - batch + 1, batch):
        x = images[start : start + batch]
        batches.append((torch.bernoulli(x.expand(steps, *x.shape)), labels[start : start + batch]))
    times = []
    for index in range(repeats + 3):  # the first three warm caches and allocator
        spikes, target = batches[index % len(batches)]
        begin = time.perf_counter()
        optimizer.zero_grad()
        loss = loss_of(net(spikes), target)
        loss.backward()
        optimizer.step()
        times.append(time.perf_counter() - begin)
    return statistics.median(times[3:])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", help="MNIST training images, raw IDX")
    parser.add_argument("labels", help="MNIST training labels, raw IDX")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--steps", type=int, nargs="+", default=[4, 16])
    parser.add_argument("--batch", type=int, nargs="+", default=[32, 128])
    parser.add_argument("--repeats", type=int, default=25)
    args = parser.parse_args()
    images = np.fromfile(args.images, np.uint8)[16:].reshape(-1, 784)[:2048].astype(np.float32) / 255.0
    labels = np.fromfile(args.labels, np.uint8)[8:][:2048].astype(np.int64)
    images, labels = torch.from_numpy(images), torch.from_numpy(labels)
    for threads in args.threads:
        torch.set_num_threads(threads)
        for steps in args.steps:
            for batch in args.batch:
                for name, build in PEERS.items():
                    seconds = measure(build, images, labels, steps, batch, args.repeats)
                    record = {"who": name, "threads": threads, "steps": steps, "batch": batch}
                    print(json.dumps(record | {"samples_per_second": round(batch / seconds, 1)}), flush=True)


if __name__ == "__main__":
    main()
