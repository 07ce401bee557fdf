"""The Helm chart renders, by Helm's own engine, to objects that Kubernetes takes and the service can live with."""

from __future__ import annotations

import itertools
import json
import platform
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from vivavoce import __version__
from vivavoce.cli.main import build_app
from vivavoce.graders.judge.clients.client import Deadlines, JudgeClient
from vivavoce.graders.judge.servers.stub import StubJudgeServer
from vivavoce.graders.models.model_files import DEFAULT_JUDGE
from vivavoce.service.settings import Settings, split_urls

if platform.system() == "Linux" and platform.machine() != "x86_64":
    pytest.skip("Helm's engine comes as a wheel for x86-64, macOS and Windows", allow_module_level=True)

import helm_python

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "helm" / "vivavoce"
OLDEST, NEWEST = "1.27.0", "1.37.0"
NAMESPACE = "grading"
PREFIX = "viva-vivavoce"
# Of the Prometheus operator: not in Kubernetes' own schemas.
CUSTOM = {"ServiceMonitor", "PrometheusRule"}
SECRETS = {
    "secret": "0123456789abcdef" * 4,
    "databaseUrl": "postgresql+psycopg://viva:hunter2@db:5432/viva",
    "redisUrl": "redis://:hunter3@redis:6379/0",
    "judgeApiKey": "hunter4",
}
GREEN = {"enabled": True, "replicas": 3, "model": "maker/new", "revision": "feedc0de"}
GPU = {"kind": "gpu", "blue": {"model": "maker/old", "revision": "c0ffee"}}
EXTERNAL = {
    "kind": "external",
    "external": {"urls": ["https://gpu1.example", "https://gpu2.example:8443"], "model": "m", "revision": "r"},
}
OFF: dict[str, Any] = {
    "judge": EXTERNAL,
    "serviceAccount": {"create": False},
    "migrate": {"enabled": False},
    "networkPolicy": {"enabled": False},
    "api": {"replicas": 1, "autoscaling": {"enabled": False}, "podDisruptionBudget": {"enabled": False}},
    "worker": {"replicas": 1, "autoscaling": {"enabled": False}, "podDisruptionBudget": {"enabled": False}},
}
SCENARIOS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "gpu": {"judge": {**GPU, "gpu": {"gpus": 2, "runtimeClassName": "nvidia", "tokenSecret": "hub"}}},
    "external": {"judge": EXTERNAL, "secrets": {"extraKeys": ["viva_judge_api_key"]}},
    "examining green": {"judge": {**GPU, "green": GREEN, "qualify": {"enabled": True}}},
    "green active": {"judge": {**GPU, "active": "green", "green": GREEN}},
    "only green": {"judge": {"kind": "gpu", "active": "green", "blue": {"enabled": False}, "green": GREEN}},
    "in the open": {
        "ingress": {"enabled": True, "tls": [{"secretName": "tls", "hosts": ["vivavoce.example"]}]},
        "metrics": {"serviceMonitor": {"enabled": True}, "prometheusRule": {"enabled": True}},
        "backup": {"enabled": True},
        "secrets": {"create": True, **SECRETS},
        "judge": {"models": {"persistent": False}},
    },
    "off": OFF,
}

Object = dict[str, Any]


def render(values: dict[str, Any], *, chart: Path = CHART, release: str = "viva") -> list[Object]:
    with helm_python.Chart.load(chart) as loaded:
        texts = loaded.render(values, name=release, namespace=NAMESPACE)
    return [
        document
        for path, text in texts.items()
        if path.endswith(".yaml")
        for document in yaml.safe_load_all(text)
        if document
    ]


@pytest.fixture(scope="module")
def rendered() -> dict[str, list[Object]]:
    return {name: render(values) for name, values in SCENARIOS.items()}


def of_kind(objects: list[Object], *kinds: str) -> list[Object]:
    return [found for found in objects if found["kind"] in kinds]


def named(objects: list[Object], kind: str, suffix: str) -> Object:
    (found,) = (o for o in of_kind(objects, kind) if o["metadata"]["name"] == f"{PREFIX}-{suffix}")
    return found


def template_of(workload: Object) -> Object:
    spec = workload["spec"]
    found: Object = (spec["jobTemplate"]["spec"] if workload["kind"] == "CronJob" else spec)["template"]
    return found


def workloads(objects: list[Object]) -> list[Object]:
    return of_kind(objects, "Deployment", "StatefulSet", "Job", "CronJob")


def pods(objects: list[Object]) -> list[Object]:
    return [template_of(workload) for workload in workloads(objects)]


def containers(pod: Object) -> list[Object]:
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


def every_container(rendered: dict[str, list[Object]]) -> Iterator[Object]:
    for objects in rendered.values():
        for pod in pods(objects):
            yield from containers(pod)


