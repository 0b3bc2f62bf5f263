"""The examples for Flux and Argo CD: Argo CD's health of our kinds, run as Lua; and that the files say what the charts have."""

import pathlib

import lupa
import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
GITOPS = ROOT / "docs" / "gitops"


def documents(name):
    return [document for document in yaml.safe_load_all((GITOPS / name).read_text()) if document]


@pytest.fixture(scope="module")
def health():
    """The function that Argo CD makes of health.lua: from an object to its health."""
    config = documents("argocd-cm.yaml")[0]["data"]
    script = yaml.safe_load(config["resource.customizations"])["soc2-operator.dev/*"]["health.lua"]
    lua = lupa.LuaRuntime(unpack_returned_tuples=True)
    run = lua.eval("function(script, obj) local f = load(script, 'health', 't', {obj = obj, ipairs = ipairs}) return f() end")

    def health(obj):
        found = run(script, lua.table_from(obj, recursive=True))
        return found["status"], found["message"]

    return health


def condition(kind, status, message=""):
    return {"type": kind, "status": status, "message": message}


def obj(conditions, generation=2, observed=2, **spec):
    return {
        "metadata": {"generation": generation},
        "spec": spec,
        "status": {"observedGeneration": observed, "conditions": conditions},
    }


@pytest.mark.parametrize(
    ("given", "status", "message"),
    [
        ({"metadata": {"generation": 1}, "spec": {}}, "Progressing", "Not read yet"),
        (obj([condition("Ready", "True", "in sync")]), "Healthy", "in sync"),
        (obj([condition("Ready", "True")], observed=1), "Progressing", "Not read yet"),
        (obj([condition("Ready", "False", "reading")]), "Progressing", "reading"),
        (obj([condition("Ready", "Unknown", "starting")]), "Progressing", "starting"),
        (obj([condition("Ready", "False", "a"), condition("Stalled", "True", "b")]), "Degraded", "b"),
        (obj([condition("Stalled", "True", "b"), condition("Ready", "False", "a")]), "Degraded", "b"),
        (obj([condition("Ready", "True", "a"), condition("Stalled", "False", "b")]), "Healthy", "a"),
        # A control that fails is no failed deployment.
        (obj([condition("Ready", "True", "a"), condition("Compliant", "False", "b")]), "Healthy", "a"),
        (obj([condition("Ready", "True", "a")], suspend=True), "Suspended", "spec.suspend is true"),
        (obj([condition("Stalled", "True", "b")], suspend=True), "Degraded", "b"),
    ],
)
def test_health_in_argo_cd(health, given, status, message):
    assert health(given) == (status, message)


def test_argo_cd_does_not_watch_results():
    exclusions = yaml.safe_load(documents("argocd-cm.yaml")[0]["data"]["resource.exclusions"])
    assert exclusions == [{"apiGroups": ["soc2-operator.dev"], "kinds": ["AccountPosture"], "clusters": ["*"]}]


def leaves(value, path=()):
    if isinstance(value, dict) and value:
        for key, below in value.items():
            yield from leaves(below, (*path, key))
    else:
        yield path


def test_the_examples_use_values_and_names_that_the_charts_have():
    values = yaml.safe_load((ROOT / "charts/soc2-operator/values.yaml").read_text())
    charts = {path.name for path in (ROOT / "charts").iterdir()}
    flux, argo = documents("flux.yaml"), documents("argocd.yaml")
    given = [d["spec"].get("values", {}) for d in flux if d["kind"] == "HelmRelease"]
    given += [d["spec"]["source"].get("helm", {}).get("valuesObject", {}) for d in argo]
    assert sum(map(bool, given)) == 2
    for example in given:
        for path in leaves(example):
            below = values
            for key in path:
                assert key in below, path
                below = below[key]
    assert {d["metadata"]["name"] for d in flux if d["kind"] == "HelmRelease"} == charts
    assert charts <= {d["metadata"]["name"] for d in argo}


@pytest.mark.parametrize("kind", ["Kustomization", "HelmRelease"])
def test_flux_waits_for_what_is_in_the_file_and_of_the_same_kind(kind):
    """Flux looks for what dependsOn names among objects of the same kind, in the same namespace unless it says another."""
    of_kind = [d for d in documents("flux.yaml") if d["kind"] == kind]
    there = {(d["metadata"]["namespace"], d["metadata"]["name"]) for d in of_kind}
    waits = [
        (on.get("namespace", d["metadata"]["namespace"]), on["name"])
        for d in of_kind
        for on in d["spec"].get("dependsOn", [])
    ]
    assert waits, f"no {kind} waits for another"
    assert set(waits) <= there


def test_flux_checks_kinds_that_there_are():
    kinds = {yaml.safe_load(path.read_text())["spec"]["names"]["kind"] for path in (ROOT / "crds/generated").glob("*.yaml")}
    checks = [check for d in documents("flux.yaml") for check in d.get("spec", {}).get("healthChecks", [])]
    assert checks
    for check in checks:
        assert check["apiVersion"] == "soc2-operator.dev/v1alpha1"
        assert check["kind"] in kinds - {"AccountPosture"}
