"""The network of examples/deep.toml in float32: the accuracy that its fixed-point training is held against. One JSON line an epoch.

784-8 x 256-10, T = 4: hard reset before the leak u - u / 2, fires at u >= 1, rectangular surrogate of width 1 and gain 1, reset detached;
readout u - u / 8, cross-entropy on its mean membrane. Rate-encoded anew in every epoch. Weights start uniform with the standard deviation
init_gain / sqrt(fan-in), as Backspike's do.
"""

import argparse
import gzip
import json
import math
import struct
import time
from pathlib import Path

import torch
from torch import nn

LAYERS, HIDDEN, CLASSES, STEPS, GAIN = 8, 256, 10, 4, 2.5


class Spike(torch.autograd.Function):
    @staticmethod
    def forward(context, distance):
        context.save_for_backward(distance)
        return (distance >= 0).float()

    @staticmethod
    def backward(context, gradient):
        (distance,) = context.saved_tensors
        return gradient * (distance.abs() < 1.0).float()


class Deep(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        sizes = [inputs] + [HIDDEN] * LAYERS
        self.hidden = nn.ModuleList(nn.Linear(a, b, bias=False) for a, b in zip(sizes, sizes[1:]))
        self.readout = nn.Linear(HIDDEN, CLASSES, bias=False)
        for layer, gain in [(layer, GAIN) for layer in self.hidden] + [(self.readout, 1.0)]:
            limit = gain * math.sqrt(3.0 / layer.in_features)
            nn.init.uniform_(layer.weight, -limit, limit)

    def forward(self, spikes):
        for layer in self.hidden:
            current, membrane, fired, out = layer(spikes), 0.0, 0.0, []
            for step in current:
                if isinstance(fired, torch.Tensor):
                    membrane = membrane * (1.0 - fired.detach())
                membrane = membrane * 0.5 + step
                fired = Spike.apply(membrane - 1.0)
                out.append(fired)
            spikes = torch.stack(out)
        membrane, total = 0.0, 0.0
        for step in self.readout(spikes):
            membrane = membrane * 0.875 + step
            total = total + membrane
        return total / STEPS


class Lion(torch.optim.Optimizer):
    """Chen et al., arXiv 2302.06675."""

    def __init__(self, params, lr, b1, b2):
        super().__init__(params, {"lr": lr, "b1": b1, "b2": b2})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                m = self.state[p].setdefault("m", torch.zeros_like(p))
                p.sub_(group["lr"] * (m * group["b1"] + p.grad * (1 - group["b1"])).sign())
                m.mul_(group["b2"]).add_(p.grad, alpha=1 - group["b2"])


def idx(path):
    data = (gzip.open if path.suffix == ".gz" else open)(path, "rb").read()
    sides = struct.unpack(f">{data[3]}I", data[4 : 4 + 4 * data[3]])
    values = torch.frombuffer(bytearray(data[4 + 4 * data[3] :]), dtype=torch.uint8)
    return values.reshape(sides[0], -1).squeeze(1)


def read(folder, name):
    return idx(next(path for path in sorted(Path(folder).rglob(f"{name}*")) if path.is_file()))


def encode(images):
    return (torch.rand(STEPS, *images.shape) < images.float() / 255.0).float()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="IDX files of MNIST")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--optimizer", choices=["adam", "lion"], default="adam")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    train = read(args.folder, "train-images"), read(args.folder, "train-labels")
    test = read(args.folder, "t10k-images"), read(args.folder, "t10k-labels")
    net = Deep(train[0].shape[1])
    if args.optimizer == "adam":
        optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    else:
        optimizer = Lion(net.parameters(), 2.0**-12, 0.875, 1 - 2.0**-6)
    batches = math.ceil(len(train[1]) / args.batch)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, args.epochs * batches)
    for epoch in range(args.epochs):
        start, order = time.time(), torch.randperm(len(train[1]))
        for picked in order.split(args.batch):
            loss = nn.functional.cross_entropy(net(encode(train[0][picked])), train[1][picked].long())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        with torch.no_grad():
            parts = zip(test[0].split(1000), test[1].split(1000))
            correct = sum((net(encode(images)).argmax(1) == labels).sum().item() for images, labels in parts)
        row = {"epoch": epoch + 1, "loss": round(loss.item(), 4), "test": round(correct / len(test[1]), 4)}
        print(json.dumps(row | {"optimizer": args.optimizer, "seconds": round(time.time() - start, 1)}), flush=True)


if __name__ == "__main__":
    main()
