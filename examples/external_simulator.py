"""A simulator for `ferroflow simulate --command`: parameters in, data out, both .npz files (numpy only).

ferroflow simulate --command 'python3 examples/external_simulator.py' --prior 'mean=normal(0,1)' 'sd=gamma(2,0.5)' \
    --count 1000 --jobs 2 --out sims.npz
"""
import sys
import numpy as np

given = np.load(sys.argv[1])  # mean [datasets, 1], sd [datasets, 1], seed [datasets]
rows = []
for mean, sd, seed in zip(given["mean"], given["sd"], given["seed"]):
    rng = np.random.default_rng(seed)  # the same data for a data set, whatever the batches
    rows.append(rng.normal(mean, sd, size=20))
with open(sys.argv[2], "wb") as output:
    np.savez(output, x=np.stack(rows))
