"""Rows of a bench, merged over rounds, and the table of ferroflow beside its peers. Used by compare.py."""
import json
import math
import statistics

OURS = "ferroflow"
PEAK = "fma-f32"
# Peers that train these networks without dropout; all others train with it.
WITHOUT_DROPOUT = ("flowjax", "zuko", "sbi", "normflows")
WHOLE_FITS = ("fit_online", "time_to_first_posterior", "time_to_first_step")
IN_THE_MEAN = ("W1", "W2", "W3")


class BadRows(Exception):
    """A file of rows that cannot be used."""


def read_rows(path):
    """The rows of a file with one JSON object a line."""
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
    except (OSError, UnicodeDecodeError) as fault:
        raise BadRows(f"{path}: the rows cannot be read ({fault}); check the path") from None
    rows = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                row = json.loads(line)
                row["peer"], row["workload"], row["phase"], row["threads"]
            except (ValueError, KeyError, TypeError) as fault:
                raise BadRows(f"{path}: line {number} is no row of a bench ({fault!r}); leave it out") from None
            rows.append(row)
    return with_steps(rows)


def with_steps(rows):
    """Gives a time to the first posterior the number of steps of the fit before it."""
    steps = {}
    for row in rows:
        if row["phase"] == "fit_online":
            steps[row["peer"]] = row.get("steps")
        elif row["phase"] == "time_to_first_posterior":
            row.setdefault("steps", steps.get(row["peer"]))
    return rows


class Merged:
    """All rounds of a phase on one side."""

    def __init__(self, row):
        self.row, self.rows = row, []

    def times(self, *names):
        found = (next((row[name] for name in names if row.get(name) is not None), None) for row in self.rows)
        return [time for time in found if time is not None]

    def on_one_core(self):
        return self.row["threads"] == 1 and self.row.get("device", "cpu") == "cpu"

    def best(self):
        """The smallest CPU time of the process on one thread, the smallest wall time on several, or on a GPU."""
        alone = self.on_one_core()
        return min(self.times("cpu_min_s", "cpu_s", "min_s") if alone else self.times("min_s", "median_s"))

    def median(self):
        alone = self.on_one_core()
        return statistics.median(self.times("cpu_s", "median_s") if alone else self.times("median_s"))

    def rate(self):
        """10⁹ operations a second at the best time."""
        return self.row["flops"] / self.best() / 1e9 if self.row.get("flops") else None


def merge(rows):
    """One entry for each phase of each program, in the order in which they were first seen."""
    merged = {}
    for row in rows:
        if "error" in row or row["phase"] == "import" or row.get("median_s") is None:
            continue
        key = tuple(row.get(k) for k in ("peer", "workload", "threads", "phase", "batch", "variant", "steps"))
        merged.setdefault(key, Merged(row)).rows.append(row)
    return list(merged.values())


def comparable(ours, theirs):
    """True when both rows measure the same: dropout as the peer has it, and as many steps of a fit."""
    if any(ours.get(k) != theirs.get(k) for k in ("workload", "threads", "phase", "batch", "steps")):
        return False
    without = theirs["peer"] in WITHOUT_DROPOUT
    return {"dropout": not without, "no-dropout": without}.get(ours.get("variant"), True)


def ranked(entry, entries):
    """The fastest form of each peer that does the same, the fastest peer first."""
    fastest = {}
    for other in entries:
        if other.row["peer"] != OURS and comparable(entry.row, other.row):
            known = fastest.get(other.row["peer"])
            if known is None or other.best() < known.best():
                fastest[other.row["peer"]] = other
    return sorted(fastest.values(), key=Merged.best)


def duration(seconds):
    for factor, unit in ((1, "s"), (1e3, "ms")):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}" if seconds * factor < 1000 else f"{seconds * factor:.0f} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def dropout(row):
    if row["phase"] in WHOLE_FITS:
        return "with"
    return {"dropout": "with", "no-dropout": "without"}.get(row.get("variant"), "")


HEAD = ("workload", "phase", "batch", "dropout", "ferroflow", "median", "of peak", "fastest peer", "its time", "median",
        "ratio", "ratio of medians", "other peers")


