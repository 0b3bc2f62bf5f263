#!/usr/bin/env python3
"""Writes charts/soc2-operator/files/dashboards/*.json from what is said below; with --check only says whether they are as
written. Grafana's JSON is a hundred lines a panel; here a panel is two.

    tests/tools/dashboards.py [--check]
"""

import json
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "charts/soc2-operator/files/dashboards"
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
# As Grafana 11 writes it; Grafana 12 reads it too.
SCHEMA = 39
STATES = {
    "Passed": "green", "Failed": "red", "Unknown": "orange", "Excepted": "blue", "NotApplicable": "text", "Disabled": "purple",
}
WIDTH = 24


def variable(name, label, metric, of, many=True):
    """A variable with the values of a label."""
    query = f"label_values({metric}, {of})"
    return {
        "name": name, "label": label, "type": "query", "datasource": SOURCE, "definition": query,
        "query": {"qryType": 1, "query": query, "refId": "variable"}, "refresh": 2, "sort": 1,
        "multi": many, "includeAll": many, "allValue": ".*" if many else None,
        "current": {"text": "All", "value": "$__all"} if many else {}, "options": [],
    }


DATASOURCE = {
    "name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "refresh": 1, "current": {},
    "options": [], "multi": False, "includeAll": False,
}
PROFILE = variable("profile", "Profile", "soc2_profile_checks", "profile")
ORGANIZATION = variable("organization", "Organization", "soc2_organization_accounts", "organization")
ACCOUNT = variable("account", "Account", "soc2_account_info", "account_name", many=False)
SET = variable("set", "Guardrail set", "soc2_guardrail_in_sync", "set")


def row(title):
    return {"type": "row", "title": title, "collapsed": False, "panels": [], "width": WIDTH, "height": 1}


def panel(kind, title, description, unit, width, *targets, height=8, steps=None, options=None, custom=None, maximum=None):
    """A panel. A target is a query, or a pair of query and legend; steps are (from, color)."""
    queries = []
    for index, target in enumerate(targets):
        expr, legend = target if isinstance(target, tuple) else (target, "__auto")
        query = {"refId": chr(ord("A") + index), "datasource": SOURCE, "expr": expr, "legendFormat": legend}
        if kind == "table":
            query |= {"instant": True, "range": False, "format": "table"}
        elif kind in ("stat", "bargauge"):
            query |= {"instant": True, "range": False}
        queries.append(query)
    defaults = {"unit": unit, "custom": custom or {}, "mappings": [], "noValue": "none"}
    if steps:
        defaults["thresholds"] = {"mode": "absolute", "steps": [{"value": at, "color": color} for at, color in steps]}
        defaults["color"] = {"mode": "thresholds"}
    if maximum is not None:
        defaults |= {"min": 0, "max": maximum}
    return {
        "type": kind, "title": title, "description": description, "datasource": SOURCE, "targets": queries,
        "fieldConfig": {"defaults": defaults, "overrides": []}, "options": options or {}, "width": width, "height": height,
    }


def stat(title, description, unit, width, *targets, **more):
    options = {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value", "textMode": "auto", "graphMode": "none"}
    return panel("stat", title, description, unit, width, *targets, height=4, options=options, **more)


def lines(title, description, unit, width, *targets, stacked=False, **more):
    custom = {"lineWidth": 1, "fillOpacity": 30 if stacked else 0, "spanNulls": False,
              "stacking": {"mode": "normal" if stacked else "none", "group": "A"}}
    options = {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}}
    return panel("timeseries", title, description, unit, width, *targets, options=options, custom=custom, **more)


def table(title, description, unit, width, *targets, hide=(), **more):
    made = panel("table", title, description, unit, width, *targets, **more)
    hidden = {name: True for name in ("Time", *hide)}
    made["transformations"] = [{"id": "organize", "options": {"excludeByName": hidden}}]
    if len(targets) > 1:
        made["transformations"].insert(0, {"id": "merge", "options": {}})
    return made


def bars(title, description, unit, width, *targets, **more):
    options = {"orientation": "horizontal", "displayMode": "basic", "reduceOptions": {"calcs": ["lastNotNull"]}}
    return panel("bargauge", title, description, unit, width, *targets, options=options, **more)


def by_state(made):
    """Gives each state its color."""
    made["fieldConfig"]["overrides"] = [
        {"matcher": {"id": "byName", "options": state},
         "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": color}}]}
        for state, color in STATES.items()
    ]
    return made


