"""Builds the native media plane: one library of C, and the Cython modules of native/mediasrv_native over it."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from glob import glob

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_clib import build_clib
from setuptools.command.build_ext import build_ext

SPEEXDSP = "native/vendor/speexdsp"
ROOMS = [room.rstrip("/") for room in sorted(glob("native/c/*/"))]
INSTRUMENT = "native/c/instrument"  # shares no code with what it measures
INCLUDES = ["native/c", *ROOMS, SPEEXDSP, f"{SPEEXDSP}/include"]
HEADERS = sorted(glob("native/c/*.h") + glob("native/c/*/*.h"))
MACROS: list[tuple[str, str | None]] = [("HAVE_CONFIG_H", None)]
C_FLAGS = [
    "-std=gnu11",
    "-O3",
    "-g1",
    "-ffast-math",
    "-fno-finite-math-only",
    "-fno-math-errno",
    "-fno-wrapv",  # Python's own flags say -fwrapv, which keeps gcc from vectorising the canceller: twice its cost
    "-fPIC",
    "-Wall",
    "-Wextra",
    "-Wno-unused-function",
    "-Wno-unused-parameter",
    "-fvisibility=hidden",
    *os.environ.get("MEDIASRV_CFLAGS", "").split(),
]
LIBRARIES = ["opus", "crypto", "m", "pthread"]


def c_files(*folders: str) -> list[str]:
    return sorted(path for folder in folders for path in glob(f"{folder}/*.c"))


def library(*folders: str) -> dict[str, object]:
    return {
        "sources": c_files(*folders),
        "include_dirs": INCLUDES,
        "macros": MACROS,
        "cflags": C_FLAGS,
        "obj_deps": {"": HEADERS},
    }


class BuildLibrary(build_clib):
    """The objects of a library, side by side on all cores."""

    def build_libraries(self, libraries: list[tuple[str, dict[str, object]]]) -> None:
        compile_some = self.compiler.compile

        def compile_all(sources: list[str], **options: object) -> list[str]:
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                done = pool.map(lambda source: compile_some([source], **options), sources)
                return [built for objects in done for built in objects]

        self.compiler.compile = compile_all
        super().build_libraries(libraries)


class BuildExtensions(build_ext):
    """An extension is linked again when the library under it has changed."""

    def run(self) -> None:
        self.run_command("build_clib")
        built = self.get_finalized_command("build_clib")
        for extension in self.extensions:
            archives = [f"{built.build_clib}/lib{name}.a" for name in extension.libraries]
            extension.depends.extend(path for path in archives if os.path.exists(path))
        super().run()


def extension(path: str) -> Extension:
    module = os.path.splitext(os.path.basename(path))[0]
    return Extension(
        f"mediasrv_native.{module}",
        [path],
        include_dirs=INCLUDES,
        define_macros=MACROS,
        libraries=["mediasrv_wire", "m", "pthread"] if module == "wire" else ["mediasrv_media", *LIBRARIES],
        extra_compile_args=C_FLAGS,
        depends=HEADERS + sorted(glob("native/mediasrv_native/*.pxd")),
    )


setup(
    libraries=[
        ("mediasrv_media", library(*(set(ROOMS) - {INSTRUMENT}), f"{SPEEXDSP}/src")),
        ("mediasrv_wire", library(INSTRUMENT)),
    ],
    cmdclass={"build_clib": BuildLibrary, "build_ext": BuildExtensions},
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
    ),
)
