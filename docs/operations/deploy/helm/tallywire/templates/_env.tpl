{{/* A value as text: numbers of Helm are floating-point, and 10000000 would become 1e+07. */}}
{{- define "tallywire.text" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) }}
{{- printf "%.0f" . }}
{{- else }}
{{- toString . }}
{{- end }}
{{- end }}

{{/* A variable that comes from a Secret, if there is one: dict "root" "variable", and "as" (its name in the pod),
"required", and "made" (the Secret that the chart makes). */}}
{{- define "tallywire.secret" -}}
{{- $secrets := .root.Values.secrets }}
{{- $from := index $secrets.from .variable }}
{{- $name := "" }}
{{- if $from }}
{{- $name = $from.name }}
{{- else if $secrets.existingSecret }}
{{- $name = $secrets.existingSecret }}
{{- else if hasKey $secrets.values .variable }}
{{- $name = .made | default (include "tallywire.fullname" .root) }}
{{- else if .required }}
{{- fail (printf "%s is in none of secrets.values, secrets.existingSecret and secrets.from" .variable) }}
{{- end }}
{{- if $name }}
- name: {{ .as | default .variable }}
  valueFrom:
    secretKeyRef:
      name: {{ $name }}
      key: {{ ($from | default dict).key | default .variable }}
      {{- if not (or $from .required) }}
      optional: true
      {{- end }}
{{- end }}
{{- end }}

{{/* The settings that every pod has: dict "root". */}}
{{- define "tallywire.settings" -}}
{{- range $name, $value := .root.Values.settings }}
- name: {{ $name }}
  value: {{ include "tallywire.text" $value | quote }}
{{- end }}
- name: TALLYWIRE_METRICS_ADDRESS
  value: {{ ternary "::" "0.0.0.0" (contains ":" .root.Values.server.listenHost) | quote }}
- name: TALLYWIRE_METRICS_PORT
  value: {{ include "tallywire.text" .root.Values.metrics.port | quote }}
{{- end }}

{{/* Secrets and places of servers, workers and the console: dict "root", and "owner" for the owner's login. */}}
{{- define "tallywire.engines" -}}
{{- $root := .root }}
{{- $database := ternary "OWNER_DATABASE_URL" "DATABASE_URL" (and .owner $root.Values.database.ownerLogin | default false) }}
{{- include "tallywire.secret" (dict "root" $root "variable" $database "as" "DATABASE_URL" "required" true) }}
{{- include "tallywire.secret" (dict "root" $root "variable" "REDIS_URL" "required" true) }}
{{- include "tallywire.secret" (dict "root" $root "variable" "TALLYWIRE_KEY_PEPPER" "required" true) }}
{{- range list "TALLYWIRE_KEY_PEPPERS_ACCEPTED" "TALLYWIRE_PSEUDONYM_KEY" "TALLYWIRE_SMTP" "TALLYWIRE_DELIVERY_STORES" "TALLYWIRE_QUERY_DATABASE_URLS" }}
{{- include "tallywire.secret" (dict "root" $root "variable" .) }}
{{- end }}
{{- if or $root.Values.reports.volume.enabled $root.Values.reports.store }}
- name: TALLYWIRE_REPORTS_STORE
  value: {{ ternary "file:///var/lib/tallywire/reports" $root.Values.reports.store $root.Values.reports.volume.enabled }}
{{- else }}
{{- include "tallywire.secret" (dict "root" $root "variable" "TALLYWIRE_REPORTS_STORE" "required" (ne $root.Values.secrets.existingSecret "")) }}
{{- end }}
{{- with include "tallywire.origin" $root }}
- name: TALLYWIRE_WEB_ORIGIN
  value: {{ . | quote }}
{{- end }}
{{- end }}

{{- define "tallywire.extraEnv" -}}
{{- with .root.Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "tallywire.extraEnvFrom" -}}
{{- with .root.Values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