RATIO = [(None, "red"), (0.9, "orange"), (0.95, "green")]
NONE_IS_GOOD = [(None, "green"), (1, "red")]
ALL_IS_GOOD = [(None, "red"), (1, "green")]
AGE = [(None, "green"), (6 * 3600, "orange"), (12 * 3600, "red")]
ITS = 'profile=~"$profile"'
OF = 'organization=~"$organization"'
SETS = 'kind="GuardrailSet", name=~"$set"'

OVERVIEW = [
    row("Posture"),
    stat("Compliance", "Passed / (Passed + Failed + Unknown). Absent, not 100 %, when nothing was assessed.", "percentunit", 6,
         (f"max by (profile) (soc2_profile_compliance_ratio{{{ITS}}})", "{{profile}}"), steps=RATIO),
    stat("Without waivers", "The same, with what is waived counted as not passed.", "percentunit", 6,
         (f"max by (profile) (soc2_profile_unwaived_ratio{{{ITS}}})", "{{profile}}"), steps=RATIO),
    stat("Accounts", "Accounts of the profiles. Losing accounts must not look like getting better.", "short", 6,
         (f"max by (profile) (soc2_profile_accounts{{{ITS}}})", "{{profile}}")),
    stat("Accounts without a profile", "Active accounts that nobody asks about.", "short", 6,
         ('max by (organization) (soc2_organization_accounts{assigned="false"})', "{{organization}}"), steps=NONE_IS_GOOD),
    table("Conditions", "How each profile stands, and why. DataComplete False is an outage.", "none", 12,
          'max by (name, type, status, reason) (soc2_resource_condition{kind="ComplianceProfile", name=~"$profile"})',
          hide=("Value",)),
    by_state(lines("Checks by state", "(account, control) pairs in each state.", "short", 12,
                   (f"sum by (state) (max by (profile, state) (soc2_profile_checks{{{ITS}}}))", "{{state}}"), stacked=True)),
    lines("Compliance over time", "A gap means that nothing was assessed then.", "percentunit", 12,
          (f"max by (profile) (soc2_profile_compliance_ratio{{{ITS}}})", "{{profile}}"),
          (f"max by (profile) (soc2_profile_unwaived_ratio{{{ITS}}})", "{{profile}} without waivers")),
    lines("Accounts that fail, by criterion", "Accounts in which a control of the criterion fails.", "short", 12,
          (f'max by (profile, criterion) (soc2_criterion_accounts{{{ITS}, state="Failed"}})', "{{profile}} {{criterion}}")),
    row("What to repair"),
    table("Criteria", "Accounts in each technical state of each criterion.", "short", 12,
          f'max by (profile, criterion, state) (soc2_criterion_accounts{{{ITS}, state=~"Failed|Unknown"}})'),
    table("Worst controls", "Controls that fail in most accounts.", "short", 12,
          f'topk(20, max by (profile, control, severity) (soc2_control_accounts{{{ITS}, state="Failed"}}))'),
    table("Worst accounts", "Accounts in which most controls fail. Needs metrics.detail Account, the default.", "short", 12,
          f'topk(20, max by (profile, account_id) (soc2_account_checks{{{ITS}, state="Failed"}}) * on (account_id) '
          "group_left (account_name, ou_path) max by (account_id, account_name, ou_path) (soc2_account_info))"),
    table("Newly failing since yesterday", "Controls that fail in more accounts than a day ago, by how many.", "short", 12,
          f'(max by (profile, control) (soc2_control_accounts{{{ITS}, state="Failed"}}) - (max by (profile, control) '
          f'(soc2_control_accounts{{{ITS}, state="Failed"}} offset 1d) or 0 * max by (profile, control) '
          f'(soc2_control_accounts{{{ITS}, state="Failed"}}))) > 0 and on (profile) soc2_profile_accounts offset 1d'),
    row("Objectives and people"),
    table("Objectives met", "1: met. Without data not met.", "short", 8,
          f"max by (profile, objective) (soc2_objective_met{{{ITS}}})"),
    table("Objectives: value", "What was measured: ratios, seconds or counts.", "short", 8,
          f"max by (profile, objective) (soc2_objective_value{{{ITS}}})"),
    table("Objectives: target", "What the value is compared with.", "short", 8,
          f"max by (profile, objective) (soc2_objective_target{{{ITS}}})"),
    table("Activities", "What people answer for, by state.", "none", 8,
          f"max by (profile, activity, state) (soc2_activity_state{{{ITS}}})", hide=("Value",)),
    lines("Exceptions by state", "Exceptions that are granted for accounts of the profiles.", "short", 8,
          (f"sum by (state) (max by (profile, state) (soc2_exceptions{{{ITS}}}))", "{{state}}"), stacked=True),
    table("Exceptions: time left", "Time until an exception ends.", "s", 8,
          "sort(max by (namespace, exception, owner) (soc2_exception_expiry_timestamp_seconds) - time())"),
    row("Freshness"),
    lines("Age of the data", "Time since findings of a source were last read completely.", "s", 24,
          ("time() - max by (organization, source, region) (soc2_data_timestamp_seconds)",
           "{{organization}} {{source}} {{region}}"), steps=AGE),
]

