"""C: a function in a shared library, called through ctypes.

refnn check proofs/peers/with_c.py:gradient
"""

import ctypes
import subprocess
import tempfile
from pathlib import Path

import numpy as np

SOURCE = Path(__file__).with_name("backprop.c")

with tempfile.TemporaryDirectory() as folder:
    library = Path(folder) / "backprop.so"
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-lm"], check=True)
    c_gradient = ctypes.CDLL(str(library)).gradient

doubles = np.ctypeslib.ndpointer(np.float64, flags="C_CONTIGUOUS")
ints = np.ctypeslib.ndpointer(np.intc, flags="C_CONTIGUOUS")
c_gradient.argtypes = [ctypes.c_int, ints, ctypes.c_int, doubles, doubles, doubles, doubles]


def gradient(params, X, Y):
    L, m = len(params) // 2, X.shape[1]
    keys = [f"{V}{l}" for l in range(1, L + 1) for V in "Wb"]
    dims = np.array([len(X)] + [len(params[f"b{l}"]) for l in range(1, L + 1)], dtype=np.intc)
    flat = np.concatenate([params[key].ravel() for key in keys])
    grads = np.empty_like(flat)
    if c_gradient(L, dims, m, flat, np.ascontiguousarray(X), np.ascontiguousarray(Y), grads):
        raise MemoryError("backprop.c found no memory")
    ends = np.cumsum([params[key].size for key in keys])
    return {f"d{key}": part.reshape(params[key].shape) for key, part in zip(keys, np.split(grads, ends[:-1]))}
