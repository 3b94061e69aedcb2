{{- define "tallywire.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* Names of objects begin with this. It is short enough for every suffix within the 63 characters of a label. */}}
{{- define "tallywire.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "tallywire.name" .) .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "tallywire.name" .) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* What selects the pods of a component: dict "root" "component". Never changes. */}}
{{- define "tallywire.selector" -}}
app.kubernetes.io/name: {{ include "tallywire.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "tallywire.labels" -}}
{{ include "tallywire.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: tallywire
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Name and labels of an object: dict "root" "component" "name". */}}
{{- define "tallywire.metadata" -}}
name: {{ include "tallywire.fullname" .root }}-{{ .name | default .component }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "tallywire.labels" . | nindent 2 }}
{{- end }}

{{- define "tallywire.image" -}}
{{- $image := .Values.image }}
{{- $repository := required "image.repository is not set: build the image from the repository's Dockerfile and push it to a registry of yours" $image.repository }}
{{- if $image.digest }}
{{- printf "%s@%s" $repository $image.digest }}
{{- else }}
{{- printf "%s:%s" $repository ($image.tag | default .Chart.AppVersion) }}
{{- end }}
{{- end }}

{{- define "tallywire.account" -}}
{{- if .Values.serviceAccount.create }}
{{- .Values.serviceAccount.name | default (include "tallywire.fullname" .) }}
{{- else }}
{{- .Values.serviceAccount.name | default "default" }}
{{- end }}
{{- end }}

{{/* Where the pages find the servers: every address of theirs, which gRPC balances by itself. */}}
{{- define "tallywire.servers" -}}
{{ include "tallywire.fullname" . }}-server-headless.{{ .Release.Namespace }}.svc:{{ .Values.server.service.port }}
{{- end }}

{{- define "tallywire.origin" -}}
{{- if .Values.web.origin }}
{{- .Values.web.origin }}
{{- else if and .Values.web.ingress.enabled .Values.web.ingress.hosts }}
{{- printf "%s://%s" (ternary "https" "http" (not (empty .Values.web.ingress.tls))) (first .Values.web.ingress.hosts) }}
{{- end }}
{{- end }}
