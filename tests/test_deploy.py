"""The manifests are what Kubernetes takes, and agree with the code, with the images and with each other."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from shared.settings import Settings
from tests.conftest import ROOT

FOLDER = ROOT / "deploy" / "kubernetes"
FILES = sorted({*FOLDER.glob("*.yaml")} - {FOLDER / "kustomization.yaml"})
OBJECTS = [made for file in FILES for made in yaml.safe_load_all(file.read_text())]
NOT_SETTINGS = {
    "WORKER_PROCESSES": "Dockerfile.worker",
    "READER_PASSWORD": "cli/setup.py",
    "ADMIN_KEY_HASH": "cli/setup.py",
}
SECRET = {"DATABASE_URL", "REDIS_URL", "ADMIN_KEY_HASH", "READER_PASSWORD"}


def name(made: dict[str, Any]) -> str:
    return f"{made['kind']} {made['metadata']['name']}"


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def of(*kinds: str) -> list[dict[str, Any]]:
    return [made for made in OBJECTS if made["kind"] in kinds]


PODS = {name(made): made["spec"]["template"] for made in of("Deployment", "Job")}


def containers(pod: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from pod["spec"].get("initContainers", [])
    yield from pod["spec"]["containers"]


CONTAINERS = [(pod, container) for pod in PODS.values() for container in containers(pod)]


@pytest.mark.parametrize("version", ["1.29", kubernetes_validate.latest_version()])
@pytest.mark.parametrize("made", OBJECTS, ids=name)
def test_kubernetes_takes_it(made: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(made, version, strict=True)


def test_the_kustomization_lists_every_file() -> None:
    assert sorted(load(FOLDER / "kustomization.yaml")["resources"]) == [file.name for file in FILES]


def test_the_example_changes_what_is_there() -> None:
    example = load(ROOT / "deploy" / "kubernetes-example" / "kustomization.yaml")
    assert example["resources"] == ["../kubernetes"]
    assert {image["name"] for image in example["images"]} == {container["image"] for _, container in CONTAINERS}
    names = {made["metadata"]["name"] for made in OBJECTS}
    assert {one["name"] for one in example["replicas"]} | {one["target"]["name"] for one in example["patches"]} <= names


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")
def test_kubectl_puts_the_example_together() -> None:
    command = ["kubectl", "kustomize", ROOT / "deploy" / "kubernetes-example"]
    made = list(yaml.safe_load_all(subprocess.run(command, capture_output=True, check=True).stdout))
    assert sorted(map(name, made)) == sorted(map(name, OBJECTS))
    for one in made:
        kubernetes_validate.validate(one, kubernetes_validate.latest_version(), strict=True)
        assert one["metadata"]["namespace"] == "scoreline"


def test_the_images_are_those_of_compose() -> None:
    compose = load(ROOT / "docker-compose.yml")
    ours = {service["image"].split(":")[0] for service in compose["services"].values() if "build" in service}
    assert {container["image"] for _, container in CONTAINERS} <= ours


def test_every_setting_is_one() -> None:
    [config] = of("ConfigMap")
    named = {variable["name"] for _, container in CONTAINERS for variable in container.get("env", [])}
    known = {setting.upper() for setting in Settings.model_fields}
    assert named | set(config["data"]) <= known | set(NOT_SETTINGS)
    for variable, reader in NOT_SETTINGS.items():
        assert variable in (ROOT / reader).read_text()
    Settings(**{setting.lower(): value for setting, value in config["data"].items()})


def test_what_is_referred_to_is_there() -> None:
    there = {name(made) for made in OBJECTS}
    for pod in PODS.values():
        claims = [volume["persistentVolumeClaim"] for volume in pod["spec"]["volumes"] if "emptyDir" not in volume]
        assert {f"PersistentVolumeClaim {claim['claimName']}" for claim in claims} <= there
        [container] = pod["spec"]["containers"]
        assert {f"ConfigMap {source['configMapRef']['name']}" for source in container["envFrom"]} <= there
        assert {mount["name"] for mount in container["volumeMounts"]} == {one["name"] for one in pod["spec"]["volumes"]}


def test_secrets_come_from_the_secret_which_is_not_here() -> None:
    assert not of("Secret")
    for _, container in CONTAINERS:
        for variable in container["env"]:
            if variable["name"] in SECRET:
                reference = variable["valueFrom"]["secretKeyRef"]
                assert (reference["name"], reference["key"]) == ("scoreline", variable["name"])


def test_selectors_find_the_pods_of_their_name() -> None:
    for made in of("Deployment", "Service", "PodDisruptionBudget"):
        selector = made["spec"]["selector"].get("matchLabels", made["spec"]["selector"])
        labels = PODS[f"Deployment {made['metadata']['name']}"]["metadata"]["labels"]
        assert selector.items() <= labels.items(), name(made)
        others = [pod for pod in PODS.values() if selector.items() <= pod["metadata"]["labels"].items()]
        assert len(others) == 1, f"{name(made)} finds others, too"
    for pod in PODS.values():
        for spread in pod["spec"].get("topologySpreadConstraints", []):
            assert spread["labelSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()


def test_ports_have_the_names_that_are_asked_for() -> None:
    for service in of("Service"):
        [container] = PODS[f"Deployment {service['metadata']['name']}"]["spec"]["containers"]
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= {
            port["name"] for port in container["ports"]
        }
        probes = [
            container[probe] for probe in ("startupProbe", "readinessProbe", "livenessProbe") if probe in container
        ]
        assert {probe["httpGet"]["port"] for probe in probes if "httpGet" in probe} <= {"http"}


def test_nobody_may_do_more_than_is_needed() -> None:
    for pod, container in CONTAINERS:
        spec = pod["spec"]
        assert (spec["securityContext"]["runAsUser"], spec["securityContext"]["runAsNonRoot"]) == (10001, True)
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert "memory" in container["resources"]["limits"]
    for side in ("api", "worker"):
        assert "--uid 10001" in (ROOT / f"Dockerfile.{side}").read_text()


def test_there_is_time_to_stop() -> None:
    """As much as compose gives, and for the API the pause before it."""
    compose = load(ROOT / "docker-compose.yml")["services"]
    for side, more in ("api", 5), ("worker", 0):
        spec = PODS[f"Deployment scoreline-{side}"]["spec"]
        assert spec["terminationGracePeriodSeconds"] >= int(compose[side]["stop_grace_period"].rstrip("s")) + more


def test_the_commands_are_ours() -> None:
    worker = PODS["Deployment scoreline-worker"]["spec"]["containers"][0]
    command = worker["startupProbe"]["exec"]["command"]
    assert command == worker["livenessProbe"]["exec"]["command"]
    assert f"CMD {str(command).replace(chr(39), chr(34))}" in (ROOT / "Dockerfile.worker").read_text()
    assert find_spec(command[-1])
    assert PODS["Job scoreline-migrate"]["spec"]["containers"][0]["command"] == ["scoreline", "setup"]


def test_a_worker_waits_for_the_tables(template: str) -> None:
    [waiting] = PODS["Deployment scoreline-worker"]["spec"]["initContainers"]
    env = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "DATABASE_URL": template}
    assert subprocess.run(waiting["command"], cwd=ROOT, env=env, timeout=30).returncode == 0
    env["DATABASE_URL"] = template.rsplit("/", 1)[0] + "/postgres"
    with subprocess.Popen(waiting["command"], cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        assert any("the migrations are missing" in line for line in process.stderr)
        process.kill()


def test_the_workflow_does_what_ci_does() -> None:
    workflow = load(ROOT / ".github" / "workflows" / "ci.yml")
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    commands = [step["run"] for step in steps if "run" in step]
    assert commands[0] == ".ci/run"
    for side in workflow["jobs"]["images"]["strategy"]["matrix"]["side"]:
        assert (ROOT / f"Dockerfile.{side}").exists()
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@v\d+\.\d+\.\d+", step["uses"]) for step in steps if "uses" in step)
