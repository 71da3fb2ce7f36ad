"""Writes numpy.npz and numpy_compressed.npz beside this file. Run with NumPy 2.4; the tests need only the files."""

from pathlib import Path

import numpy as np

here = Path(__file__).parent
arrays = {
    "f8": np.arange(6.0).reshape(2, 3),
    "f4_big_endian": np.array([1.5, -2.5], dtype=">f4"),
    "f2": np.array([0.5, np.inf], dtype="<f2"),
    "i4_fortran": np.asfortranarray(np.arange(6, dtype="<i4").reshape(2, 3)),
    "i2": np.array([-3], dtype="<i2"),
    "i1": np.array([-128, 127], dtype="i1"),
    "u1": np.array([255], dtype="u1"),
    "u2": np.array([65535], dtype="<u2"),
    "u4": np.array([4294967295], dtype="<u4"),
    "u8": np.array([9223372036854775807], dtype="<u8"),
    "i8": np.array([-9223372036854775808], dtype="<i8"),
    "bool": np.array([[True], [False]]),
    "scalar": np.float64(3.25),
    "empty": np.zeros((0, 4)),
    "größe/σ": np.array([1]),
}
np.savez(here / "numpy.npz", **arrays)
np.savez_compressed(here / "numpy_compressed.npz", **arrays)
