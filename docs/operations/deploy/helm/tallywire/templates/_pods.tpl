{{/* Labels and annotations of pods: dict "root" "component" "values". A change of the chart's Secret replaces them. */}}
{{- define "tallywire.podMetadata" -}}
labels:
  {{- include "tallywire.labels" . | nindent 2 }}
  {{- with .values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- if or .root.Values.secrets.values .values.podAnnotations }}
annotations:
  {{- with .root.Values.secrets.values }}
  checksum/secret: {{ toJson . | sha256sum }}
  {{- end }}
  {{- with .values.podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end }}

{{/* What every pod says beside its containers and volumes: dict "root" "component" "values". */}}
{{- define "tallywire.podBasics" -}}
automountServiceAccountToken: false
# Variables of Services in the namespace could be taken for settings.
enableServiceLinks: false
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .root.Values.podSecurityContext | nindent 2 }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{- define "tallywire.spread" -}}
topologySpreadConstraints:
{{- if .values.topologySpreadConstraints }}
  {{- toYaml .values.topologySpreadConstraints | nindent 2 }}
{{- else }}
{{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "tallywire.selector" $ | nindent 8 }}
{{- end }}
{{- end }}
{{- end }}

{{/* Image and rights of every container. */}}
{{- define "tallywire.containerBasics" -}}
image: {{ include "tallywire.image" .root | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  {{- toYaml .root.Values.securityContext | nindent 2 }}
{{- end }}

{{/* Volumes: dict "root", and "tls", "clientCA", "ca", "reports", "identity" ("file" or "folder") where they are wanted. */}}
{{- define "tallywire.mounts" -}}
- name: tmp
  mountPath: /tmp
{{- if .reports }}
- name: reports
  mountPath: /var/lib/tallywire/reports
{{- end }}
{{- if or .tls .ca }}
- name: tls
  mountPath: /etc/tallywire/tls
  readOnly: true
{{- end }}
{{- if .clientCA }}
- name: client-ca
  mountPath: /etc/tallywire/client-ca
  readOnly: true
{{- end }}
{{- if .identity }}
- name: identity
  mountPath: /etc/tallywire/identity
  readOnly: true
{{- end }}
{{- with .root.Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "tallywire.volumes" -}}
{{- $values := .root.Values }}
- name: tmp
  emptyDir:
    sizeLimit: {{ $values.tmp.sizeLimit }}
{{- if .reports }}
- name: reports
  persistentVolumeClaim:
    claimName: {{ $values.reports.volume.existingClaim | default (printf "%s-reports" (include "tallywire.fullname" .root)) }}
{{- end }}
{{- if or .tls .ca }}
- name: tls
  secret:
    secretName: {{ $values.server.tls.existingSecret }}
    defaultMode: 0440
    {{- if not .tls }}
    items:
      - { key: {{ $values.server.tls.caKey }}, path: ca.crt }
    {{- end }}
{{- end }}
{{- with .clientCA }}
- name: client-ca
  secret:
    secretName: {{ .existingSecret }}
    defaultMode: 0440
    items:
      - { key: {{ .key }}, path: ca.crt }
{{- end }}
{{- if .identity }}
- name: identity
  secret:
    secretName: {{ $values.identityProviders.existingSecret }}
    defaultMode: 0440
    {{- if eq .identity "file" }}
    items:
      - { key: {{ $values.identityProviders.file }}, path: {{ $values.identityProviders.file }} }
    {{- end }}
{{- end }}
{{- with $values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "tallywire.identity" -}}
{{- with .root.Values.identityProviders }}
{{- if .existingSecret }}
- name: TALLYWIRE_IDENTITY_PROVIDERS
  value: /etc/tallywire/identity/{{ .file }}
{{- end }}
{{- end }}
{{- end }}
