"""Tests of the comparison: python3 -m unittest discover benches"""
import os
import stat
import sys
import tempfile
import unittest
import unittest.mock

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import compare
from compare_table import BadRows, merge, ranked, read_rows, table


def row(peer, phase, seconds, variant=None, workload="W1", **more):
    return {"peer": peer, "workload": workload, "phase": phase, "threads": 1, "batch": 64, "variant": variant,
            "median_s": 3 * seconds, "min_s": 2 * seconds, "cpu_s": 1.5 * seconds, "cpu_min_s": seconds, **more}


class Table(unittest.TestCase):
    def test_rounds_merge_to_the_smallest_time_and_the_median(self):
        entry, = merge([row("ferroflow", "log_prob", t) for t in (3.0, 1.0, 2.0)])
        self.assertEqual((entry.best(), entry.median()), (1.0, 3.0))
        entry, = merge([row("ferroflow", "log_prob", t, threads=2) for t in (3.0, 1.0)])
        self.assertEqual((entry.best(), entry.median()), (2.0, 6.0))
        entry, = merge([row("ferroflow", "log_prob", t, device="cuda") for t in (3.0, 1.0)])
        self.assertEqual((entry.best(), entry.median()), (2.0, 6.0))

    def test_training_is_compared_like_with_like(self):
        rows = [row("ferroflow", "train_step", 1.0, "dropout"), row("ferroflow", "train_step", 1.0, "no-dropout"),
                row("flowjax", "train_step", 2.0, "jit"), row("bayesflow-jax", "train_step", 9.0, "as-shipped"),
                row("bayesflow-jax", "train_step", 4.0, "jit"), row("torch-native", "train_step", 5.0, "eager")]
        with_dropout, without, *others = merge(rows)
        names = [[peer.row["peer"] for peer in ranked(side, others)] for side in (with_dropout, without)]
        self.assertEqual(names, [["bayesflow-jax", "torch-native"], ["flowjax"]])
        text = table(rows)
        expected = "| W1 | train_step | 64 | with | 1 s | 1.5 s |  | bayesflow-jax jit | 4 s | 6 s | 4.00 | 4.00 |"
        self.assertIn(expected, text)
        self.assertIn("Geometric mean of the 2 ratios of W1 to W3, each row once: **2.83**; 2 are above 1.", text)

    def test_share_of_the_peak_and_the_mean_without_w7(self):
        rows = [row("ferroflow", "fma-f32", 1.0, workload="ceiling", flops=80e9),
                row("ferroflow", "sample", 1.0, flops=20e9), row("ferroflow", "sample", 1.0, workload="W7"),
                row("flowjax", "sample", 2.0), row("bayesflow-jax", "sample", 8.0, workload="W7")]
        text = table(rows)
        self.assertIn("| 25 % | flowjax |", text)
        self.assertIn("Geometric mean of the 1 ratios of W1 to W3, each row once: **2.00**", text)
        self.assertNotIn("| ceiling", text)

    def test_fits_of_other_lengths_are_not_compared(self):
        rows = [row("ferroflow", "fit_online", 1.0, steps=3000), row("bayesflow-jax", "fit_online", 9.0, steps=100),
                row("ferroflow", "time_to_first_posterior", 1.0, steps=3000),
                row("bayesflow-jax", "time_to_first_posterior", 9.0)]
        self.assertNotIn("| bayesflow-jax |", table(rows))
        for r in rows:
            r["steps"] = 100
        self.assertEqual(table(rows).count("| bayesflow-jax |"), 2)

    def test_failures_and_strange_files_are_named(self):
        rows = [row("ferroflow", "sample", 1.0), {**row("zuko", "sample", 1.0), "error": "no memory"}]
        self.assertIn("* zuko W1 sample 64: no memory", table(rows))
        with self.assertRaisesRegex(BadRows, "no row of ferroflow"):
            table(rows[1:])
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "rows.jsonl")
            with open(path, "w", encoding="utf-8") as file:
                file.write('{"peer": "a"}\n')
            with self.assertRaisesRegex(BadRows, "line 1 is no row"):
                read_rows(path)
            with self.assertRaisesRegex(BadRows, "cannot be read"):
                read_rows(path + "x")


WRITES = """#!{python}
import json, sys
at = sys.argv.index("--out") + 1
row = dict(peer="{peer}", workload="W1", phase="log_prob", batch=1, threads=1, median_s=1.0, min_s=1.0)
open(sys.argv[at], "a").write(json.dumps(row) + "\\n")
"""
FAILS = "import sys\nsys.exit('first line\\nno such workload')\n"


class Session(unittest.TestCase):
    def test_a_failing_peer_is_left_out_and_the_others_go_on(self):
        with tempfile.TemporaryDirectory() as folder:
            path = lambda name: os.path.join(folder, name)
            for name, text in (("ferroflow", WRITES.format(python=sys.executable, peer="ferroflow")),
                               ("bench_peers.py", FAILS)):
                with open(path(name), "w", encoding="utf-8") as file:
                    file.write(text)
            os.chmod(path("ferroflow"), stat.S_IRWXU)
            options = compare.arguments(["--harness", folder, "--ferroflow", path("ferroflow"), "--rounds", "2",
                                         "--python", f"flowjax={sys.executable}", "--workloads", "W1", "--out", path("rows")])
            said = []
            with unittest.mock.patch.object(compare, "say", said.append):
                session = compare.Session(options, compare.checked(options))
                session.all_rounds()
            self.assertEqual(session.failed, {("flowjax", "W1")})
            self.assertEqual([r["round"] for r in read_rows(path("rows"))], [1, 1, 2, 2])
            self.assertEqual(sum("flowjax" in text and "failed" in text for text in said), 1)
            self.assertIn("    | no such workload", said)

    def test_what_is_missing_is_said(self):
        for given, message in [([], "--harness is missing"), (["--harness", "absent"], "no bench_peers.py in it")]:
            with self.assertRaisesRegex(SystemExit, message):
                compare.checked(compare.arguments(given))


if __name__ == "__main__":
    unittest.main()
