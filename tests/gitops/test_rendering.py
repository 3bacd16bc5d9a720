"""What the forms say fits the tools that read it, whatever a model is called, and names the model in full."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
import yaml

from gitcellar.core.deployments import Deployment
from gitcellar.gitops.rendering import render

GOOD = Deployment(
    "vit-l/base",
    "production",
    "1.0",
    3,
    "vit-l/base#production#3",
    "a" * 40,
    "vit-l/base@1.0",
    "b" * 40,
    "models/vit.onnx",
    "c" * 64,
    7,
)
MODELS = ["3d-unet/base", "Vit-L/projectA", "a.b_c/base", f"vit/{'x' * 60}", "vit/l-base", "vit-l/base"]
# RFC 1035, as the names of Kubernetes services; KServe puts `-predictor` behind an InferenceService's.
SERVICE = re.compile("[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
# The Compose specification, `services`; the service's name is a host's on the network too.
COMPOSE = re.compile("[a-zA-Z0-9._-]+")


def deploy(model: str, **changed: Any) -> Deployment:
    tags = {"event": f"{model}#production#3", "tag": f"{model}@1.0"}
    return replace(GOOD, model=model, **{**tags, **changed})


def draw(form: str, *deployments: Deployment) -> dict[str, str]:
    return {path: made.decode() for path, made in render(form, deployments, "https://x/models.git").files.items()}


@pytest.mark.parametrize("model", MODELS)
def test_an_inference_service_has_a_name_that_kserve_takes_and_says_its_model(model: str) -> None:
    (made,) = draw("kserve", deploy(model)).values()
    found = yaml.safe_load(made)["metadata"]
    assert SERVICE.fullmatch(f"{found['name']}-predictor")
    assert found["annotations"]["gitcellar/model"] == model


@pytest.mark.parametrize("model", MODELS)
def test_a_compose_service_has_a_name_that_compose_and_dns_take_and_says_its_model(model: str) -> None:
    ((name, service),) = yaml.safe_load(draw("compose", deploy(model))["compose.yaml"])["services"].items()
    assert COMPOSE.fullmatch(name)
    assert SERVICE.fullmatch(name)
    assert service["labels"]["gitcellar.model"] == model


@pytest.mark.parametrize("model", MODELS)
def test_a_triton_model_is_called_as_its_folder_and_says_its_model(model: str) -> None:
    ((path, made),) = [each for each in draw("triton", deploy(model)).items() if each[0].endswith("config.pbtxt")]
    assert f'name: "{path.split("/")[0]}"\n' in made
    assert f'parameters: {{ key: "gitcellar_model" value: {{ string_value: "{model}" }} }}' in made


@pytest.mark.parametrize("form", ["kserve", "kustomize", "compose", "triton"])
def test_no_two_models_share_a_name_or_a_file(form: str) -> None:
    made = draw(form, *map(deploy, MODELS))
    slugs = {deploy(model).slug for model in MODELS}
    assert len(slugs) == len(MODELS)
    assert all(any(slug in path or slug in content for path, content in made.items()) for slug in slugs)