def environment(objects: list[Object], kind: str, suffix: str) -> dict[str, str]:
    (container,) = template_of(named(objects, kind, suffix))["spec"]["containers"]
    return {entry["name"]: entry["value"] for entry in container["env"]}


def component(found: Object) -> str:
    return str(found["metadata"]["labels"]["app.kubernetes.io/component"])


def matches(selector: Object, labels: dict[str, str]) -> bool:
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items()) and all(
        labels.get(term["key"]) in term["values"] for term in selector.get("matchExpressions", [])
    )


# The objects


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_helm_finds_nothing_to_complain_of(scenario: str) -> None:
    report = helm_python.lint(CHART, SCENARIOS[scenario], strict=True, namespace=NAMESPACE)
    # An icon, which Helm recommends, would need an address to fetch it from.
    assert [m["error"] for m in report["messages"] if "icon is recommended" not in m["error"]] == []
    assert report["errors"] == []


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_kubernetes_takes_every_object(rendered: dict[str, list[Object]], version: str) -> None:
    seen = set()
    for objects in rendered.values():
        assert objects
        for found in objects:
            text = json.dumps(found, sort_keys=True)
            if found["kind"] not in CUSTOM and text not in seen:
                seen.add(text)
                kubernetes_validate.validate(found, version, strict=True)


def test_the_oldest_kubernetes_is_the_one_that_the_chart_names() -> None:
    wanted = yaml.safe_load((CHART / "Chart.yaml").read_text())["kubeVersion"]
    assert wanted == f">={OLDEST}-0"
    assert kubernetes_validate.latest_version() == NEWEST


