"""The documentation holds together: links lead somewhere, generated pages are as generated, and every reason that the operator can
give is documented."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
BUILT = {"target", ".git", ".up", ".demo"}


def pages():
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in BUILT]
        yield from (Path(folder) / name for name in files if name.endswith(".md"))


PAGES = sorted(pages())
# Crates and files whose words in CamelCase are reasons, but for these: types of conditions, kinds, and other words.
SPEAKERS = [
    "controller/operator/src", "controller/posture/src/assess", "controller/guardrails/src/gate.rs",
    "controller/guardrails/src/rollout.rs", "controller/guardrails/src/plan/refusal.rs", "controller/guardrails/src/declared.rs",
]
SILENT = ["controller/operator/src/metrics", "controller/operator/src/http.rs"]
NO_REASONS = set(
    # Statuses, and types of conditions that only summarize.
    "Ready Stalled Reconciling True False Unknown "
    # Kinds and resource types.
    "AwsOrganization ComplianceProfile ComplianceException ControlAttestation ControlCatalog GuardrailSet GuardrailApproval GuardrailRelease ScpBaseline AwsAccount Lease "
    # Calls of AWS that others make.
    "AttachPolicy DeletePolicy DetachPolicy DisablePolicyType UpdatePolicy "
    # What events call the operator's doing.
    "Assess Reconcile Release Validate "
    # Codes of AWS, and of the operator's own errors, which are in messages.
    "DuplicatePolicyException InvalidAccessException QueueDoesNotExist NotCreatedYet PolicyDiffers TargetNotFound "
    # States, and how Security Hub consolidates.
    "Passed Failed NotApplicable Pending Refused Consolidated PerStandard FindingsPassed "
    # Why guardrails cannot act in an account, in its results.
    "ManagementAccount".split()
)


def without_code(text):
    """A page without its fenced blocks."""
    return re.sub(r"^(```|~~~).*?^\1\s*$", "", text, flags=re.M | re.S)


def anchors(text):
    """Anchors of headings, as GitHub makes them."""
    found = {}
    for heading in re.findall(r"^#+ +(.+?) *#*$", without_code(text), flags=re.M):
        heading = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        number = found.get(slug, 0)
        found[slug] = number + 1
        if number:
            found[f"{slug}-{number}"] = 1
    return set(found)


def links(text):
    plain = re.sub(r"`[^`\n]*`", "", without_code(text))
    return re.findall(r"\]\(<?([^)\s>]+)>?(?: \"[^\"]*\")?\)", plain) + re.findall(r"^\[[^\]]+\]: (\S+)", plain, flags=re.M)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    wrong = []
    for link in links(page.read_text()):
        if re.match(r"[a-z][a-z+.-]*:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists():
            wrong.append(f"{link}: there is no such file")
        elif anchor and (target.suffix != ".md" or anchor not in anchors(target.read_text())):
            # A folder, or a file of another kind, has no headings at all.
            wrong.append(f"{link}: there is no such heading")
    assert not wrong


@pytest.mark.parametrize("tool", ["reasons.py", "dashboards.py", "fields.py", "controls.py"])
def test_generated_files_are_as_generated(tool):
    done = subprocess.run([sys.executable, ROOT / "tests/tools" / tool, "--check"], text=True, capture_output=True)
    assert done.returncode == 0, done.stderr


SOC2CTL = os.environ.get("SOC2CTL") or str(ROOT / "target/debug/soc2ctl")


@pytest.mark.skipif(not os.path.exists(SOC2CTL), reason="soc2ctl is not built")
def test_the_table_of_controls_says_what_the_program_says():
    """The tool that writes the table reads the files by itself; the program has the last word."""
    rows = [line.strip("| ").split(" | ") for line in (ROOT / "docs/controls.md").read_text().splitlines() if line.startswith("| **")]
    total = 0
    for first, default, extended, people in rows:
        criterion = re.match(r"\*\*(\S+)\*\*", first)[1]
        said = subprocess.run([SOC2CTL, "catalog", "show", criterion], text=True, capture_output=True, check=True).stdout
        program = set(re.findall(r"^(\S+) +(Critical|High|Medium|Low) +(Default|Extended) +(?:Direct|Curated) +(weak)?", said, flags=re.M))
        page = set()
        for tier, cell in [("Default", default), ("Extended", extended)]:
            for part in cell.split("<br>") if cell != "-" else []:
                severity, _, controls = part.partition(": ")
                page |= {(name.strip("*"), severity, tier, "weak" if name.startswith("*") else "") for name in controls.split(", ")}
        assert page == program, criterion
        assert set(re.findall(r"`(\S+)`", people)) == set(re.findall(r"^activity: .*\((\S+), \w+\)$", said, flags=re.M)), criterion
        total += len(page)
    assert (len(rows), total) == (61, 555)


def product(path):
    """Code without tests and comments."""
    code = path.read_text().split("#[cfg(test)]")[0]
    return "\n".join(line for line in code.splitlines() if not line.strip().startswith("//"))


def sources(places):
    for place in places:
        path = ROOT / place
        yield from [path] if path.is_file() else sorted(path.rglob("*.rs"))


def named(text):
    return set(re.findall(r"`([A-Z]\w+)`", text))


def documented(column=2):
    """Reasons in docs/conditions.md; with column 1 the types of conditions."""
    rows = [line.split("|") for line in (ROOT / "docs/conditions.md").read_text().splitlines() if line.startswith("| ")]
    return set().union(*(named(row[column]) for row in rows))


def events():
    """Reasons of events, which the pages of the kinds name in a paragraph about events, or below a heading about them."""
    texts = [re.sub(r"^(#+ .*)\n\n", r"\1\n", page.read_text(), flags=re.M) for page in (ROOT / "docs/kinds").glob("*.md")]
    # Tables are about something else.
    paragraphs = [part for text in texts for part in text.split("\n\n") if not part.startswith("| field |")]
    return set().union(*(named(part) for part in paragraphs if "event" in part.lower()))


def test_every_reason_is_documented():
    known, missing = documented(1) | documented(2) | events() | NO_REASONS, {}
    silent = set(sources(SILENT))
    for path in sources(SPEAKERS):
        if path in silent or path.stem.endswith("tests") or "tests" in path.parts[len(ROOT.parts):]:
            continue
        for word in re.findall(r'"([A-Z][a-z]+(?:[A-Z][a-z]+)*)"', product(path)):
            if word not in known:
                missing.setdefault(word, str(path.relative_to(ROOT)))
    assert not missing, "add these to the table of conditions in docs/kinds, and run tests/tools/reasons.py"


def test_every_documented_reason_is_given_by_the_code():
    code = "\n".join(product(path) for path in sources(["controller", "crds/src"]))
    # States of enums are printed by their names.
    words = set(re.findall(r"\b[A-Z]\w+\b", code))
    assert documented() - words == set()


def test_everything_that_readyz_waits_for_is_documented():
    code = "\n".join(product(path) for path in sources(["controller/operator/src"]))
    waited = set(re.findall(r'(?:\.missing\(|\.there\(|\buntil_there\(\w+, )"(\w+)"', code))
    section = (ROOT / "docs/running.md").read_text().split("\n## What is missing\n")[1].split("\n## ")[0]
    assert waited == set(re.findall(r"^\| `(\w+)` \|", section, flags=re.M)) - {"what"}


def below(values, names):
    """Whether a path of names is in the values of the chart; what an empty value holds is up to whoever sets it."""
    for name in names:
        if not isinstance(values, dict) or (values and name not in values):
            return False
        values = values.get(name, {})
    return True


def test_values_that_the_documentation_names_are_values_of_the_chart():
    values = yaml.safe_load((ROOT / "charts/soc2-operator/values.yaml").read_text())
    # resources are a pod's in the chart, and an account's in its posture.
    groups = {name for name, value in values.items() if isinstance(value, dict) and value} - {"resources"}
    wrong = []
    for page in PAGES:
        text = page.read_text()
        for name in re.findall(r"`([a-z]\w*(?:\.\w+)+)(?:=[^`]*)?`", text):
            if name.split(".")[0] in groups and not below(values, name.split(".")):
                wrong.append(f"{page.relative_to(ROOT)}: {name}")
    assert not wrong


def test_what_the_installation_says_of_the_nodes_credentials_opens_the_way_to_them():
    chart, page = ROOT / "charts/soc2-operator", (ROOT / "docs/install.md").read_text()
    section = page.split("### Credentials of the node\n")[1].split("\n## ")[0]
    values = yaml.safe_load(re.search(r"^```yaml\n(.*?)^```", section, flags=re.M | re.S)[1])
    (rule,) = values["networkPolicy"]["extraEgress"]
    assert rule == {"to": [{"ipBlock": {"cidr": "169.254.169.254/32"}}], "ports": [{"protocol": "TCP", "port": 80}]}
    # Both places that speak of the node's credentials say so.
    assert "networkPolicy.extraEgress" in (chart / "templates/NOTES.txt").read_text()
    policy = (chart / "templates/networkpolicy.yaml").read_text()
    for address in ["169.254.170.23/32", "fd00:ec2::23/128"]:
        assert address in policy.split("{{- if .Values.aws.podIdentity }}")[1].split("{{- end }}")[0]


def fields(schema, path=()):
    """Paths of all fields below a schema. Conditions are those of Kubernetes."""
    for name, below in (schema.get("properties") or {}).items():
        yield (*path, name)
        if name != "conditions":
            yield from fields(below, (*path, name))
    for key in ["items", "additionalProperties"]:
        if isinstance(schema.get(key), dict):
            yield from fields(schema[key], path)


def words_of_code(page):
    """Words in backticks and in examples."""
    text = page.read_text()
    blocks = re.findall(r"^```.*?^```", text, flags=re.M | re.S)
    return set(re.findall(r"\w+", " ".join([*blocks, *re.findall(r"`[^`\n]+`", without_code(text))])))


@pytest.mark.parametrize("path", sorted((ROOT / "crds/generated").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_field_is_on_the_page_of_its_kind(path):
    spec = yaml.safe_load(path.read_text())["spec"]
    page = ROOT / f"docs/kinds/{spec['names']['kind'].lower()}.md"
    named = words_of_code(page)
    # Which accounts are meant is written in the same way everywhere, and on one page.
    targets = words_of_code(ROOT / "docs/kinds/complianceprofile.md") if "(complianceprofile.md#targets)" in page.read_text() else set()
    missing = []
    for version in spec["versions"]:
        for field in fields(version["schema"]["openAPIV3Schema"]):
            if field[0] in {"apiVersion", "kind", "metadata"} or field in {("spec",), ("status",)}:
                continue
            of_targets = {"targets", "organizationalUnit"} & set(field[:-1])
            if field[-1] not in named and not (of_targets and field[-1] in targets):
                missing.append(".".join(field))
    assert not missing


def test_the_picture_of_the_concepts_has_every_kind():
    kinds = {yaml.safe_load(path.read_text())["spec"]["names"]["kind"] for path in (ROOT / "crds/generated").glob("*.yaml")}
    picture = (ROOT / "docs/concepts.md").read_text().split("```")[1]
    assert kinds == set(re.findall(r"[A-Z]\w+[A-Z]\w+", picture))


def test_commands_of_soc2ctl_exist():
    """Every `soc2ctl COMMAND` that the documentation names is one of the overview in docs/soc2ctl.md, which a test compares with --help."""
    overview = (ROOT / "docs/soc2ctl.md").read_text()
    known = set(re.findall(r"`(?:soc2ctl )?([a-z]+)\b", "\n".join(line for line in overview.splitlines() if line.startswith("| "))))
    named = {}
    for page in PAGES:
        for command in re.findall(r"soc2ctl ([a-z]+)\b", "\n".join(re.findall(r"```.*?```|`[^`]+`", page.read_text(), flags=re.S))):
            named.setdefault(command, str(page.relative_to(ROOT)))
    assert not {command: page for command, page in named.items() if command not in known}


def test_dashboards_do_not_overlap():
    for path in sorted((ROOT / "charts/soc2-operator/files/dashboards").glob("*.json")):
        taken = {}
        for panel in json.loads(path.read_text())["panels"]:
            at = panel["gridPos"]
            for x in range(at["x"], at["x"] + at["w"]):
                for y in range(at["y"], at["y"] + at["h"]):
                    assert x < 24 and (x, y) not in taken, f"{path.name}: {panel['title']!r} lies on {taken.get((x, y))!r}"
                    taken[x, y] = panel["title"]
