"""Attention of PyTorch on one thread, for comparison with `cargo bench --bench attention`.

    python benches/attention_torch.py

The same shapes, four heads of 16: contiguous queries, keys and values [sets, 4, elements, 16], no mask, no dropout.
Backward is `autograd.grad` of the output against a fixed gradient. Fastest of the repeats, in CPU time of the process.
"""

import time

import torch

HEADS, WIDTH = 4, 16
SHAPES = [("100 on 100", 32, 100, 100), ("1000 on 1000", 32, 1000, 1000), ("4 on 100", 32, 4, 100),
          ("4 on 100", 1024, 4, 100)]


def fastest(task, seconds=2.0, at_least=20):
    best, spent, repeats = float("inf"), 0.0, 0
    while spent < seconds or repeats < at_least:
        start = time.process_time_ns()
        task()
        taken = time.process_time_ns() - start
        best, spent, repeats = min(best, taken), spent + taken * 1e-9, repeats + 1
    return best


def main():
    torch.set_num_threads(1)
    torch.manual_seed(1)
    print(f"torch {torch.__version__}")
    print(f"{'queries on keys':<16} {'sets':>5} {'forward':>14} {'backward':>14}")
    for name, sets, queries, keys in SHAPES:
        q = torch.randn(sets, HEADS, queries, WIDTH, requires_grad=True)
        k, v = (torch.randn(sets, HEADS, keys, WIDTH, requires_grad=True) for _ in range(2))
        gradient = torch.randn(sets, HEADS, queries, WIDTH)
        attend = torch.nn.functional.scaled_dot_product_attention

        def forward():
            with torch.no_grad():
                attend(q, k, v)

        out = attend(q, k, v)

        def backward():
            torch.autograd.grad(out, (q, k, v), gradient, retain_graph=True)

        pairs = sets * HEADS * queries * keys
        cells = []
        for task, products in ((forward, 2), (backward, 5)):
            ns = fastest(task)
            cells.append(f"{ns / 1e3:>8.0f} µs {2 * products * pairs * WIDTH / ns:>5.1f}")
        print(f"{name:<16} {sets:>5} {cells[0]} {cells[1]} GFLOP/s", flush=True)


if __name__ == "__main__":
    main()
