"""Builds the native media plane: each Cython module in native/mediasrv_native, linked with the C it names."""

from __future__ import annotations

import os
from glob import glob

from Cython.Build import cythonize
from setuptools import Extension, setup

SPEEXDSP = "native/vendor/speexdsp"
C_FLAGS = [
    "-std=gnu11",
    "-O3",
    "-g1",
    "-ffast-math",
    "-fno-finite-math-only",
    "-fno-math-errno",
    "-fno-wrapv",  # Python's own flags say -fwrapv, which keeps gcc from vectorising the canceller: twice its cost
    "-Wall",
    "-Wextra",
    "-Wno-unused-function",
    "-Wno-unused-parameter",
    "-fvisibility=hidden",
    *os.environ.get("MEDIASRV_CFLAGS", "").split(),
]
INSTRUMENT = sorted(glob("native/c/ms_wire*.c"))
MEDIA_PLANE = sorted({*glob("native/c/*.c"), *glob(f"{SPEEXDSP}/src/*.c")} - set(INSTRUMENT))


def extension(path: str) -> Extension:
    module = os.path.splitext(os.path.basename(path))[0]
    return Extension(
        f"mediasrv_native.{module}",
        # the measuring instrument shares no code with what it measures
        [path, *(INSTRUMENT if module == "wire" else MEDIA_PLANE)],
        include_dirs=["native/c", SPEEXDSP, f"{SPEEXDSP}/include"],
        define_macros=[("HAVE_CONFIG_H", None)],
        extra_compile_args=C_FLAGS,
        extra_link_args=["-lm", "-lpthread"],
        depends=sorted(glob("native/c/*.h") + glob("native/mediasrv_native/*.pxd")),
    )


setup(
    ext_modules=cythonize(
        [extension(path) for path in sorted(glob("native/mediasrv_native/*.pyx"))],
        include_path=["native"],
        nthreads=os.cpu_count() or 1,
        compiler_directives={
            "language_level": 3,
            "boundscheck": False,
            "wraparound": False,
            "cdivision": True,
            "embedsignature": True,
        },
    )
)
