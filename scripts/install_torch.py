"""Installs torch into the Python that runs this: a CPU build on a machine without a GPU.

On Linux PyPI's torch brings several gigabytes of CUDA. So pip is asked first what it would install (a dry
run reads a few kilobytes): where that holds no CUDA it is taken; otherwise PyTorch's own CPU index is.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys

CPU_TORCH = "torch==2.13.0"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
ANY_TORCH = "torch>=2.6"
CUDA_PACKAGES = ("nvidia-", "cuda-", "triton")


def pip(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pip", *arguments], stdout=subprocess.PIPE, text=True, check=False
    )


def would_bring_cuda(*request: str) -> bool | None:
    """Would this pip request install CUDA packages? None where pip cannot fulfil it at all."""
    answer = pip("install", "--dry-run", "--quiet", "--report", "-", *request)
    if answer.returncode != 0:
        return None
    names = [entry["metadata"]["name"] for entry in json.loads(answer.stdout)["install"]]
    return any(name.startswith(CUDA_PACKAGES) for name in names)


def has_gpu() -> bool:
    return (
        shutil.which("nvidia-smi") is not None
        and subprocess.run(["nvidia-smi", "-L"], stdout=subprocess.DEVNULL, check=False).returncode == 0
    )


def main() -> int:
    if importlib.util.find_spec("torch") is not None:
        return 0
    if has_gpu():
        return pip("install", ANY_TORCH).returncode
    if would_bring_cuda(CPU_TORCH) is False:
        print(f"installing {CPU_TORCH} (no CUDA)", flush=True)
        return pip("install", "--quiet", CPU_TORCH).returncode
    print(f"installing {CPU_TORCH} from {CPU_INDEX}", flush=True)
    done = pip("install", "--quiet", "--timeout", "20", "--retries", "1", "--index-url", CPU_INDEX, CPU_TORCH)
    if done.returncode != 0:
        print(
            f"No CPU build of torch was found: {CPU_INDEX} cannot be reached, and the usual index "
            f"has only builds with gigabytes of CUDA for this Python. Install one yourself, then go on:\n"
            f"  {sys.executable} -m pip install '{ANY_TORCH}'",
            file=sys.stderr,
        )
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
