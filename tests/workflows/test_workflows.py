"""The GitHub workflows, as actionlint and zizmor see them; every action is pinned, every job has only the rights it names."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yaml"))


def run(*command):
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_actionlint_has_nothing_to_say():
    actionlint = run(ROOT / "tests" / "tools" / "ensure-actionlint.sh").strip()
    # Its shellcheck and pyflakes are whatever the machine has.
    run(actionlint, "-shellcheck=", "-pyflakes=", *map(str, WORKFLOWS))


def test_zizmor_has_nothing_to_say():
    run("zizmor", "--offline", "--no-progress", *map(str, WORKFLOWS))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_and_rights_are_named(path):
    text = path.read_text()
    uses = re.findall(r"uses: (\S+)(.*)", text)
    for action, comment in uses:
        assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action), action
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), action
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {}
    for name, job in workflow["jobs"].items():
        assert job["permissions"], name
        assert job["timeout-minutes"] <= 90, name


def release():
    return yaml.safe_load((ROOT / ".github/workflows/release.yaml").read_text())["jobs"]


def used(job):
    """What a job's steps use and run."""
    return "\n".join(step.get("uses", "") + step.get("run", "") for step in job["steps"])


VERSION = re.search(r'^version = "(.*)"$', (ROOT / "Cargo.toml").read_text(), flags=re.M)[1]


@pytest.mark.parametrize(
    ("tag", "file", "line", "succeeds"),
    [
        (f"v{VERSION}", None, None, True),
        (f"v{VERSION}0", None, None, False),
        (f"v{VERSION}", "Cargo.toml", "version = ", False),
        (f"v{VERSION}", "charts/soc2-operator/Chart.yaml", "version: ", False),
        # The tag of the image, where none is set.
        (f"v{VERSION}", "charts/soc2-operator/Chart.yaml", "appVersion: ", False),
        (f"v{VERSION}", "charts/soc2-operator-crds/Chart.yaml", "appVersion: ", False),
    ],
)
def test_a_release_compares_the_tag_with_every_version(tmp_path, tag, file, line, succeeds):
    step = next(step for step in release()["test"]["steps"] if step.get("name", "").startswith("The tag is"))
    for path in [ROOT / "Cargo.toml", *ROOT.glob("charts/*/Chart.yaml")]:
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    if file:
        before = (tmp_path / file).read_text()
        after = re.sub(rf"^({line}.*){re.escape(VERSION)}", r"\g<1>9.9.9", before, count=1, flags=re.M)
        assert before != after
        (tmp_path / file).write_text(after)
    environment = {**os.environ, "GITHUB_REF_NAME": tag}
    done = subprocess.run(["bash", "-e", "-c", step["run"]], cwd=tmp_path, env=environment, check=False)
    assert (done.returncode == 0) == succeeds


def test_whoever_may_publish_signs_and_attests():
    for name, job in release().items():
        rights = job["permissions"]
        publishes = "packages" in rights
        assert publishes == ("cosign sign" in used(job)) == ("attest-build-provenance" in used(job)), name
        assert publishes == ("id-token" in rights) == ("attestations" in rights), name
        # The action takes its password from the file that cosign writes, buildah's is another one.
        assert publishes == ("cosign login" in used(job)), name


def test_every_chart_that_is_pushed_is_attested():
    steps = release()["charts"]["steps"]
    attested = [step["with"]["subject-name"].rpartition("/")[2] for step in steps if "attest" in step.get("uses", "")]
    assert sorted(attested) == sorted(path.name for path in (ROOT / "charts").iterdir())


def test_the_image_is_for_both_architectures():
    jobs = release()
    matrix = {row["architecture"]: row["runner"] for row in jobs["image"]["strategy"]["matrix"]["include"]}
    # Each is built by a machine of its own kind.
    assert matrix == {"amd64": "ubuntu-24.04", "arm64": "ubuntu-24.04-arm"}
    assert set(jobs["image"]["outputs"]) == set(matrix)
    index = str(jobs["index"]["steps"])
    assert jobs["index"]["needs"] == "image" and jobs["charts"]["needs"] == "index"
    for architecture in matrix:
        assert f"needs.image.outputs.{architecture} }}" in index
    # cargo-deny looks at the dependencies of the same ones.
    deny = (ROOT / "deny.toml").read_text()
    assert '"x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"' in deny
