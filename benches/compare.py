#!/usr/bin/env python3
"""Measure ferroflow and its peers alternately in one go, and write the table. Python 3.9 or newer, nothing to install.

The peers are measured by a harness of their own, a folder with a program bench_peers.py that knows
  --peer NAME --workload W1 --threads N --budget SECONDS --out FILE [--only PART …] [--epochs N] [--batches N]
and appends rows to FILE, one JSON object a line, in the schema of `ferroflow bench`.

Each round runs, for each workload, ferroflow and then each peer on the same cores; of all rounds the smallest time of each side
counts. Example:

  python3 benches/compare.py --harness ../peers --python flowjax=v2/bin/python bayesflow-jax=v1/bin/python \\
      --workloads W1 W2 W3 --rounds 3 --out rows.jsonl --table table.md
  python3 benches/compare.py --from rows.jsonl more.jsonl --table table.md
"""
import argparse
import datetime
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

from compare_table import OURS, PEAK, BadRows, read_rows, table

LAST_LINES = 6


def arguments(given=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    option = parser.add_argument
    option("--harness", metavar="DIR", help="the folder that holds bench_peers.py")
    option("--python", metavar="NAME=PATH", nargs="+", action="extend", default=[],
           help="a peer and the interpreter of its virtual environment; may be repeated")
    option("--ferroflow", metavar="PATH", default="target/release/ferroflow", help="the binary [default: %(default)s]")
    option("--workloads", metavar="W", nargs="+", default=["W1", "W2", "W3"], choices=["W1", "W2", "W3", "W4", "W5", "W7", "W8"],
           help="W1 to W5, W7, W8 [default: W1 W2 W3]; a peer that lacks one says so and is left out of it")
    option("--threads", metavar="N", type=positive, default=1, help="threads of every program [default: 1]")
    option("--device", default="cpu", choices=["cpu", "cuda"],
           help="where all programs compute [default: cpu]; on a GPU the ceilings are left out")
    option("--rounds", metavar="N", type=positive, default=3, help="how often all of them take turns [default: 3]")
    option("--w7-rounds", metavar="N", type=positive, default=1,
           help="rounds that W7 and W8 take part in, whose fits take minutes [default: 1]")
    option("--budget", metavar="SECONDS", type=seconds, default=0.5, help="repeats of a phase in a round [default: 0.5]")
    option("--only", metavar="TEXT", nargs="+", action="extend", default=[],
           help="only phases whose name and batch, such as log_prob@64, contain one of these")
    option("--epochs", metavar="N", type=positive, help="epochs of the fit of W7 and W8 [default: 15]")
    option("--batches", metavar="N", type=positive, help="batches of each of them [default: 200]")
    option("--timeout", metavar="SECONDS", type=seconds, default=3600, help="longest time of one run [default: 3600]")
    option("--out", metavar="FILE", help="append the rows to this file, one JSON object a line")
    option("--table", metavar="FILE", help="write the table there instead of printing it")
    option("--from", dest="stored", metavar="FILE", nargs="+", help="make the table from these rows; measure nothing")
    return parser.parse_args(given)


def positive(text):
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' was given; give a whole number, 1 or more")
    return int(text)


def seconds(text):
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError(f"'{text}' was given; give a positive number of seconds, such as 0.5")
    return value


def stop(message):
    sys.exit(f"error: {message}")


def say(text):
    print(text, file=sys.stderr, flush=True)


def checked(options):
    """The peers, name → interpreter, after everything that was given has been found."""
    if not options.harness:
        stop("--harness is missing; give the folder that holds bench_peers.py (or --from FILE for stored rows)")
    program = os.path.join(options.harness, "bench_peers.py")
    if not os.path.isfile(program):
        stop(f"--harness {options.harness}: there is no bench_peers.py in it; give the folder that holds it")
    if not shutil.which(options.ferroflow):
        stop(f"--ferroflow {options.ferroflow}: no such program; run cargo build --release, or give its path")
    if not options.python:
        stop("--python is missing; give at least one peer, such as --python flowjax=venv/bin/python")
    peers = {}
    for pair in options.python:
        name, _, path = pair.partition("=")
        if not name or not path:
            stop(f"--python {pair}: give NAME=PATH, such as flowjax=venv/bin/python")
        if not shutil.which(path):
            stop(f"--python {pair}: no such interpreter; give the python of the peer's virtual environment")
        peers[name] = path
    return peers


def cores(count):
    """The cores that the harness pins its process to, or none where the system has no such call."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    known = sorted(os.sched_getaffinity(0))
    first = int(os.environ.get("BENCH_CPU", "0")) % len(known)
    return (known[first:] + known[:first])[:count]


class Session:
    """The runs of one go: where rows are written, and which pairs of program and workload have failed."""

    def __init__(self, options, peers):
        self.options, self.peers, self.rows, self.failed = options, peers, [], set()

    def command(self, name, workload, rows):
        options = self.options
        common = ["--threads", str(options.threads), "--out", rows]
        if options.device != "cpu":
            common += ["--device", options.device]
        if workload == "ceilings":
            return [options.ferroflow, "bench", workload, *common, "--only", PEAK, "--budget", "0.2"]
        common += ["--budget", str(options.budget)]
        if workload in ("W7", "W8"):
            for flag, value in (("--epochs", options.epochs), ("--batches", options.batches)):
                common += [flag, str(value)] if value else []
        if name == OURS:
            return [options.ferroflow, "bench", workload, *common, *(f"--only={part}" for part in options.only)]
        program = os.path.join(options.harness, "bench_peers.py")
        phases = [part.split("@")[0] for part in options.only]
        only = ["--only", *phases] if phases and all(phases) else []
        return [self.peers[name], program, "--peer", name, "--workload", workload, *common, *only]

    def wanted(self, row):
        name = f"{row['phase']}@{row.get('batch')}"
        return not self.options.only or row["workload"] == "ceiling" or any(part in name for part in self.options.only)

    def run(self, number, name, workload):
        """One program on one workload; its rows are kept even if it fails later on."""
        if (name, workload) in self.failed:
            return
        began = time.monotonic()
        pin = cores(self.options.threads) if name == OURS else None
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "rows.jsonl")
            try:
                done = subprocess.run(
                    self.command(name, workload, path), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE, timeout=self.options.timeout, errors="replace",
                    preexec_fn=(lambda: os.sched_setaffinity(0, pin)) if pin else None)
                status, complaint = done.returncode, done.stderr
            except subprocess.TimeoutExpired:
                status, complaint = -1, f"it ran longer than {self.options.timeout:.0f} s; see --timeout"
            except OSError as fault:
                status, complaint = -1, str(fault)
            rows = [row for row in read_rows(path) if self.wanted(row)] if os.path.exists(path) else []
        today = datetime.date.today().isoformat()
        self.keep([{**row, "round": number, "date": today} for row in rows])
        measured = sum("error" not in row and row["phase"] != "import" for row in rows)
        say(f"round {number}/{self.options.rounds}  {name:<16} {workload:<9} {measured:>3} phases  "
            f"{time.monotonic() - began:6.1f} s")
        for row in rows:
            if "error" in row:
                say(f"    {name} {workload} {row['phase']} {row.get('batch')} failed: {row['error']}")
        if status != 0:
            self.failed.add((name, workload))
            say(f"    {name} on {workload} failed (status {status}) and is left out of later rounds; its last lines:")
            for text in complaint.strip().splitlines()[-LAST_LINES:]:
                say(f"    | {text}")

    def keep(self, rows):
        self.rows += rows
        if self.options.out:
            with open(self.options.out, "a", encoding="utf-8") as file:
                file.writelines(json.dumps(row) + "\n" for row in rows)

    def all_rounds(self):
        for number in range(1, self.options.rounds + 1):
            if self.options.device == "cpu":
                self.run(number, OURS, "ceilings")
            for workload in self.options.workloads:
                if workload not in ("W7", "W8") or number <= self.options.w7_rounds:
                    for name in (OURS, *self.peers):
                        self.run(number, name, workload)


def main():
    options = arguments()
    try:
        if options.stored:
            rows, failed = [row for path in options.stored for row in read_rows(path)], False
        else:
            session = Session(options, checked(options))
            for path in filter(None, (options.out, options.table)):
                open(path, "a", encoding="utf-8").close()
            try:
                session.all_rounds()
            except KeyboardInterrupt:
                say("stopped; the table holds what was measured so far")
            rows, failed = session.rows, bool(session.failed)
        text = table(rows)
        if options.table:
            with open(options.table, "w", encoding="utf-8") as file:
                file.write(text + "\n")
        else:
            print(text)
    except BadRows as fault:
        stop(fault)
    except OSError as fault:
        stop(f"{fault.filename}: cannot be written ({fault.strerror}); name another file")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