WHO = 'on (account_id) group_left (account_name) max by (account_id, account_name) (soc2_account_info{account_name=~"$account"})'
ACCOUNT_PANELS = [
    table("Account", "Id, organization and unit, and the tags of --metrics-account-tags.", "none", 24,
          'soc2_account_info{account_name=~"$account"}', height=4, hide=("Value", "__name__", "instance", "job")),
    by_state(stat("Controls by state", "Controls of the account in each state.", "short", 12,
                  (f"sum by (state) (max by (account_id, state) (soc2_account_checks{{{ITS}}}) * {WHO})", "{{state}}"))),
    stat("Share that passes", "Passed / (Passed + Failed + Unknown) in this account.", "percentunit", 12,
         (f'sum by (profile) (max by (profile, account_id) (soc2_account_checks{{{ITS}, state="Passed"}}) * {WHO}) / sum by (profile) '
          f'(max by (profile, account_id, state) (soc2_account_checks{{{ITS}, state=~"Passed|Failed|Unknown"}}) * {WHO})',
          "{{profile}}"), steps=RATIO),
    by_state(lines("Controls by state over time", "Controls of the account in each state.", "short", 24,
                   (f"sum by (state) (max by (profile, account_id, state) (soc2_account_checks{{{ITS}}}) * {WHO})", "{{state}}"),
                   stacked=True)),
    table("Criteria", "State of each criterion. Needs metrics.detail Criterion.", "none", 12,
          f'max by (profile, account_id, criterion, state) (soc2_account_criterion_state{{{ITS}}}) * {WHO}', hide=("Value",)),
    table("Controls that fail or are unknown", "Needs metrics.detail Control.", "none", 12,
          f'max by (profile, account_id, control, state) (soc2_account_control_state{{{ITS}, state=~"Failed|Unknown"}}) * {WHO}',
          hide=("Value",)),
]

GUARDRAILS = [
    row("State"),
    stat("In sync", "Share of baselines that are where their set wants them.", "percentunit", 6,
         f'avg(max by (organization, set, baseline) (soc2_guardrail_in_sync{{{OF}, set=~"$set"}}))', steps=ALL_IS_GOOD),
    stat("Drift put back in the last day", "Differences that somebody made and the operator put back.", "short", 6,
         f'sum(max by (organization, set, baseline) (soc2_guardrail_drift_total{{{OF}, set=~"$set"}}) - (max by (organization, set, '
         f'baseline) (soc2_guardrail_drift_total{{{OF}, set=~"$set"}} offset 1d) or 0 * max by (organization, set, baseline) '
         f'(soc2_guardrail_drift_total{{{OF}, set=~"$set"}})))', steps=NONE_IS_GOOD),
    stat("Plans that wait", "Sets whose plan waits for a person or for its window.", "short", 6,
         f'count(max by (organization, set) (soc2_guardrail_plan_pending_timestamp_seconds{{{OF}, set=~"$set"}})) or vector(0)'),
    stat("Least free slots", "Free slots of the target that has least; at most 1 is too few.", "short", 6,
         f"min(max by (organization, target_id) (soc2_scp_slots_limit{{{OF}}}) - max by (organization, target_id) "
         f"(soc2_scp_slots_used{{{OF}}}))", steps=[(None, "red"), (2, "green")]),
    table("Baselines", "1: where its set wants it.", "short", 12,
          f'max by (organization, set, baseline) (soc2_guardrail_in_sync{{{OF}, set=~"$set"}})'),
    table("Conditions of sets", "How each set stands, and why.", "none", 12,
          f"max by (name, type, status, reason) (soc2_resource_condition{{{SETS}}})", hide=("Value",)),
    table("Held, released, refused, fought over", "Sets for which nothing is written until a person acts.", "none", 12,
          f'max by (name, type, reason) (soc2_resource_condition{{{SETS}, type=~"Held|Released|Refused|RolledBack|DriftFight", '
          'status="True"})', hide=("Value",)),
    table("Required guardrails in force", "GuardrailsInForce of each profile that requires some, by whosever policy.", "none", 12,
          'max by (name, status, reason) (soc2_resource_condition{kind="ComplianceProfile", type="GuardrailsInForce"})',
          hide=("Value",)),
    row("Drift and plans"),
    lines("Drift put back", "Differences that were put back, since the set exists.", "short", 12,
          (f'max by (organization, set, baseline) (soc2_guardrail_drift_total{{{OF}, set=~"$set"}})', "{{set}} {{baseline}}")),
    lines("Out of sync for", "Time for which a set has not been in sync.", "s", 12,
          (f'time() - max by (name) (soc2_resource_condition_since_timestamp_seconds{{{SETS}, type="InSync"}}) and on (name) '
           f'soc2_resource_condition{{{SETS}, type="InSync", status="False"}}', "{{name}}")),
    lines("Plans wait for", "Time for which a plan has waited for a person or for its window.", "s", 12,
          (f'time() - max by (organization, set) (soc2_guardrail_plan_pending_timestamp_seconds{{{OF}, set=~"$set"}})', "{{set}}")),
    row("Slots"),
    bars("Slots used", "Policies attached directly to a target, everybody's.", "short", 12,
         (f"max by (organization, target_id) (soc2_scp_slots_used{{{OF}}})", "{{target_id}}"),
         steps=[(None, "green"), (8, "orange"), (9, "red")], maximum=10),
    table("Free slots", "How many more policies a target can have.", "short", 12,
          f"sort(max by (organization, target_id) (soc2_scp_slots_limit{{{OF}}}) - max by (organization, target_id) "
          f"(soc2_scp_slots_used{{{OF}}}))"),
]

