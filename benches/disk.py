#!/usr/bin/env python3
"""Train on a folder of files ten times larger than the memory of the process, and on the same data in memory.

The address space of `ferroflow train` is limited to LIMIT MiB (ulimit -v); its data take TIMES as much. In turns, ROUNDS times:
the limited program, its files thrown out of the file cache before, and the program that has all data in memory (benches/disk.rs)
and no limit. Losses must agree to the last digit; seconds per step are compared. Python 3.9 or newer, Linux, nothing to install:

  cargo build --release && cargo build --release --bench disk
  python3 benches/disk.py --memory-program target/release/deps/disk-…
"""
import argparse
import csv
import glob
import os
import resource
import statistics
import subprocess
import sys
import tempfile

SIMULATOR = "slcp-distractors"
# Numbers of a data set: five parameters and fifty points.
BYTES_PER_DATASET = 8 * 105
SHARD = 2000
CONFIG = f"""\
simulator = "{SIMULATOR}"
data_memory = 16
validation = 300
seed = 1
threads = 1

[training]
epochs = EPOCHS
batch_size = 512

[diagnostics]
datasets = 20
draws = 100

[inference_network]
kind = "coupling-flow"
depth = 2

[inference_network.subnet]
widths = [32, 32]
"""


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    option = parser.add_argument
    option("--ferroflow", metavar="PATH", default="target/release/ferroflow", help="the binary [default: %(default)s]")
    option("--memory-program", metavar="PATH", help="what cargo makes of benches/disk.rs [default: the newest in target]")
    option("--limit", metavar="MIB", type=int, default=50, help="address space of the program [default: %(default)s]")
    option("--times", metavar="N", type=int, default=10, help="size of the data, in limits [default: %(default)s]")
    option("--epochs", metavar="N", type=int, default=1, help="epochs of a training [default: %(default)s]")
    option("--rounds", metavar="N", type=int, default=3, help="trainings of each kind [default: %(default)s]")
    option("--cached", action="store_true", help="leave the files in the file cache")
    given = parser.parse_args()
    if given.memory_program is None:
        found = [path for path in glob.glob("target/release/deps/disk-*") if "." not in os.path.basename(path)]
        if not found:
            parser.error("no memory program; cargo build --release --bench disk, or name it with --memory-program")
        given.memory_program = max(found, key=os.path.getmtime)
    return given


def run(command, limit=None):
    """The CPU seconds of a command, with an address space of so many MiB."""
    confine = (lambda: resource.setrlimit(resource.RLIMIT_AS, (limit << 20, limit << 20))) if limit else None
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, preexec_fn=confine, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-2000:]}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def forget(folder):
    """Throws the files of a folder out of the file cache."""
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def history(folder):
    """The columns that tell the result, and seconds per step."""
    with open(os.path.join(folder, "history.csv"), newline="") as file:
        rows = list(csv.DictReader(file))
    results = [(row["step"], row["loss"], row["validation_loss"], row["gradient_norm"]) for row in rows]
    return results, float(rows[-1]["seconds"]) / len(rows)


def main():
    given = arguments()
    with tempfile.TemporaryDirectory(dir=".") as work:
        data, config = os.path.join(work, "data"), os.path.join(work, "run.toml")
        with open(config, "w") as file:
            file.write(CONFIG.replace("EPOCHS", str(given.epochs)))
        shards = -(-given.limit * given.times * (1 << 20) // (SHARD * BYTES_PER_DATASET))
        run([given.ferroflow, "simulate", SIMULATOR, "--count", str(shards * SHARD), "--shard-size", str(SHARD),
             "--seed", "1", "--threads", "1", "--out", data + "/"])
        size = sum(os.path.getsize(os.path.join(data, name)) for name in os.listdir(data)) / (1 << 20)
        print(f"{size:.0f} MiB in {shards} files, limit {given.limit} MiB", flush=True)
        seconds, cpu, results = {"disk": [], "memory": []}, {"disk": [], "memory": []}, []
        for number in range(given.rounds):
            if not given.cached:
                forget(data)
            out = {kind: os.path.join(work, f"{kind}-{number}") for kind in seconds}
            train = [given.ferroflow, "train", "--config", config, "--data", data, "--out", out["disk"]]
            cpu["disk"].append(run(train, given.limit))
            cpu["memory"].append(run([given.memory_program, config, data, out["memory"]]))
            for kind, folder in out.items():
                result, step = history(folder)
                results.append(result)
                seconds[kind].append(step)
                print(f"round {number + 1}, {kind}: {1e3 * step:.3f} ms a step, {len(result)} steps, "
                      f"{cpu[kind][-1]:.1f} CPU seconds of the process", flush=True)
        if any(result != results[0] for result in results):
            sys.exit("the losses differ")
        middle = {kind: statistics.median(values) for kind, values in seconds.items()}
        print(f"all losses and gradient norms are the same; throughput from disk is "
              f"{100 * middle['memory'] / middle['disk']:.0f} % of that in memory (medians)")


if __name__ == "__main__":
    main()