def test_the_prometheus_operator_takes_its_objects(rendered: dict[str, list[Object]]) -> None:
    text = {"type": "string", "minLength": 1}
    rule = {
        "type": "object",
        "additionalProperties": False,
        "required": ["alert", "expr", "labels", "annotations"],
        "properties": {
            "alert": text,
            "expr": text,
            "for": {"type": "string", "pattern": "^[0-9]+[smh]$"},
            "labels": {"type": "object", "additionalProperties": text},
            "annotations": {"type": "object", "additionalProperties": text},
        },
    }
    (rules,) = of_kind(rendered["in the open"], "PrometheusRule")
    (group,) = rules["spec"]["groups"]
    assert group["name"]
    jsonschema.validate(group["rules"], {"type": "array", "minItems": 1, "items": rule})
    known = set(re.findall(r"`(vivavoce_\w+)`", (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")))
    asked = {name for entry in group["rules"] for name in re.findall(r"vivavoce_\w+", entry["expr"])}
    assert asked
    assert asked <= known

    (monitor,) = of_kind(rendered["in the open"], "ServiceMonitor")
    services = of_kind(rendered["in the open"], "Service")
    chosen = [o for o in services if matches(monitor["spec"]["selector"], o["metadata"]["labels"])]
    assert {component(service) for service in chosen} == {"api", "worker", "judge-blue"}
    ports = {port["name"] for service in chosen for port in service["spec"]["ports"]}
    endpoints = monitor["spec"]["endpoints"]
    assert {endpoint["port"] for endpoint in endpoints} == ports
    # As Prometheus relabels: a judge is job `judge` with its colour, as deploy/prometheus has it.
    for rule in (rule for endpoint in endpoints for rule in endpoint["relabelings"]):
        found = re.fullmatch(rule["regex"], "judge-blue")
        assert found
        if rule.get("action") == "keep":
            continue
        assert (
            found.expand(rule["replacement"].replace("$", "\\"))
            == {"job": "judge", "colour": "blue"}[rule["targetLabel"]]
        )
        assert not re.fullmatch(rule["regex"], "worker")
    (http,) = (endpoint for endpoint in endpoints if endpoint["port"] == "http")
    assert [rule["regex"] for rule in http["relabelings"] if rule.get("action") == "keep"] == ["judge-.+"]


def test_metrics_of_the_api_are_a_matter_of_the_inside(rendered: dict[str, list[Object]]) -> None:
    objects = rendered["in the open"]
    assert [port["name"] for port in named(objects, "Service", "api")["spec"]["ports"]] == ["http"]
    inside = named(objects, "Service", "api-metrics")["spec"]
    assert (inside["clusterIP"], [port["port"] for port in inside["ports"]]) == ("None", [9100])
    ways_in = named(objects, "NetworkPolicy", "api")["spec"]["ingress"]
    peers = {way["ports"][0]["port"]: json.dumps(way["from"]) for way in ways_in}
    assert set(peers) == {8000, 9100}
    assert "monitoring" in peers[9100]
    assert "monitoring" not in peers[8000]


def test_names_are_unique_and_short_enough_for_the_longest_release() -> None:
    for values in SCENARIOS.values():
        objects = render(values, release="r" * 53)
        names = [(o["kind"], o["metadata"]["name"]) for o in objects]
        assert len(set(names)) == len(names)
        # Of 63 characters, a hash or the time that Kubernetes appends takes eleven from these two.
        assert all(len(name) <= (52 if kind in {"StatefulSet", "CronJob"} else 63) for kind, name in names)
        assert {o["metadata"]["namespace"] for o in objects} == {NAMESPACE}


def test_every_selector_finds_its_pods(rendered: dict[str, list[Object]]) -> None:
    for objects in rendered.values():
        everywhere = [pod["metadata"]["labels"] for pod in pods(objects)]
        for found in of_kind(objects, "Deployment", "StatefulSet", "PodDisruptionBudget"):
            assert sum(matches(found["spec"]["selector"], labels) for labels in everywhere) == 1, found["metadata"]
        for service in of_kind(objects, "Service"):
            (pod,) = (
                pod
                for pod in pods(objects)
                if matches({"matchLabels": service["spec"]["selector"]}, pod["metadata"]["labels"])
            )
            open_ports = {port["name"] for container in containers(pod) for port in container.get("ports", [])}
            assert {port["targetPort"] for port in service["spec"]["ports"]} <= open_ports
        for scaler in of_kind(objects, "HorizontalPodAutoscaler"):
            target = scaler["spec"]["scaleTargetRef"]
            (scaled,) = (o for o in of_kind(objects, target["kind"]) if o["metadata"]["name"] == target["name"])
            assert "replicas" not in scaled["spec"], "an upgrade would undo what the scaler did"


def test_everything_off_leaves_api_and_workers(rendered: dict[str, list[Object]]) -> None:
    kept = sorted((o["kind"], component(o)) for o in rendered["off"])
    services = [("Service", "api"), ("Service", "api"), ("Service", "worker")]
    assert kept == [("Deployment", "api"), ("Deployment", "worker"), *services]
    assert {pod["spec"]["serviceAccountName"] for pod in pods(rendered["off"])} == {"default"}


# Pods


def test_no_pod_can_do_more_than_it_must(rendered: dict[str, list[Object]]) -> None:
    for objects in rendered.values():
        for pod in pods(objects):
            spec = pod["spec"]
            assert spec["automountServiceAccountToken"] is False
            assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
            assert spec["securityContext"]["runAsNonRoot"] is True
            assert spec["securityContext"]["runAsUser"] == 10001
            assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
            for container in containers(pod):
                assert container["securityContext"] == {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "runAsNonRoot": True,
                    "capabilities": {"drop": ["ALL"]},
                }
        for account in of_kind(objects, "ServiceAccount"):
            assert account["automountServiceAccountToken"] is False


def test_every_pod_has_somewhere_to_write(rendered: dict[str, list[Object]]) -> None:
    for objects in rendered.values():
        for pod in pods(objects):
            bounded = {v["name"] for v in pod["spec"]["volumes"] if "sizeLimit" in v.get("emptyDir", {})}
            for container in containers(pod):
                at = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
                assert {at["/tmp"], at["/var/lib/vivavoce"]} <= bounded


def test_every_container_asks_for_what_it_needs(rendered: dict[str, list[Object]]) -> None:
    for container in every_container(rendered):
        assert {"cpu", "memory"} <= set(container["resources"]["requests"])
        assert "memory" in container["resources"]["limits"]


def test_no_service_of_the_namespace_becomes_a_setting(rendered: dict[str, list[Object]]) -> None:
    """With service links a Service named `viva` would set VIVA_PORT, and one named `vllm` VLLM_PORT."""
    assert all(pod["spec"]["enableServiceLinks"] is False for objects in rendered.values() for pod in pods(objects))


def test_what_runs_for_good_is_probed(rendered: dict[str, list[Object]]) -> None:
    ways = {"api": ("/healthz", "/readyz"), "worker": ("/metrics", "/metrics"), "judge": ("/health", "/health")}
    ports = {"api": [8000, 9100], "worker": [9100], "judge": [8080]}
    for objects in rendered.values():
        for workload in of_kind(objects, "Deployment", "StatefulSet"):
            (container,) = template_of(workload)["spec"]["containers"]
            alive, ready = ways[container["name"]]
            assert [port["containerPort"] for port in container["ports"]] == ports[container["name"]]
            port = container["ports"][0]
            for probe, path in [("startupProbe", alive), ("livenessProbe", alive), ("readinessProbe", ready)]:
                assert container[probe]["httpGet"] == {"path": path, "port": port["name"]}


def test_a_stop_gives_time_to_finish(rendered: dict[str, list[Object]]) -> None:
    api = template_of(named(rendered["defaults"], "Deployment", "api"))["spec"]
    (_, seconds) = api["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    # The API gives open requests ten seconds.
    assert int(seconds) + 10 < api["terminationGracePeriodSeconds"]
    worker = template_of(named(rendered["defaults"], "Deployment", "worker"))["spec"]
    stop = int(environment(rendered["defaults"], "Deployment", "worker")["VIVA_STOP_SECONDS"])
    assert stop < worker["terminationGracePeriodSeconds"] == 120


def test_the_api_runs_twice_and_apart(rendered: dict[str, list[Object]]) -> None:
    assert named(rendered["defaults"], "HorizontalPodAutoscaler", "api")["spec"]["minReplicas"] == 2
    spread = template_of(named(rendered["defaults"], "Deployment", "api"))["spec"]["topologySpreadConstraints"]
    assert {term["topologyKey"] for term in spread} == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}
    fixed = render({"api": {"autoscaling": {"enabled": False}}})
    assert named(fixed, "Deployment", "api")["spec"]["replicas"] == 2


def test_one_replica_alone_never_blocks_a_drain(rendered: dict[str, list[Object]]) -> None:
    budgets = [budget["spec"] for objects in rendered.values() for budget in of_kind(objects, "PodDisruptionBudget")]
    assert budgets
    for budget in budgets:
        assert budget["maxUnavailable"] == 1
        assert "minAvailable" not in budget
    assert {component(o) for o in of_kind(rendered["defaults"], "PodDisruptionBudget")} == {
        "api",
        "worker",
        "judge-blue",
    }


def test_workers_scale_by_the_queue_and_the_readme_tells_the_adapter_how(rendered: dict[str, list[Object]]) -> None:
    metrics = named(rendered["defaults"], "HorizontalPodAutoscaler", "worker")["spec"]["metrics"]
    asked = {entry["external"]["metric"]["name"]: entry["external"] for entry in metrics}
    assert asked["vivavoce_oldest_open_seconds"]["target"] == {"type": "Value", "value": "30"}
    assert asked["vivavoce_gradings"]["metric"]["selector"] == {"matchLabels": {"state": "queued"}}
    assert asked["vivavoce_gradings"]["target"]["type"] == "AverageValue"

    blocks = re.findall(r"```yaml\n(.*?)```", (CHART / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    (rules,) = (yaml.safe_load(block)["rules"]["external"] for block in blocks)
    assert {rule["seriesQuery"].partition("{")[0] for rule in rules} == set(asked)
    # Every API replica tells of the same queue.
    assert all(rule["metricsQuery"].startswith("max(") for rule in rules)


@pytest.mark.parametrize(
    "name",
    [
        "serve",
        "work",
        "migrate",
        "models",
        "judge",
        "bank",
        "judges",
        "backup",
    ],
)
def test_every_command_is_one_that_viva_has(rendered: dict[str, list[Object]], name: str) -> None:
    commands = set(viva_commands(rendered))
    assert name in {command[1] for command in commands}
    for _, *words in (command for command in commands if command[1] == name):
        found: Any = build_app()
        while hasattr(found, "commands"):
            found = found.commands[words.pop(0)]
            found = getattr(found, "loaded", found)
        found.make_context("viva", words)


def viva_commands(rendered: dict[str, list[Object]]) -> Iterator[tuple[str, ...]]:
    """Every call of `viva`, also those of a shell's script with the container's arguments."""
    for container in every_container(rendered):
        command, arguments = container["command"], container.get("args", [])
        if command[0] == "viva":
            yield (*command, *arguments)
        elif command[:2] == ["sh", "-c"]:
            for call in command[2].split(" && "):
                words = shlex.split(call.removeprefix("exec "))
                at = words.index("$@") if "$@" in words else len(words)
                if words[0] == "viva":
                    yield (*words[:at], *(arguments if "$@" in words else ()), *words[at + 1 :])


# Settings and secrets


def test_every_setting_is_one_that_the_service_knows(rendered: dict[str, list[Object]]) -> None:
    known = set(
        re.findall(r"^\| `(VIVA_\w+)`", (ROOT / "docs" / "settings.md").read_text(encoding="utf-8"), re.MULTILINE)
    )
    used = {entry["name"] for container in every_container(rendered) for entry in container.get("env", [])}
    assert {name for name in used if name.startswith("VIVA_")} <= known
    mounted = {
        item["key"].upper()
        for objects in rendered.values()
        for pod in pods(objects)
        for volume in pod["spec"]["volumes"]
        for item in volume.get("secret", {}).get("items", [])
    }
    assert {"VIVA_SECRET", "VIVA_DATABASE_URL", "VIVA_REDIS_URL"} <= mounted
    assert {name for name in mounted if name.startswith("VIVA_")} <= known
    for name in re.findall(r"VIVA_[A-Z_]+", "".join(p.read_text() for p in CHART.glob("**/*") if p.is_file())):
        assert name in known | {"VIVA_SECRETS_DIR"}, name


@pytest.mark.parametrize("scenario", ["defaults", "gpu", "external", "green active", "in the open"])
@pytest.mark.parametrize("suffix", ["api", "worker"])
def test_the_service_reads_what_the_pod_gives_it(
    rendered: dict[str, list[Object]], scenario: str, suffix: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told = environment(rendered[scenario], "Deployment", suffix)
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    stored = of_kind(rendered["in the open"], "Secret")[0]["stringData"]
    for volume in template_of(named(rendered[scenario], "Deployment", suffix))["spec"]["volumes"]:
        for item in volume.get("secret", {}).get("items", []):
            (tmp_path / item["path"]).write_text(stored[item["key"]])
    monkeypatch.setenv("VIVA_SECRETS_DIR", str(tmp_path))
    settings = Settings()
    assert settings.environment == "production"
    assert settings.secret.get_secret_value() == SECRETS["secret"]
    assert settings.database == SECRETS["databaseUrl"]
    assert settings.redis_url == SECRETS["redisUrl"]
    assert settings.judge_url == told["VIVA_JUDGE_URL"]
    has_key = scenario in ("external", "in the open")
    assert (settings.judge_api_key.get_secret_value() if settings.judge_api_key else None) == (
        SECRETS["judgeApiKey"] if has_key else None
    )
    # Late is no reason to take all replicas out of service.
    assert settings.ready_max_age_seconds == 0


def test_a_secret_is_in_no_object_but_secrets(rendered: dict[str, list[Object]]) -> None:
    objects = rendered["in the open"]
    for found in objects:
        if found["kind"] != "Secret":
            assert not [value for value in SECRETS.values() if value in json.dumps(found)], found["metadata"]
    for container in every_container(rendered):
        assert "envFrom" not in container
        assert all(set(entry) == {"name", "value"} for entry in container.get("env", []))
    stored = of_kind(objects, "Secret")[0]["stringData"]
    assert stored == {
        "viva_secret": SECRETS["secret"],
        "viva_database_url": SECRETS["databaseUrl"],
        "viva_redis_url": SECRETS["redisUrl"],
        "viva_judge_api_key": SECRETS["judgeApiKey"],
    }


def test_secrets_are_files_for_those_who_need_them(rendered: dict[str, list[Object]]) -> None:
    wanted = {
        "api": {"viva_secret", "viva_database_url", "viva_redis_url", "viva_judge_api_key"},
        "worker": {"viva_secret", "viva_database_url", "viva_redis_url", "viva_judge_api_key"},
        "migrate": {"viva_secret", "viva_database_url"},
        "backup": {"viva_secret", "viva_database_url"},
        "judge-blue": set(),
    }
    for workload in workloads(rendered["in the open"]):
        pod = template_of(workload)
        volumes = [volume["secret"] for volume in pod["spec"]["volumes"] if "secret" in volume]
        assert {item["path"] for volume in volumes for item in volume["items"]} == wanted.pop(component(workload))
        for volume in volumes:
            assert volume["defaultMode"] == 0o440
            for container in pod["spec"]["containers"]:
                assert {"name": "secrets", "mountPath": "/run/secrets", "readOnly": True} in container["volumeMounts"]
    assert not wanted


def test_the_migration_needs_nothing_that_comes_after_it(rendered: dict[str, list[Object]]) -> None:
    for values in ({}, SCENARIOS["in the open"]):
        objects = render(values)
        hooks = [o for o in objects if "helm.sh/hook" in o["metadata"].get("annotations", {})]
        assert all(o["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade" for o in hooks)
        (job,) = of_kind(hooks, "Job")
        pod = template_of(job)["spec"]
        assert pod["containers"][0]["command"] == ["viva", "migrate"]
        assert pod["serviceAccountName"] == "default"
        (secret,) = (volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume)
        made = {o["metadata"]["name"] for o in of_kind(objects, "Secret")}
        assert secret in {o["metadata"]["name"] for o in of_kind(hooks, "Secret")} or secret not in made
        weights = {o["kind"]: int(o["metadata"]["annotations"]["helm.sh/hook-weight"]) for o in hooks}
        assert weights.get("Secret", -1) < weights["Job"]


# Judges


def test_the_judge_on_the_processor_is_the_built_in_one(rendered: dict[str, list[Object]]) -> None:
    judge = template_of(named(rendered["defaults"], "StatefulSet", "judge-blue"))["spec"]
    assert [
        container["command"]
        for container in containers(template_of(named(rendered["defaults"], "StatefulSet", "judge-blue")))
    ] == [
        ["viva", "models", "fetch"],
        ["viva", "judge", "--host", "0.0.0.0", "--port", "8080"],
    ]
    threads = {entry["name"]: entry["value"] for entry in judge["containers"][0]["env"]}["VIVA_JUDGE_THREADS"]
    assert threads == judge["containers"][0]["resources"]["limits"]["cpu"]
    told = environment(rendered["defaults"], "Deployment", "worker")
    assert told["VIVA_JUDGE_ENGINE"] == "llamacpp"
    assert told["VIVA_JUDGE_MODEL"] == DEFAULT_JUDGE.name
    assert told["VIVA_JUDGE_REVISION"] == DEFAULT_JUDGE.sha256


def test_vllm_runs_where_the_gpus_are(rendered: dict[str, list[Object]]) -> None:
    judge = template_of(named(rendered["gpu"], "StatefulSet", "judge-blue"))["spec"]
    (container,) = judge["containers"]
    assert (
        container["resources"]["limits"]["nvidia.com/gpu"] == container["resources"]["requests"]["nvidia.com/gpu"] == 2
    )
    assert judge["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
    assert [toleration["key"] for toleration in judge["tolerations"]] == ["nvidia.com/gpu"]
    assert judge["runtimeClassName"] == "nvidia"
    arguments = container["args"]
    assert {"--model=maker/old", "--served-model-name=maker/old", "--revision=c0ffee", "--port=8080"} <= set(arguments)
    assert "--tensor-parallel-size=2" in arguments
    (structured,) = (a.partition("=")[2] for a in arguments if a.startswith("--structured-outputs-config="))
    assert json.loads(structured)["disable_any_whitespace"] is True
    told = environment(rendered["gpu"], "Deployment", "worker")
    assert (told["VIVA_JUDGE_ENGINE"], told["VIVA_JUDGE_MODEL"]) == ("vllm", "maker/old")


def test_a_new_version_of_the_service_does_not_restart_vllm(tmp_path: Path) -> None:
    copy = shutil.copytree(CHART, tmp_path / "vivavoce")
    chart = yaml.safe_load((copy / "Chart.yaml").read_text())
    (copy / "Chart.yaml").write_text(yaml.safe_dump({**chart, "version": "9.9.9", "appVersion": "9.9.9"}))
    old, new = (named(render(SCENARIOS["gpu"], chart=c), "StatefulSet", "judge-blue")["spec"] for c in (CHART, copy))
    assert old == new


@pytest.mark.parametrize("suffix", ["api", "worker"])
def test_workers_name_every_server_of_the_active_colour(rendered: dict[str, list[Object]], suffix: str) -> None:
    before = environment(rendered["examining green"], "Deployment", suffix)
    after = environment(rendered["green active"], "Deployment", suffix)
    assert split_urls(before["VIVA_JUDGE_URL"]) == (
        f"http://{PREFIX}-judge-blue-0.{PREFIX}-judge-blue.{NAMESPACE}.svc:8080",
    )
    assert split_urls(after["VIVA_JUDGE_URL"]) == tuple(
        f"http://{PREFIX}-judge-green-{n}.{PREFIX}-judge-green.{NAMESPACE}.svc:8080" for n in range(3)
    )
    assert (after["VIVA_JUDGE_MODEL"], after["VIVA_JUDGE_REVISION"]) == ("maker/new", "feedc0de")


def test_the_addresses_are_those_of_the_pods(rendered: dict[str, list[Object]]) -> None:
    judge = named(rendered["green active"], "StatefulSet", "judge-green")
    service = named(rendered["green active"], "Service", "judge-green")
    assert judge["spec"]["replicas"] == 3
    assert judge["spec"]["serviceName"] == service["metadata"]["name"]
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["ports"][0]["port"] == 8080


@pytest.mark.anyio
async def test_one_more_server_moves_only_its_own_questions() -> None:
    def client(replicas: int) -> JudgeClient:
        objects = render({"judge": {"blue": {"replicas": replicas}}})
        urls = split_urls(environment(objects, "Deployment", "worker")["VIVA_JUDGE_URL"])
        return JudgeClient(urls, deadlines=Deadlines(1, 1))

    three, four = client(3), client(4)
    before, after = ([c.in_order_for(str(question))[0] for question in range(100)] for c in (three, four))
    moved = {to for was, to in zip(before, after, strict=True) if was != to}
    assert [url.split(".")[0] for url in moved] == [f"http://{PREFIX}-judge-blue-3"]
    await three.aclose()
    await four.aclose()


def test_the_examination_asks_the_colour_that_is_not_active(rendered: dict[str, list[Object]]) -> None:
    (job,) = (o for o in of_kind(rendered["examining green"], "Job") if component(o) == "qualify")
    (container,) = template_of(job)["spec"]["containers"]
    script = 'viva bank qualify --register "$@" && viva judges promote'
    assert container["command"] == ["sh", "-c", script, "qualify"]
    told = {entry["name"]: entry["value"] for entry in container["env"]}
    assert all("-judge-green-" in url for url in split_urls(told["VIVA_JUDGE_URL"]))
    assert (told["VIVA_JUDGE_MODEL"], told["VIVA_JUDGE_REVISION"]) == ("maker/new", "feedc0de")
    # Its verdict stands.
    assert job["spec"]["backoffLimit"] == 0


def test_the_examination_waits_for_all_servers(rendered: dict[str, list[Object]]) -> None:
    (job,) = (o for o in of_kind(rendered["examining green"], "Job") if component(o) == "qualify")
    (wait,) = template_of(job)["spec"]["initContainers"]
    _, *words, urls = wait["command"]
    assert len(split_urls(urls)) == 3
    with StubJudgeServer() as here:
        assert subprocess.run([sys.executable, *words, f"{here.url},{here.url}"], timeout=60).returncode == 0
        with pytest.raises(subprocess.TimeoutExpired):
            subprocess.run([sys.executable, *words, f"{here.url},http://127.0.0.1:1"], timeout=2, capture_output=True)


def test_another_model_is_another_examination(rendered: dict[str, list[Object]]) -> None:
    """A Job cannot be changed: an upgrade with the same name and another model would be refused."""

    def names(green: dict[str, Any]) -> set[str]:
        objects = render({"judge": {**GPU, "green": green, "qualify": {"enabled": True}}})
        return {o["metadata"]["name"] for o in of_kind(objects, "Job") if component(o) == "qualify"}

    assert names(GREEN) == names(GREEN)
    assert names(GREEN).isdisjoint(names({**GREEN, "revision": "0ddba11"}))


def test_green_alone_leaves_no_blue(rendered: dict[str, list[Object]]) -> None:
    assert "judge-blue" not in {component(o) for o in workloads(rendered["only green"])}


def test_an_external_judge_starts_none(rendered: dict[str, list[Object]]) -> None:
    assert not of_kind(rendered["external"], "StatefulSet")
    told = environment(rendered["external"], "Deployment", "worker")
    assert told["VIVA_JUDGE_URL"] == "https://gpu1.example,https://gpu2.example:8443"


# Ways in and out


def test_the_ingress_serves_long_polls_and_keeps_metrics_inside(rendered: dict[str, list[Object]]) -> None:
    (ingress,) = of_kind(rendered["in the open"], "Ingress")
    notes = {key.rpartition("/")[2]: value for key, value in ingress["metadata"]["annotations"].items()}
    # As the largest file of answers that a setting allows; the API refuses other bodies earlier.
    assert notes["proxy-body-size"] == "200m"
    assert notes["proxy-buffering"] == "off"
    assert float(notes["proxy-read-timeout"]) > Settings().max_wait_seconds
    assert "non_idempotent" not in notes["proxy-next-upstream"]
    assert ingress["spec"]["tls"] == [{"secretName": "tls", "hosts": ["vivavoce.example"]}]
    (rule,) = ingress["spec"]["rules"]
    paths = {entry["path"] for entry in rule["http"]["paths"]}
    assert "/v1" in paths
    assert not paths & {"/", "/metrics", "/readyz"}
    service = named(rendered["in the open"], "Service", "api")
    (backend,) = {json.dumps(entry["backend"]["service"], sort_keys=True) for entry in rule["http"]["paths"]}
    assert json.loads(backend)["name"] == service["metadata"]["name"]
    assert json.loads(backend)["port"]["name"] in {port["name"] for port in service["spec"]["ports"]}


def test_every_pod_has_a_network_policy(rendered: dict[str, list[Object]]) -> None:
    for scenario, objects in rendered.items():
        if scenario == "off":
            continue
        policies = of_kind(objects, "NetworkPolicy")
        for pod in pods(objects):
            own = [p for p in policies if matches(p["spec"]["podSelector"], pod["metadata"]["labels"])]
            assert len(own) == 1
            assert own[0]["spec"]["policyTypes"] == ["Ingress", "Egress"]


def test_only_who_asks_the_judge_reaches_it_and_it_reaches_no_database(rendered: dict[str, list[Object]]) -> None:
    policies = {
        o["metadata"]["name"].removeprefix(f"{PREFIX}-"): o["spec"]
        for o in of_kind(rendered["examining green"], "NetworkPolicy")
    }
    (way_in,) = policies["judge"]["ingress"]
    (askers,) = (peer["podSelector"] for peer in way_in["from"] if "podSelector" in peer)
    may = {
        component(o)
        for o in workloads(rendered["examining green"])
        if matches(askers, template_of(o)["metadata"]["labels"])
    }
    assert may == {"api", "worker", "qualify"}
    assert {port["port"] for rule in policies["judge"]["egress"] for port in rule["ports"]} == {53, 443}
    for name in ("api", "worker", "qualify"):
        # Workers send webhooks.
        outside = {443, 8443} if name == "worker" else set()
        found = {port["port"] for rule in policies[name]["egress"] for port in rule["ports"]}
        assert found == {53, 5432, 6379, 8080} | outside
    assert {port["port"] for port in policies["api"]["ingress"][0]["ports"]} == {8000}
    assert "ingress" not in policies["migrate"]


def test_backups_outlive_the_release(rendered: dict[str, list[Object]]) -> None:
    job = named(rendered["in the open"], "CronJob", "backup")
    claim = named(rendered["in the open"], "PersistentVolumeClaim", "backup")
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    (container,) = template_of(job)["spec"]["containers"]
    assert container["command"] == ["viva", "backup", "create", "--to", "/backups", "--keep", "14"]
    assert container["image"] == f"vivavoce-backup:{__version__}"
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
    used = [
        v["persistentVolumeClaim"]["claimName"]
        for v in template_of(job)["spec"]["volumes"]
        if "persistentVolumeClaim" in v
    ]
    assert used == [claim["metadata"]["name"]]


# Values


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ("judge.kind=tpu", "at '/judge/kind': value must be one of 'cpu', 'gpu', 'external'"),
        ("judge.activ=green", "additional properties 'activ' not allowed"),
        ("api.replicas=0", "at '/api/replicas': minimum: got 0, want 1"),
        ("judge.active=green", "judge.active is green: set judge.green.enabled=true, or make the other one active"),
        ("judge.blue.replicas=0", "judge.active is blue: set judge.blue.replicas to 1 or more"),
        ("judge.kind=gpu", "set judge.blue.model and judge.blue.revision"),
        ("judge.kind=external", "set judge.external.urls"),
        ("judge.qualify.enabled=true", "judge.qualify is for green, which does not run"),
        ("secrets.existingSecret=", "Set secrets.existingSecret"),
        ("secrets.create=true,secrets.secret=short", "set secrets.secret, 32 characters or more"),
        ("settings.VIVA_SECRET=x", "settings.VIVA_SECRET may hold a secret: put it in the Secret as viva_secret"),
        ("settings.VIVA_PORT=x", "settings.VIVA_PORT is set by the chart itself"),
        ("worker.stopSeconds=120", "worker.stopSeconds must be less than worker.terminationGracePeriodSeconds"),
        ("worker.autoscaling.minReplicas=9", "worker.autoscaling.minReplicas is more than its maxReplicas"),
    ],
)
def test_a_wrong_value_is_refused_in_a_sentence(values: str, said: str) -> None:
    with pytest.raises(helm_python.HelmError) as refused:
        render(helm_python.parse_set_string(values))
    assert said in str(refused.value)


def test_a_refusal_does_not_show_a_secret() -> None:
    with pytest.raises(helm_python.HelmError) as refused:
        render({"secrets": {"create": True, **SECRETS, "databaseUrl": "mysql://viva:hunter2@db/viva"}})
    assert "set secrets.databaseUrl to postgresql" in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_values_fit_their_schema_and_the_schema_knows_no_others() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    jsonschema.validators.validator_for(schema).check_schema(schema)
    jsonschema.validate(values, schema)

    def compare(part: dict[str, Any], value: Any, path: str) -> None:
        part = schema["$defs"][part["$ref"].rpartition("/")[2]] if "$ref" in part else part
        if part.get("additionalProperties") is False and isinstance(value, dict):
            # Subcharts' own; Helm adds it.
            assert set(part["properties"]) - {"global"} == set(value), path
            for name, inner in value.items():
                compare(part["properties"][name], inner, f"{path}.{name}")

    compare(schema, values, "values")


def test_every_value_is_explained() -> None:
    lines = (CHART / "values.yaml").read_text(encoding="utf-8").splitlines()
    free: set[str] = set()
    for before, line in itertools.pairwise(lines):
        key = re.match(r"( *)([\w./-]+):( +\S.*)?$", line)
        if not key or before.lstrip().startswith("#"):
            continue
        # A group explains itself by its members; annotations, resources and selectors are Kubernetes' own words.
        if key[3]:
            free.add(key[2])
    assert not {name for name in free if "/" not in name and not name.startswith("VIVA_")} - {
        "requests",
        "limits",
        "matchLabels",
    }


def test_the_chart_is_of_the_version_that_it_installs() -> None:
    assert yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"] == __version__
    assert {c["image"] for c in containers(template_of(named(render({}), "Deployment", "api")))} == {
        f"vivavoce-api:{__version__}"
    }


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_notes_say_where_to_go(scenario: str) -> None:
    with helm_python.Chart.load(CHART) as chart:
        notes = chart.render(SCENARIOS[scenario], name="viva", namespace=NAMESPACE)["vivavoce/templates/NOTES.txt"]
    assert "/docs" in notes
    assert not [value for value in SECRETS.values() if value in notes]