OPERATOR = [
    row("Replicas"),
    stat("Leaders", "Replicas that look after what belongs to no organization: exactly one.", "short", 4, "sum(soc2_leader)",
         steps=[(None, "red"), (1, "green"), (2, "red")]),
    stat("Version", "Versions that run.", "none", 4, ("count by (version) (soc2_build_info)", "{{version}}")),
    stat("Running for", "Time since a replica started.", "s", 4, ("time() - process_start_time_seconds and on (instance) soc2_build_info", "{{instance}}")),
    stat("Postures to write", "AccountPosture objects that wait to be written.", "short", 4, "max(soc2_posture_writes_pending)"),
    stat("Series left out", "Series that --metrics-max-series left out.", "short", 4, "max(sum by (instance) (soc2_metric_series_dropped))",
         steps=NONE_IS_GOOD),
    stat("Denied by an SCP", "Calls of the operator that a service control policy denied in the last hour.", "short", 4,
         "sum(increase(soc2_aws_denied_by_scp_total[1h])) or vector(0)", steps=NONE_IS_GOOD),
    lines("Organizations led", "How many organizations each replica leads.", "short", 6,
          ("sum by (instance) (soc2_organization_leader)", "{{instance}}")),
    lines("Memory", "Resident memory.", "bytes", 6, ("process_resident_memory_bytes and on (instance) soc2_build_info", "{{instance}}")),
    lines("CPU", "Cores in use.", "short", 6,
          ("rate(process_cpu_seconds_total[$__rate_interval]) and on (instance) soc2_build_info", "{{instance}}")),
    lines("Open files", "File descriptors in use.", "short", 6, ("process_open_fds and on (instance) soc2_build_info", "{{instance}}")),
    row("Reading AWS"),
    lines("Age of the data", "Time since findings of a source were last read completely.", "s", 8,
          (f"time() - max by (organization, source, region) (soc2_data_timestamp_seconds{{{OF}}})",
           "{{organization}} {{source}} {{region}}"), steps=AGE),
    lines("Full sweep takes", "How long the last full sweep of a source took.", "s", 8,
          (f"max by (organization, source, region) (soc2_sweep_duration_seconds{{{OF}}})", "{{organization}} {{source}} {{region}}")),
    lines("Calls of a full sweep", "GetFindings calls that the last full sweep took.", "short", 8,
          (f"max by (organization, source, region) (soc2_sweep_requests{{{OF}}})", "{{organization}} {{source}} {{region}}")),
    lines("Incomplete shards", "Groups of at most 20 accounts that were not read completely.", "short", 8,
          (f'max by (organization, source, region) (soc2_sweep_shards{{{OF}, complete="false"}})',
           "{{organization}} {{source}} {{region}}")),
    lines("Findings in the index", "Findings by how they count.", "short", 8,
          (f"sum by (status) (max by (organization, source, region, status) (soc2_findings{{{OF}}}))", "{{status}}"), stacked=True),
    lines("Events", "Messages of the queues of events; poison stays in the queue.", "ops", 8,
          (f"sum(rate(soc2_events_received_total{{{OF}}}[$__rate_interval]))", "received"),
          (f"sum(rate(soc2_events_deleted_total{{{OF}}}[$__rate_interval]))", "taken in"),
          (f"sum(rate(soc2_events_poison_total{{{OF}}}[$__rate_interval]))", "poison")),
    row("Quotas of AWS"),
    lines("Calls of AWS", "Attempts by operation, retries included.", "reqps", 8,
          ("sum by (service, operation) (rate(soc2_aws_requests_total[$__rate_interval]))", "{{service}}:{{operation}}")),
    lines("Calls that fail", "Attempts that did not succeed, by outcome.", "reqps", 8,
          ('sum by (service, operation, outcome) (rate(soc2_aws_requests_total{outcome!="ok"}[$__rate_interval]))',
           "{{service}}:{{operation}} {{outcome}}")),
    lines("Throttled", "Attempts that AWS throttled. Should be none.", "reqps", 8,
          ("sum by (service, operation) (rate(soc2_aws_throttled_total[$__rate_interval]))", "{{service}}:{{operation}}")),
    lines("Time of calls, 99 %", "99 of 100 calls of AWS take at most this.", "s", 12,
          ("histogram_quantile(0.99, sum by (le, service, operation) (rate(soc2_aws_request_duration_seconds_bucket[$__rate_interval])))",
           "{{service}}:{{operation}}")),
    row("Reconciles"),
    lines("Reconciles", "Reconciles by kind and outcome.", "ops", 12,
          ("sum by (kind, outcome) (rate(soc2_reconcile_total[$__rate_interval]))", "{{kind}} {{outcome}}")),
    lines("Time of reconciles, 99 %", "99 of 100 reconciles take at most this.", "s", 12,
          ("histogram_quantile(0.99, sum by (le, kind) (rate(soc2_reconcile_duration_seconds_bucket[$__rate_interval])))", "{{kind}}")),
    table("Objects that are not ready", "Objects whose Ready is not True.", "none", 24,
          'max by (kind, namespace, name, status, reason) (soc2_resource_condition{type="Ready", status!="True"})', hide=("Value",)),
]

