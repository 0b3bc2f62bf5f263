{{- /* Names and labels that several templates share. */ -}}

{{- define "soc2-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "soc2-operator.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "soc2-operator.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "soc2-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "soc2-operator.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name: name the ServiceAccount that exists, or set serviceAccount.create to true" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "soc2-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "soc2-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "soc2-operator.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "soc2-operator.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: soc2-operator
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* The image: by digest where there is one. */ -}}
{{- define "soc2-operator.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- /* The Region that STS is asked in; nothing where EKS or the SDK knows it. */ -}}
{{- define "soc2-operator.region" -}}
{{- $first := dict "aws" "" "aws-us-gov" "us-gov-west-1" "aws-cn" "cn-north-1" -}}
{{- default (get $first .Values.aws.partition) .Values.aws.region -}}
{{- end -}}

{{- /* What is wrong with values that a schema cannot see, in one place. */ -}}
{{- define "soc2-operator.validate" -}}
{{- with .Values.aws -}}
{{- if and .roleArn (not (hasPrefix (printf "arn:%s:" .partition) .roleArn)) -}}
{{- fail (printf "aws.roleArn: %q is not in the partition %q of aws.partition" .roleArn .partition) -}}
{{- end -}}
{{- if and .roleArn .podIdentity -}}
{{- fail "aws.roleArn and aws.podIdentity: a pod has either; take one away" -}}
{{- end -}}
{{- end -}}
{{- if and .Values.state.url .Values.state.existingClaim -}}
{{- fail "state.url and state.existingClaim: state is kept in one place; take one away" -}}
{{- end -}}
{{- end -}}

{{- /* Whether the policies that tell approver and author apart are made. */ -}}
{{- define "soc2-operator.separatesApprover" -}}
{{- if .Values.admission.enabled -}}
{{- $can := .Capabilities.APIVersions.Has "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy" -}}
{{- if or (eq .Values.admission.separateApprover "Always") (and $can (eq .Values.admission.separateApprover "Auto")) -}}
true
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* The port of a URL, said or of its scheme. */ -}}
{{- define "soc2-operator.portOf" -}}
{{- $url := urlParse .url -}}
{{- $said := regexFind ":[0-9]+$" $url.host | trimPrefix ":" -}}
{{- if not (has $url.scheme (list "http" "https")) -}}
{{- fail (printf "%s: %q is not a URL of http or https" .field .url) -}}
{{- end -}}
{{- default (eq $url.scheme "https" | ternary "443" "80") $said -}}
{{- end -}}
