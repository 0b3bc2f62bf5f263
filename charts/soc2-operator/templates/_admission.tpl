{{- /* Parts of the admission policies. */ -}}

{{- /* The annotation that says who wrote an object's spec last. */ -}}
{{- define "soc2-operator.authorAnnotation" -}}
soc2-operator.dev/author
{{- end -}}

{{- /* A binding; `name` is the policy's. */ -}}
{{- define "soc2-operator.binding" -}}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ .name }}
  labels:
    {{- include "soc2-operator.labels" .root | nindent 4 }}
spec:
  policyName: {{ .name }}
  validationActions: {{ toJson .root.Values.admission.validationActions }}
  {{- with .paramRef }}
  paramRef:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{- /* Who writes for others, and decides in Git: not checked. */ -}}
{{- define "soc2-operator.people" -}}
- name: people
  expression: {{ printf "!(request.userInfo.username in %s)" (toJson .Values.admission.gitOpsAccounts) | quote }}
{{- end -}}

{{- /* Whether the approver that is named is who sends it. */ -}}
{{- define "soc2-operator.ownName" -}}
has(object.spec.approvedBy) && (object.spec.approvedBy == request.userInfo.username || {{ .Values.admission.usernamePrefix | squote }} + object.spec.approvedBy == request.userInfo.username)
{{- end -}}

{{- /* Whether an exception says something else than before, its approval aside. */ -}}
{{- define "soc2-operator.exceptionChanged" -}}
(oldObject == null || !(dyn(object.spec).all(k, k == 'approvedBy' || (k in dyn(oldObject.spec) && dyn(object.spec)[k] == dyn(oldObject.spec)[k])) && dyn(oldObject.spec).all(k, k == 'approvedBy' || k in dyn(object.spec))))
{{- end -}}