DASHBOARDS = {
    "overview": ("SOC 2 overview", "Posture by criterion, what is worst, objectives, people, freshness.", [PROFILE], OVERVIEW),
    "account": ("SOC 2 account", "One account under its profiles.", [ACCOUNT, PROFILE], ACCOUNT_PANELS),
    "guardrails": ("SOC 2 guardrails", "Service control policies: in sync, drift, plans, slots.", [ORGANIZATION, SET], GUARDRAILS),
    "operator": ("SOC 2 operator", "The operator itself: replicas, reading AWS, quotas, reconciles.", [ORGANIZATION], OPERATOR),
}


def placed(panels):
    """The panels with ids and places, from left to right and from top to bottom."""
    x = y = tallest = 0
    made = []
    for number, source in enumerate(panels, start=1):
        one = dict(source)
        width, height = one.pop("width"), one.pop("height")
        if x + width > WIDTH or one["type"] == "row":
            x, y, tallest = 0, y + tallest, 0
        made.append({"id": number, "gridPos": {"x": x, "y": y, "w": width, "h": height}} | one)
        x, tallest = x + width, max(tallest, height)
    return made


def dashboard(name):
    title, description, variables, panels = DASHBOARDS[name]
    links = [
        {"title": DASHBOARDS[other][0], "type": "link", "url": f"/d/soc2-{other}", "keepTime": True, "icon": "dashboard"}
        for other in DASHBOARDS if other != name
    ]
    return {
        "uid": f"soc2-{name}", "title": title, "description": description, "tags": ["soc2-operator"],
        "schemaVersion": SCHEMA, "version": 1, "editable": True, "graphTooltip": 1, "refresh": "1m",
        "time": {"from": "now-7d" if name == "overview" else "now-24h", "to": "now"}, "timezone": "browser", "links": links,
        "annotations": {"list": []}, "templating": {"list": [DATASOURCE, *variables]}, "panels": placed(panels),
    }


def main():
    check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not check:
        sys.exit(__doc__)
    FOLDER.mkdir(parents=True, exist_ok=True)
    wrong = []
    for name in DASHBOARDS:
        path, text = FOLDER / f"{name}.json", json.dumps(dashboard(name), indent=1) + "\n"
        if check and (not path.exists() or path.read_text() != text):
            wrong.append(path.name)
        elif not check:
            path.write_text(text)
    if wrong:
        sys.exit(f"not as tests/tools/dashboards.py makes them: {', '.join(wrong)}; run it without --check")


if __name__ == "__main__":
    main()