def line(entry, entries, peak):
    """The cells of a phase, and the ratio if a peer does the same."""
    row, best, median, rate = entry.row, entry.best(), entry.median(), entry.rate()
    cells = [row["workload"], row["phase"], "" if row.get("batch") is None else str(row["batch"]), dropout(row),
             duration(best), duration(median), f"{100 * rate / peak:.0f} %" if rate and peak else ""]
    peers = ranked(entry, entries)
    if not peers:
        return cells + [""] * (len(HEAD) - len(cells)), None
    first, ratio = peers[0], peers[0].best() / best
    rest = ", ".join(f"{peer.row['peer']} {duration(peer.best())}" for peer in peers[1:])
    cells += [f"{first.row['peer']} {first.row.get('variant') or ''}".strip(), duration(first.best()),
              duration(first.median()), f"{ratio:.2f}", f"{first.median() / median:.2f}", rest]
    return cells, ratio


def table(rows):
    """The Markdown text: origin of the rows, a table and a mean for each number of threads, failures."""
    entries = merge(with_steps(rows))
    ours = [entry for entry in entries if entry.row["peer"] == OURS and entry.row["workload"] != "ceiling"]
    phases = list(dict.fromkeys(entry.row["phase"] for entry in ours))
    ours.sort(key=lambda e: (e.row["workload"], phases.index(e.row["phase"]), dropout(e.row), e.row.get("batch") or 0))
    if not ours:
        raise BadRows("there is no row of ferroflow to compare; measure it, or add a file with its rows")
    out = ["# ferroflow beside its peers", "", *origin(rows), ""]
    for threads in sorted({entry.row["threads"] for entry in ours}):
        peaks = [e.rate() for e in entries if e.row["phase"] == PEAK and e.row["threads"] == threads]
        peak = max(peaks, default=None)
        time = "process CPU time" if threads == 1 else "wall time"
        out += [f"## On {threads} thread{'s' * (threads > 1)}", "",
                f"Times are the smallest {time} of all rounds, beside it the median; a ratio above 1 says that ferroflow is "
                "faster." + (f" Peak: {peak:.1f} GFLOP/s of multiply-adds in registers." if peak else ""), "",
                f"| {' | '.join(HEAD)} |", "|---" * len(HEAD) + "|"]
        ratios = []
        for entry in (entry for entry in ours if entry.row["threads"] == threads):
            cells, ratio = line(entry, entries, peak)
            out.append(f"| {' | '.join(cells)} |")
            if ratio and entry.row["workload"] in IN_THE_MEAN:
                ratios.append(ratio)
        if ratios:
            mean = math.exp(statistics.fmean(map(math.log, ratios)))
            out += ["", f"Geometric mean of the {len(ratios)} ratios of W1 to W3, each row once: **{mean:.2f}**; "
                    f"{sum(ratio > 1 for ratio in ratios)} are above 1."]
        out.append("")
    failed = dict.fromkeys(f"* {r['peer']} {r['workload']} {r['phase']} {r.get('batch') or ''}: {r['error']}"
                           for r in rows if "error" in r)
    if failed:
        out += ["Phases that failed:", "", *failed, ""]
    return "\n".join(out)


def origin(rows):
    """When, on what and by which versions the rows were measured."""
    def different(values):
        return list(dict.fromkeys(value for value in values if value))

    versions = [(row["peer"], row.get("versions") or {}) for row in rows]
    machines = different(v.get("cpu") for _, v in versions)
    dates = sorted(different(row.get("date") for row in rows))
    loads = [row["load1"] for row in rows if row.get("load1") is not None]
    rounds = different(row.get("round") for row in rows)
    facts = ("cpu", "cores", "python", "kernels")
    out = [f"* Date: {' to '.join(dict.fromkeys((dates[0], dates[-1]))) if dates else 'not stored'}"
           + (f"; {len(rounds)} rounds" if len(rounds) > 1 else ""),
           f"* Processor: {', '.join(machines) or 'not stored'}"]
    if len(machines) > 1:
        out.append("* **The rows come from different machines: the ratios mean little.**")
    if loads:
        out.append(f"* Load average of the machine: {min(loads):.1f} to {max(loads):.1f}")
    for peer in different(peer for peer, _ in versions):
        texts = different(", ".join(f"{k} {v[k]}" for k in v if k not in facts)
                          + (f" ({v['kernels']})" if "kernels" in v else "") for name, v in versions if name == peer)
        out.append(f"* {peer}: {'; '.join(texts) or 'versions not stored'}")
    return out
