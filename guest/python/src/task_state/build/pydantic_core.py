"""The core of pydantic 2, which is Rust, built from its source distribution for the Python in a component.

It takes some minutes, once for each version: what was built is kept in the user's cache.
"""

from __future__ import annotations

import os
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path

from . import tools
from .packages import Packages
from .stop import Missing, Stop

#: What an extension of the component's Python is called.
FILE = "_pydantic_core.cpython-314-wasm32-wasi.so"

_TARGET = "wasm32-wasip2"
#: The Python that componentize-py has: the extension is linked to it when the component is made.
_PYTHON = """implementation=CPython
version=3.14
shared=true
abi3=false
pointer_width=32
suppress_build_script_link_lines=true
"""
_LINK = (
    "-shared", "--skip-wit-component", "--unresolved-symbols=import-dynamic", "--no-export-dynamic", "--gc-sections",
    "--strip-debug",
)  # fmt: skip


def cache_folder() -> Path:
    """Where the user's caches are."""
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "task-state" / "python"


def built(packages: Packages) -> Path:
    """The extension of the version that is installed: from the cache, or built now."""
    distribution = packages.distribution_of("pydantic_core")
    if distribution is None:
        raise Stop("pydantic_core has no metadata, so that its version is not known. Install pydantic by pip")
    version = distribution.version
    kept = cache_folder() / f"pydantic-core-{version}" / FILE
    if not kept.is_file():
        with tempfile.TemporaryDirectory(prefix="task-state-pydantic-") as folder:
            made = _build(version, Path(folder))
            kept.parent.mkdir(parents=True, exist_ok=True)
            # In one step: another build may be at the same.
            partly = kept.with_suffix(f".{os.getpid()}")
            shutil.copyfile(made, partly)
            partly.replace(kept)
    return kept


def _build(version: str, folder: Path) -> Path:
    cargo = tools.find("cargo", "https://rustup.rs", beside=Path.home() / ".cargo" / "bin")
    _check_target(cargo)
    print(f"pydantic's core {version} is built for the sandbox, once", file=sys.stderr)
    source = _source(version, folder)
    (folder / "python.txt").write_text(_PYTHON, encoding="utf-8")
    # Rust asks for it by name; what is in it comes from the component.
    (folder / "libc.a").write_bytes(b"!<arch>\n")
    link = " ".join(f"-Clink-arg={argument}" for argument in (*_LINK, f"-L{folder}"))
    environment = {
        "PYO3_CONFIG_FILE": str(folder / "python.txt"),
        "RUSTFLAGS": f"-Crelocation-model=pic -Clink-self-contained=n {link}",
        "CARGO_PROFILE_RELEASE_LTO": "false",
        "CARGO_TARGET_DIR": str(folder / "target"),
    }
    command = [cargo, "build", "--release", "--target", _TARGET, "--lib", "--features", "pyo3/extension-module"]
    done = tools.run(command, environment=environment, folder=source)
    made = sorted((folder / "target" / _TARGET / "release").glob("*pydantic_core.wasm"))
    if done.returncode != 0 or not made:
        raise Stop(f"pydantic's core {version} could not be built: see what cargo said. Other versions may build")
    return made[0]


def _check_target(cargo: str) -> None:
    rustc = shutil.which("rustc", path=os.pathsep.join([str(Path(cargo).parent), os.environ.get("PATH", "")]))
    if rustc is None:
        raise Missing("rustc is not there. To install it: https://rustup.rs")
    done = tools.run([rustc, "--print", "target-libdir", "--target", _TARGET], quiet=True)
    if done.returncode != 0 or not Path(done.stdout.strip()).is_dir():
        raise Missing(f"Rust's target {_TARGET} is not there. To install it: rustup target add {_TARGET}")


def _source(version: str, folder: Path) -> Path:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command = [*pip, "--no-binary", "pydantic-core", "--dest", str(folder), f"pydantic-core=={version}"]
    done = tools.run(command)
    archives = sorted(folder.glob("pydantic_core-*.tar.gz"))
    if done.returncode != 0 or not archives:
        raise Missing(
            f"the source of pydantic-core {version} could not be had by pip. It takes pip ({sys.executable} -m ensurepip) "
            "and access to a package index, the first time"
        )
    with tarfile.open(archives[0]) as archive:
        if hasattr(tarfile, "data_filter"):
            archive.extractall(folder, filter="data")
        else:
            archive.extractall(folder)
    return folder / archives[0].name.removesuffix(".tar.gz")
