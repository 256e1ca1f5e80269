"""What Backspike claims, measured: the engines of the RTL on MNIST, and the emulator's training throughput beside its peers.

    bench/measure.py rtl          events per busy cycle, overlap, density, simulation speed (RTL in Verilator)
    bench/measure.py throughput   samples a second of the emulator; --peers adds snnTorch, SpikingJelly and Norse in the same run
    bench/measure.py link         a served emulator: its share of the time of a training, register round trips, DMA

Tables go to the terminal, one JSON line a measurement to build/bench/<name>.jsonl. Needs the release build and `backspike data mnist`.
"""

import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
OUT = ROOT / "build" / "bench"
COMMAND = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "backspike"


def cache():
    """Where `backspike data` keeps what it fetches."""
    data, user = os.environ.get("BACKSPIKE_DATA"), os.environ.get("XDG_CACHE_HOME")
    return pathlib.Path(data) if data else (pathlib.Path(user) if user else pathlib.Path.home() / ".cache") / "backspike"


def network(name, **changes):
    """examples/mnist.toml with some keys changed; every key must be there."""
    text = (ROOT / "examples" / "mnist.toml").read_text()
    for old, new in changes.values():
        if old not in text:
            sys.exit(f"examples/mnist.toml has no `{old}` to change; adapt bench/measure.py")
        text = text.replace(old, new)
    path = OUT / f"{name}.toml"
    path.write_text(text)
    return path


def train(name, path, *options):
    """Trains without resuming and returns the records of the log."""
    log = OUT / f"{name}.log.jsonl"
    command = [COMMAND, "train", path, "--log", log, "--checkpoint", OUT / name, *options]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")
    return [json.loads(line) for line in log.read_text().splitlines()]


def report(name, rows, columns):
    """Prints a table and writes its rows as JSON lines."""
    with open(OUT / f"{name}.jsonl", "w") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    print("| " + " | ".join(columns) + " |")
    print("|" + "---|" * len(columns))
    for row in rows:
        print("| " + " | ".join(str(row[column]) for column in columns) + " |")
    print(flush=True)


def rtl(args):
    batch = args.samples // 2
    options = ["--device", "rtl", "--preset", "edge", "--lanes", args.lanes, "--limit", args.samples]
    options += ["--batch", batch, "--epochs", 1, "--test-limit", 0]
    rows = []
    for name, gain in [("full", "1.0"), ("half", "0.5")]:
        path = network(f"rtl-{name}", density=("gain = 1.0", f"gain = {gain}"))
        records = train(f"rtl-{name}", path, *options)
        total = next(r for r in records if r["kind"] == "summary")
        count = total["counters"]
        row = {"input density": name, "samples": total["samples"]}
        for engine in ["fp", "bp", "wg"]:
            row[f"{engine} events/busy"] = round(count[f"{engine}_events"] / count[f"{engine}_busy"], 3)
        row["fp busy/sample"] = round(count["fp_busy"] / total["samples"])
        row["fp events/sample"] = round(count["fp_events"] / total["samples"])
        # Of a whole batch alone: loading weights and reading them back are no part of it.
        batches = [r["counters"] for r in records if r["kind"] == "batch"][1:]
        wall = sum(c["cycles"] for c in batches)
        busiest = max(sum(c[key] for c in batches) for key in ["fp_busy", "bp_busy"])
        busiest = max(busiest, sum(c["wg_busy"] + c["wg_update_busy"] for c in batches))
        row["wall/busiest"] = round(wall / busiest, 3)
        row["kHz"] = round(count["cycles"] / total["seconds"] / 1e3, 1)
        rows.append(row)
    report("rtl", rows, list(rows[0]))


def ours(args, threads, steps, batch):
    path = network(f"throughput-{steps}", steps=("steps = 4", f"steps = {steps}"))
    options = ["--preset", "edge", "--threads", threads, "--batch", batch, "--epochs", 1, "--test-limit", 0]
    rates = []
    for _ in range(args.repeats):
        records = train("throughput", path, *options, "--limit", args.samples // (steps // 4))
        total = next(r for r in records if r["kind"] == "summary")
        rates.append(total["samples"] / total["seconds"])
    return statistics.median(rates)


def throughput(args):
    rows = []
    for threads in args.threads:
        for steps in [4, 16]:
            for batch in [32, 128]:
                row = {"threads": threads, "T": steps, "batch": batch}
                row["Backspike"] = round(ours(args, threads, steps, batch))
                if args.peers:
                    row |= peers(args, threads, steps, batch)
                rows.append(row)
                print(json.dumps(row), file=sys.stderr, flush=True)
    report("throughput", rows, list(rows[0]))


def peers(args, threads, steps, batch):
    """Samples a second of each peer."""
    python = ROOT / "build" / "bench-venv" / "bin" / "python"
    data = pathlib.Path(args.data)
    command = [python, ROOT / "bench" / "peers.py", data / "train-images-idx3-ubyte", data / "train-labels-idx1-ubyte"]
    command += ["--threads", threads, "--steps", steps, "--batch", batch]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"the peers failed; `make bench-peers` installs them:\n{done.stderr}")
    records = map(json.loads, done.stdout.splitlines())
    return {r["who"]: round(r["samples_per_second"]) for r in records}


def link(args):
    """A training over the PCI function: how much of the time the served emulator works, beside one in a process of its own."""
    preset = ["--preset", "edge"]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        socket = pathlib.Path(folder) / "core.sock"
        device = ["--device", f"vfio-user:{socket}"]
        run = ["--epochs", 2, "--test-limit", 0, *preset]
        for _ in range(args.repeats):
            command = [COMMAND, "device", "serve", socket, "--once", *preset]
            server = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            while not socket.exists() and server.poll() is None:
                time.sleep(0.01)
            path = ROOT / "examples" / "mnist.toml"
            served = train("link-served", path, *run, *device)[-1]
            said = server.communicate()[1]
            times = re.search(r"gone after ([0-9.]+) s, in which the function worked ([0-9.]+) s", said)
            if not times:
                sys.exit(f"the server did not say how long it worked: {said}")
            connected, worked = map(float, times.groups())
            alone = train("link-alone", path, *run)[-1]
            if served["weight_hash"] != alone["weight_hash"]:
                sys.exit("the served core trained to other weights")
            rows.append({"connected s": connected, "worked s": worked, "not in the device %": round(100 * (1 - worked / connected), 1)})
        report("link", rows, list(rows[0]))
        server = subprocess.Popen([str(word) for word in [COMMAND, "device", "serve", socket, *preset]], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not socket.exists() and server.poll() is None:
            time.sleep(0.01)
        subprocess.run([str(word) for word in [COMMAND, "device", "dma-bench", *preset, *device]], check=True)
        server.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    modes = parser.add_subparsers(required=True)
    mode = modes.add_parser("rtl")
    mode.add_argument("--samples", type=int, default=128, help="two batches of half as many")
    mode.add_argument("--lanes", type=int, default=16)
    mode.set_defaults(run=rtl)
    mode = modes.add_parser("throughput")
    mode.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    mode.add_argument("--samples", type=int, default=25600, help="samples of a measurement at T = 4")
    mode.add_argument("--repeats", type=int, default=3)
    mode.add_argument("--peers", action="store_true")
    mode.add_argument("--data", default=cache() / "mnist", help="directory of the raw IDX files [%(default)s]")
    mode.set_defaults(run=throughput)
    mode = modes.add_parser("link")
    mode.add_argument("--repeats", type=int, default=3)
    mode.set_defaults(run=link)
    args = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    args.run(args)


if __name__ == "__main__":
    main()
