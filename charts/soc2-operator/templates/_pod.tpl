{{- /* Parts of the pod. Every flag of `soc2-operator run` is here; a test compares them with its --help. */ -}}

{{- define "soc2-operator.args" -}}
{{- $operator := .Values.operator -}}
- run
- --listen=0.0.0.0:{{ .Values.service.port }}
- --namespace={{ .Release.Namespace }}
- --lease-name={{ default (include "soc2-operator.fullname" .) $operator.leaseName }}
- --identity=$(POD_NAME)
- --state={{ default "/var/lib/soc2-operator" .Values.state.url }}
{{- with $operator.leaseDuration }}
- --lease-duration={{ . }}
{{- end }}
{{- with $operator.logFormat }}
- --log-format={{ . }}
{{- end }}
{{- with $operator.logLevel }}
- --log-level={{ . }}
{{- end }}
{{- with $operator.awsAttemptTimeout }}
- --aws-attempt-timeout={{ . }}
{{- end }}
{{- with $operator.awsWriteAttemptTimeout }}
- --aws-write-attempt-timeout={{ . }}
{{- end }}
{{- with $operator.writeTurn }}
- --write-turn={{ . }}
{{- end }}
{{- with $operator.postureWritesPerSecond }}
- --posture-writes-per-second={{ int64 . }}
{{- end }}
{{- with $operator.metricsMaxSeries }}
- --metrics-max-series={{ int64 . }}
{{- end }}
{{- with $operator.metricsAccountTags }}
- --metrics-account-tags={{ join "," . }}
{{- end }}
{{- with $operator.workerThreads }}
- --worker-threads={{ int64 . }}
{{- end }}
{{- range $operator.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end -}}

{{- define "soc2-operator.env" -}}
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
{{- with include "soc2-operator.region" . }}
- {name: AWS_REGION, value: {{ . | quote }}}
{{- end }}
{{- if .Values.aws.fips }}
- {name: AWS_USE_FIPS_ENDPOINT, value: "true"}
{{- end }}
{{- with .Values.aws.endpointUrl }}
- {name: AWS_ENDPOINT_URL, value: {{ . | quote }}}
{{- end }}
{{- with .Values.proxy.https }}
- {name: HTTPS_PROXY, value: {{ . | quote }}}
{{- end }}
{{- with .Values.proxy.http }}
- {name: HTTP_PROXY, value: {{ . | quote }}}
{{- end }}
{{- if or .Values.proxy.https .Values.proxy.http }}
{{- /* Credential agents answer from the node, and only to the pod itself. */}}
{{- $direct := list "localhost" "127.0.0.1" ".svc" ".cluster.local" "169.254.169.254" "169.254.170.23" "fd00:ec2::23" }}
- {name: NO_PROXY, value: {{ concat $direct .Values.proxy.noProxy | join "," | quote }}}
{{- end }}
{{- if .Values.caBundle.configMap }}
- {name: SSL_CERT_FILE, value: {{ printf "/etc/soc2-operator/ca/%s" .Values.caBundle.key | quote }}}
{{- end }}
{{- with .Values.operator.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "soc2-operator.mounts" -}}
{{- if or (not .Values.state.url) .Values.caBundle.configMap -}}
volumeMounts:
{{- if not .Values.state.url }}
- {name: state, mountPath: /var/lib/soc2-operator}
{{- end }}
{{- if .Values.caBundle.configMap }}
- {name: ca, mountPath: /etc/soc2-operator/ca, readOnly: true}
{{- end }}
{{- end -}}
{{- end -}}

{{- define "soc2-operator.volumes" -}}
{{- if or (not .Values.state.url) .Values.caBundle.configMap -}}
volumes:
{{- if .Values.state.existingClaim }}
- name: state
  persistentVolumeClaim: {claimName: {{ .Values.state.existingClaim }}}
{{- else if not .Values.state.url }}
- name: state
  emptyDir: {sizeLimit: {{ .Values.state.sizeLimit }}}
{{- end }}
{{- if .Values.caBundle.configMap }}
- name: ca
  configMap: {name: {{ .Values.caBundle.configMap }}}
{{- end }}
{{- end -}}
{{- end -}}

{{- define "soc2-operator.affinity" -}}
{{- if .Values.affinity -}}
affinity:
  {{- toYaml .Values.affinity | nindent 2 }}
{{- else if eq .Values.podAntiAffinity "Required" -}}
affinity:
  podAntiAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
    - {{- include "soc2-operator.antiAffinityTerm" . | nindent 6 }}
{{- else if eq .Values.podAntiAffinity "Preferred" -}}
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
    - weight: 100
      podAffinityTerm:
        {{- include "soc2-operator.antiAffinityTerm" . | nindent 8 }}
{{- end -}}
{{- end -}}

{{- define "soc2-operator.antiAffinityTerm" -}}
topologyKey: kubernetes.io/hostname
labelSelector:
  matchLabels:
    {{- include "soc2-operator.selectorLabels" . | nindent 4 }}
{{- end -}}
