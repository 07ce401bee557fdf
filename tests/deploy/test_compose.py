"""The deployment's files hold together: compose, images, settings and scripts. No Docker engine is needed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from vivavoce import __version__
from vivavoce.service.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE_FILE = ROOT / "docker-compose.yml"
DOCKERFILE = ROOT / "deploy" / "docker" / "Dockerfile"
JUDGES = {f"{kind}-{colour}-{one}" for kind in ("judge", "vllm") for colour in ("blue", "green") for one in "ab"}
OURS = {"api", "migrate", "worker", "backup", "vllm-home"} | {name for name in JUDGES if name.startswith("judge")}
THEIRS = {"nginx", "judges", "redis", "postgres", "prometheus", "grafana"}
# Read by compose and its scripts alone.
COMPOSE_ONLY = {
    *(
        "VIVA_PUBLIC_PORT",
        "VIVA_PUBLIC_TLS_PORT",
        "VIVA_PROMETHEUS_PORT",
        "VIVA_GRAFANA_PORT",
        "VIVA_METRICS_RETENTION",
    ),
    *("VIVA_BACKUP_EVERY_SECONDS", "VIVA_BACKUP_KEEP", "VIVA_BACKUP_MAX_AGE_MINUTES"),
    *("VIVA_VERSION", "VIVA_JUDGES", "VIVA_BLUE_VERSION", "VIVA_GREEN_VERSION"),
}
# The same in every installation with compose, or in a file of its own.
FIXED = {
    *(
        "VIVA_ENVIRONMENT",
        "VIVA_REDIS_URL",
        "VIVA_STATE_DIR",
        "VIVA_MODELS_DIR",
        "VIVA_LOG_FORMAT",
        "VIVA_METRICS_PORT",
    ),
    *("VIVA_HOST", "VIVA_PORT", "VIVA_WORKER_THREADS", "VIVA_SECRETS_DIR"),
    *("VIVA_JUDGE_URL", "VIVA_JUDGE_ENGINE", "VIVA_JUDGE_MODEL", "VIVA_JUDGE_REVISION"),
    *("VIVA_SECRET", "VIVA_DATABASE_URL", "VIVA_JUDGE_API_KEY"),
}

Compose = dict[str, Any]


@pytest.fixture(scope="module")
def compose() -> Compose:
    loaded: Compose = yaml.safe_load(COMPOSE_FILE.read_text(encoding="utf-8"))
    return loaded


def test_every_service_is_there(compose: Compose) -> None:
    assert set(compose["services"]) == OURS | THEIRS | JUDGES


def test_api_and_workers_run_twice(compose: Compose) -> None:
    assert [compose["services"][name]["deploy"]["replicas"] for name in ("api", "worker")] == [2, 2]


def test_ports_are_published_on_this_machine_only(compose: Compose) -> None:
    published = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert set(published) == {"nginx", "prometheus", "grafana"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)
    assert {service.get("network_mode") for service in compose["services"].values()} == {None, "none"}


def test_every_service_that_stays_has_a_health_check_and_a_restart_policy(compose: Compose) -> None:
    for name, service in compose["services"].items():
        if name in ("migrate", "vllm-home"):
            assert "healthcheck" not in service
            assert service["restart"] == "no"
        else:
            assert service["healthcheck"]["test"], name
            assert service["restart"] == "unless-stopped", name


def test_every_container_is_held_within_bounds(compose: Compose) -> None:
    for name, service in compose["services"].items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["logging"]["options"]["max-size"], name
        # A judge on a GPU takes what the card has and compiles into its home.
        if not name.startswith("vllm"):
            assert service["read_only"] is True, name
            assert service["mem_limit"], name
            assert service["pids_limit"], name


def test_services_wait_for_the_health_of_what_they_need_and_for_the_schema(compose: Compose) -> None:
    services = compose["services"]
    for name, service in services.items():
        for needed, wait in service.get("depends_on", {}).items():
            ends = needed in ("migrate", "vllm-home")
            expected = "service_completed_successfully" if ends else "service_healthy"
            assert wait == {"condition": expected}, f"{name} waits for {needed}"
    waiting = {name for name, service in services.items() if "migrate" in service.get("depends_on", {})}
    assert waiting == {"api", "worker", "backup"}


def test_prometheus_reads_the_api_where_it_needs_no_key(compose: Compose) -> None:
    jobs = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    ports = {
        job["job_name"]: job["dns_sd_configs"][0]["port"] for job in jobs["scrape_configs"] if "dns_sd_configs" in job
    }
    environment = compose["services"]["api"]["environment"]
    assert ports["api"] == ports["worker"] == int(environment["VIVA_METRICS_PORT"])
    # nginx passes requests on from another address, and alone.
    assert environment["FORWARDED_ALLOW_IPS"] == "*"
    assert "ports" not in compose["services"]["api"]


def test_secrets_are_files_and_stand_in_no_environment(compose: Compose) -> None:
    text = COMPOSE_FILE.read_text(encoding="utf-8") + (ROOT / ".env.example").read_text(encoding="utf-8")
    assert not re.findall(r"VIVA_SECRET|VIVA_DATABASE_URL|POSTGRES_PASSWORD\b(?!_FILE)", text)
    for name, secret in compose["secrets"].items():
        assert secret == {"file": f"./deploy/secrets/{name}"}
    for name in ("api", "migrate", "worker", "backup"):
        assert compose["services"][name]["secrets"] == ["viva_secret", "viva_database_url"]


def test_every_image_is_pinned(compose: Compose) -> None:
    for name, service in compose["services"].items():
        image, _, tag = service["image"].partition(":")
        if image.startswith("vivavoce-"):
            assert re.fullmatch(r"\$\{VIVA_(BLUE_|GREEN_)?VERSION:-" + re.escape(__version__) + r"\}", tag), name
        else:
            assert re.fullmatch(r"v?\d+\.\d+\.\d+(-bookworm)?|\d+\.\d+-bookworm", tag), f"{name}: {service['image']}"
    bases = re.findall(r"^ARG PYTHON_IMAGE=(\S+)$", DOCKERFILE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(bases) == 1
    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", bases[0])


def test_every_container_runs_as_a_user_of_its_own(compose: Compose) -> None:
    for name, service in compose["services"].items():
        if name in OURS:
            assert "user" not in service, name
        else:
            assert re.fullmatch(r"[1-9]\d*:\d+", service["user"]), name
    for target in _stages(DOCKERFILE.read_text(encoding="utf-8")):
        if target.name in {"api", "backup", "grader"}:
            assert target.instructions[-1] == "USER 10001:10001"


def test_the_dockerfile_has_every_target_that_compose_builds(compose: Compose) -> None:
    stages = {stage.name for stage in _stages(DOCKERFILE.read_text(encoding="utf-8"))}
    for name, service in compose["services"].items():
        if "build" in service:
            assert service["build"]["target"] in stages, name
            assert (ROOT / service["build"]["dockerfile"]).is_file()


def test_the_images_get_every_folder_that_the_package_links_to() -> None:
    linked = {link.resolve().name for link in (ROOT / "src" / "vivavoce").iterdir() if link.is_symlink()}
    assert linked
    copied = set(re.findall(r"^COPY (\w+) \1$", DOCKERFILE.read_text(encoding="utf-8"), re.MULTILINE))
    admitted = set(re.findall(r"^!(\w+)$", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE))
    assert linked | {"src"} == copied
    assert copied <= admitted | {"deploy"}


def test_the_images_get_the_versions_that_were_tested() -> None:
    installs = re.findall(r"pip install (.*)$", DOCKERFILE.read_text(encoding="utf-8"), re.MULTILINE)
    needs = [install for install in installs if "/dist/*.whl" not in install]
    assert needs == ["--constraint constraints.txt --requirement wanted.txt"] * 2
    assert (ROOT / "constraints.txt").is_file()
    assert "!constraints.txt" in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()


def test_a_judge_knows_no_secret_and_cannot_reach_the_database(compose: Compose) -> None:
    for name in JUDGES | {"judges"}:
        judge = compose["services"][name]
        assert not {"VIVA_SECRET", "VIVA_DATABASE_URL", "VIVA_REDIS_URL"} & set(judge.get("environment", {}))
        assert "secrets" not in judge
        assert not set(judge["networks"]) & set(compose["services"]["postgres"]["networks"])
    assert compose["networks"]["data"]["internal"] is True
    assert compose["services"]["postgres"]["networks"] == compose["services"]["redis"]["networks"] == ["data"]


def test_each_colour_s_judges_are_found_by_the_gateway_s_names(compose: Compose) -> None:
    upstream = (ROOT / "deploy" / "nginx" / "judges-upstream.conf").read_text(encoding="utf-8")
    wanted = set(re.findall(r"server ([a-z-]+):8080 resolve", upstream))
    for kind in ("judge", "vllm"):
        given = set()
        for name in JUDGES:
            if name.startswith(kind):
                _, colour, one = name.split("-")
                judge = compose["services"][name]
                assert judge["networks"]["judging"]["aliases"] == [f"{colour}-{one}"]
                assert judge["env_file"] == [f"deploy/judges/{colour}.env"]
                given |= {f"{colour}-{one}"}
        assert given == wanted
    assert compose["services"]["judges"]["networks"]["judging"]["aliases"] == ["blue.judges", "green.judges"]


def test_redis_keeps_what_it_is_given(compose: Compose) -> None:
    command = " ".join(compose["services"]["redis"]["command"])
    assert "--appendonly yes" in command
    assert "--maxmemory-policy noeviction" in command


def test_every_setting_can_be_set_and_none_is_unknown(compose: Compose) -> None:
    known = {f"VIVA_{name.upper()}" for name in Settings.model_fields}
    text = COMPOSE_FILE.read_text(encoding="utf-8") + (ROOT / ".env.example").read_text(encoding="utf-8")
    assert set(re.findall(r"\bVIVA_[A-Z_]+\b", text)) <= known | COMPOSE_ONLY
    for name in ("api", "worker"):
        passed_on = {key for key, value in compose["services"][name]["environment"].items() if value is None}
        assert passed_on == known - FIXED - {"VIVA_JUDGE_THREADS"}, name
    for service in compose["services"].values():
        assert not COMPOSE_ONLY & set(service.get("environment", {}))


def test_the_sample_environment_explains_every_setting(compose: Compose) -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    explained = set()
    for block in re.split(r"\n\n+", text):
        lines = block.splitlines()
        names = [setting[1] for line in lines if (setting := re.match(r"(?:# )?([A-Z_]+)=", line))]
        if names:
            assert re.match(r"# ", lines[0]), block
        explained |= set(names)
    passed_on = {key for key, value in compose["services"]["api"]["environment"].items() if value is None}
    assert explained == passed_on | COMPOSE_ONLY | {"COMPOSE_PROFILES", "VIVA_JUDGE_THREADS"}


def test_the_sample_environment_shows_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = dict(re.findall(r"\$\{([A-Z_]+):-([^}]*)\}", COMPOSE_FILE.read_text(encoding="utf-8")))
    shown = dict(re.findall(r"^(?:# )?([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text("utf-8"), re.MULTILINE))
    for name, value in defaults.items():
        assert shown[name] == value
    others = shown.keys() - defaults.keys() - {"COMPOSE_PROFILES"}
    for name in others:
        monkeypatch.setenv(name, shown[name])
    by_sample = Settings(_env_file=None)
    for field in (name.removeprefix("VIVA_").lower() for name in others):
        assert getattr(by_sample, field) == Settings.model_fields[field].get_default(), field


@pytest.mark.parametrize("kind", ["cpu", "gpu"])
@pytest.mark.parametrize("name", ["api", "migrate", "worker", "backup"])
def test_a_container_s_settings_are_accepted(
    compose: Compose, installed: Path, kind: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = (ROOT / "deploy" / "judges" / f"{kind}.env.example").read_text(encoding="utf-8")
    environment = dict(re.findall(r"^(VIVA_[A-Z_]+)=(.*)$", judge, re.MULTILINE))
    environment |= {key: value for key, value in compose["services"][name]["environment"].items() if value is not None}
    for setting in [key for key in os.environ if key.startswith("VIVA_")]:
        monkeypatch.delenv(setting)
    for setting, value in environment.items():
        monkeypatch.setenv(setting, value)
    monkeypatch.setenv("VIVA_SECRETS_DIR", str(installed / "deploy" / "secrets"))
    settings = Settings(_env_file=None)
    assert settings.environment == "production"
    assert settings.database.startswith("postgresql+psycopg://vivavoce:")


def test_init_makes_what_compose_needs_and_changes_nothing_the_second_time(installed: Path) -> None:
    def everything() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in installed.rglob("*") if path.is_file()}

    before = everything()
    subprocess.run([installed / "deploy" / "init"], check=True, capture_output=True)
    assert everything() == before
    secrets = installed / "deploy" / "secrets"
    assert secrets.stat().st_mode & 0o77 == 0
    assert len({file.read_text() for file in secrets.iterdir()}) == 4


def test_compose_accepts_the_file(installed: Path) -> None:
    command = _compose_command()
    if command is None:
        pytest.skip("neither 'docker compose' nor 'docker-compose' is installed: only the structure was checked")
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("VIVA_", "COMPOSE_"))}
    accepted = subprocess.run(
        [*command, "--project-directory", str(installed), "config", "--quiet"],
        env=bare,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert accepted.returncode == 0, accepted.stderr


class _Stage:
    """One `FROM … AS name` of a Dockerfile."""

    def __init__(self, name: str, instructions: list[str]) -> None:
        self.name = name
        self.instructions = instructions


def _stages(dockerfile: str) -> list[_Stage]:
    stages: list[_Stage] = []
    for line in dockerfile.splitlines():
        if start := re.fullmatch(r"FROM \S+ AS (\S+)", line):
            stages.append(_Stage(start[1], []))
        elif stages and line and not line.startswith("#"):
            stages[-1].instructions.append(line)
    return stages


def _compose_command() -> list[str] | None:
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]):
            asked = subprocess.run([*command, "version"], capture_output=True, check=False, timeout=30)
            if asked.returncode == 0:
                return command
    return None
