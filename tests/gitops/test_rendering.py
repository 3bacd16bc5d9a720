"""What the forms say fits the tools that read it, whatever a model is called, and names the model in full."""

from __future__ import annotations

import re
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from gitcellar.core.deployments import Deployment, parse_deployment
from gitcellar.gitops.rendering import render
from gitcellar.store.deploy_folder import Folder
from tests.support.processes import run

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


def test_templates_are_told_where_the_weights_are(tmp_path: Path) -> None:
    (tmp_path / "__slug__.yaml.j2").write_text(
        "storageUri: {{ (storage ~ '/' ~ key) | tojson }}\nmd5: {{ md5 | tojson }}\n"
    )
    stored = {"storage": "s3://bucket/dvc", "key": f"files/md5/01/{'2' * 30}", "md5": f"01{'2' * 30}"}
    (made,) = draw(str(tmp_path), deploy("vit-l/base", **stored)).values()
    assert yaml.safe_load(made) == {"storageUri": f"s3://bucket/dvc/files/md5/01/{'2' * 30}", "md5": f"01{'2' * 30}"}


def test_a_deployment_from_before_says_nothing_of_its_storage() -> None:
    later = ("withdrawn", "storage", "key", "md5")
    assert parse_deployment({key: value for key, value in asdict(GOOD).items() if key not in later}) == GOOD


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("m/x.json", ['backend: "fil"', 'default_model_filename: "model.json"', 'string_value: "xgboost_json"']),
        ("m/x.ubj", ['backend: "fil"', 'default_model_filename: "model.ubj"', 'string_value: "xgboost_ubj"']),
        ("m/x.bst", ['backend: "fil"', 'default_model_filename: "model.bst"', 'string_value: "xgboost"']),
        ("m/x.ONNX", ['backend: "onnxruntime"', 'default_model_filename: "model.ONNX"']),
        ("m/x.pth", ['backend: "pytorch"', 'default_model_filename: "model.pth"']),
        ("m/x.safetensors", ['backend: "python"']),
        ("m/folder", ['backend: "python"']),
        (None, ['backend: "python"']),
    ],
)
def test_triton_is_told_the_file_that_the_agent_writes_and_its_kind(path: str | None, said: list[str]) -> None:
    """The FIL backend looks for xgboost.json, and takes a model for XGBoost's binary format unless told otherwise."""
    ((_, made),) = draw("triton", deploy("vit-l/base", path=path)).items()
    assert all(line in made for line in said)
    assert ("default_model_filename" in made) is (len(said) > 1)


APP = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: app}
spec:
  selector: {matchLabels: {app: app}}
  template:
    metadata: {labels: {app: app}}
    spec:
      containers: [{name: app, image: app, envFrom: [{configMapRef: {name: vit-l--base--production}}]}]
"""


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl")
def test_pods_start_anew_where_the_content_changes_and_nowhere_else(tmp_path: Path) -> None:
    Folder(tmp_path).write({"kustomization.yaml": b"resources: [deploy, app.yaml]\n", "app.yaml": APP.encode()})

    def build(**changed: Any) -> tuple[str, dict[str, Any]]:
        """The name to which the pods refer, and the ConfigMap."""
        deployments = (deploy("vit-l/base", **changed), deploy("3d-unet/base"))
        Folder(tmp_path / "deploy").write(dict(render("kustomize", deployments, "https://x/models.git").files))
        made = run(tmp_path, "kubectl", "kustomize", ".")
        assert made.status == 0, made.err
        documents = {(each["kind"], each["metadata"]["name"]): each for each in yaml.safe_load_all(made.out)}
        pod = documents["Deployment", "app"]["spec"]["template"]["spec"]
        name = pod["containers"][0]["envFrom"][0]["configMapRef"]["name"]
        return name, documents["ConfigMap", name]

    first, config = build()
    assert config["data"]["model"] == "vit-l/base"
    assert config["data"]["sha256"] == GOOD.sha256
    assert config["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "gitcellar"}
    assert build()[0] == first
    assert build(sha256="d" * 64)[0] != first
    # To mark a version is no reason to load it anew.
    marked, config = build(withdrawn=True)
    assert marked == first
    assert config["metadata"]["annotations"] == {"gitcellar/withdrawn": "true"}
