"""The models as plugins: light to register, plain errors, saved and loaded in place, LoRA, the seedling."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest
import torch

from selfchal.builtin_models.config import TransformersConfig
from selfchal.builtin_models.seedling_model import SeedlingConfig, SeedlingModel
from selfchal.builtin_models.transformers_model import TransformersModel
from selfchal.core.errors import ModelError
from selfchal.core.model import Capability, Message, Sampling
from tests.builtin_models.conftest import Make
from tests.builtin_models.talks import prompts

pytestmark = pytest.mark.torch

TinyPath = Callable[[str], Path]
GREEDY = Sampling(temperature=0, max_tokens=12)
LORA = {"r": 4, "alpha": 8}


def test_registering_imports_nothing_heavy() -> None:
    code = (
        "import sys; import selfchal.builtin_models.plugin as plugin\n"
        "assert {m.name for m in plugin.register_models()} >= {'seedling', 'transformers'}\n"
        "heavy = {'torch', 'transformers', 'vllm', 'openai', 'httpx', 'peft'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_saved_weights_come_back_into_the_same_tensors(make_model: Make, tmp_path: Path) -> None:
    model = make_model()
    talks = prompts(model)
    before = model.generate(talks, GREEDY)
    model.save(tmp_path / "step_1")
    tensors = [id(parameter) for parameter in model.network.parameters()]
    with torch.no_grad():
        for parameter in model.network.parameters():
            parameter.add_(torch.randn_like(parameter))
    model.on_weights_updated()
    assert model.generate(talks, GREEDY) != before
    model.load(tmp_path / "step_1")
    assert model.generate(talks, GREEDY) == before
    assert [id(parameter) for parameter in model.network.parameters()] == tensors
    again = TransformersModel(TransformersConfig(path=str(tmp_path / "step_1")))
    assert again.generate(talks, GREEDY) == before


def test_lora_trains_saves_and_loads_the_adapter_alone(make_model: Make, tmp_path: Path) -> None:
    model = make_model("llama", lora=LORA)
    trained = [name for name, parameter in model.network.named_parameters() if parameter.requires_grad]
    assert trained
    assert all("lora_" in name for name in trained)
    talks = prompts(model)
    plain = make_model("llama").generate(talks, GREEDY)
    assert model.generate(talks, GREEDY) == plain, "a fresh adapter changes nothing"
    with torch.no_grad():
        for parameter in model.network.parameters():
            if parameter.requires_grad:
                parameter.normal_()
    model.on_weights_updated()
    adapted = model.generate(talks, GREEDY)
    assert adapted != plain
    with model.network.disable_adapter():
        model.on_weights_updated()
        assert model.generate(talks, GREEDY) == plain
    model.save(tmp_path)
    assert {"adapter_config.json", "adapter_model.safetensors"} <= {file.name for file in tmp_path.iterdir()}
    assert not (tmp_path / "model.safetensors").exists()
    other = make_model("llama", lora=LORA)
    other.load(tmp_path)
    assert other.generate(talks, GREEDY) == adapted


def test_gradients_flow_with_checkpointing_and_lora(make_model: Make) -> None:
    plain, saving = (make_model("llama", lora=LORA, gradient_checkpointing=flag) for flag in (False, True))
    saving.network.load_state_dict(plain.network.state_dict())
    ids = torch.tensor([prompts(plain)[0]])
    gradients = []
    for model in (plain, saving):
        model.network.train()
        model.network(input_ids=ids, attention_mask=torch.ones_like(ids)).logits.square().mean().backward()
        gradients.append([p.grad for p in model.network.parameters() if p.requires_grad])
    assert any(gradient.abs().max() > 0 for gradient in gradients[0])
    for one, other in zip(*gradients, strict=True):
        assert torch.allclose(one, other, atol=1e-6)


def test_capabilities_are_known_without_loading() -> None:
    full = TransformersModel.provides(TransformersConfig(path="nowhere"))
    assert full == frozenset(Capability)
    frozen = TransformersConfig(path="nowhere", quantization="4bit")
    assert Capability.GRADIENTS not in TransformersModel.provides(frozen)
    qlora = TransformersConfig.model_validate({"path": "nowhere", "quantization": "4bit", "lora": {}})
    assert Capability.GRADIENTS in TransformersModel.provides(qlora)


def _without_weights(path: Path) -> None:
    (path / "model.safetensors").unlink()


def _without_config(path: Path) -> None:
    (path / "config.json").unlink()


def _truncated(path: Path) -> None:
    (path / "model.safetensors").write_bytes(b"version https://git-lfs.github.com/spec/v1")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (_without_weights, r"has no weights \(\*\.safetensors\)\. Download"),
        (_without_config, r"has no config\.json"),
        (_truncated, r"cannot be loaded: .*"),
    ],
)
def test_a_directory_that_is_no_model(
    tiny_path: TinyPath, tmp_path: Path, spoil: Callable[[Path], None], says: str
) -> None:
    path = tmp_path / "model"
    shutil.copytree(tiny_path("lfm2"), path)
    spoil(path)
    with pytest.raises(ModelError, match=says):
        TransformersModel(TransformersConfig(path=str(path)))


def test_a_directory_that_is_not_there() -> None:
    with pytest.raises(ModelError, match=r"no directory '\./nowhere'"):
        TransformersModel(TransformersConfig(path="./nowhere"))


def test_a_checkpoint_of_another_model(make_model: Make, tiny_path: TinyPath, tmp_path: Path) -> None:
    model = make_model("lfm2")
    with pytest.raises(ModelError, match="checkpoint of another model"):
        model.load(tiny_path("llama"))
    with pytest.raises(ModelError, match="holds no model"):
        model.load(tmp_path)
    with pytest.raises(ModelError, match=r"holds no adapter_config\.json"):
        make_model("llama", lora=LORA).load(tmp_path)


def test_quantisation_without_a_gpu_is_refused(tiny_path: TinyPath) -> None:
    config = TransformersConfig(path=str(tiny_path("llama")), quantization="4bit", device="cpu")
    with pytest.raises(ModelError, match="needs a GPU"):
        TransformersModel(config)


@pytest.mark.skipif(
    not any(Path(str(files("selfchal.builtin_models") / "seedling")).glob("*.safetensors")),
    reason="the packaged weights are not built yet",
)
def test_the_seedling_is_packaged_and_speaks() -> None:
    model = SeedlingModel(SeedlingConfig())
    prompt = model.render_prompt([Message("user", "hello")])
    [generation] = model.generate([prompt], Sampling(max_tokens=5))
    assert generation.ids
    assert SeedlingModel.provides(SeedlingConfig()) == frozenset(Capability)
