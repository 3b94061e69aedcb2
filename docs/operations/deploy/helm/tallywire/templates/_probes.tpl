{{/* A check of health by its name: dict "server" "service". The kubelet speaks gRPC without TLS only; with TLS the server's
own command asks. */}}
{{- define "tallywire.probe" -}}
{{- if .server.tls.existingSecret -}}
exec:
  command: [python, -m, server, health{{ with .service }}, {{ . }}{{ end }}]
{{- else -}}
grpc:
  port: {{ .server.service.port }}
  {{- with .service }}
  service: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "tallywire.metricsPort" -}}
{{- if . }}{{ printf "metrics-%d" . }}{{ else }}metrics{{ end }}
{{- end }}
