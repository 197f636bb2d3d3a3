{{- define "edrelay.name" -}}
{{- if contains "edrelay" .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-edrelay" .Release.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "edrelay.selector" -}}
app.kubernetes.io/name: edrelay
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "edrelay.labels" -}}
{{ include "edrelay.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "edrelay.image" -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end }}

{{/* The configuration file: what the operator wrote, with what this release knows laid over it. */}}
{{- define "edrelay.config" -}}
{{- $nats := dict "replicas" (int .Values.nats.replicas) }}
{{- if .Values.nats.bundled }}{{ $_ := set $nats "url_file" "/etc/edrelay/generated/nats-url" }}{{ else }}{{ $_ := set $nats "url_file" "/etc/edrelay/secrets/nats-url" }}{{ end }}
{{- if and .Values.nats.credentials (not .Values.nats.bundled) }}{{ $_ := set $nats "credentials_file" "/etc/edrelay/secrets/nats.creds" }}{{ end }}
{{- $database := dict "url_file" (ternary "/etc/edrelay/generated/database-url" "/etc/edrelay/secrets/database-url" .Values.postgres.bundled) }}
{{- $laid := dict
  "data_dir" "/tmp/edrelay"
  "encryption_key_file" "/etc/edrelay/secrets/encryption-key"
  "http" (dict "addr" "0.0.0.0:8080" "url" (printf "http://%s-ingress:8080" (include "edrelay.name" .)))
  "admin" (dict "addr" "0.0.0.0:8081" "token_file" "/etc/edrelay/secrets/admin-token")
  "nats" $nats
  "database" $database
  "shutdown" (dict "timeout" (include "edrelay.shutdown" .)) }}
{{- toYaml (mustMergeOverwrite (deepCopy .Values.config) $laid) }}
{{- end }}

{{/* What a pod may take for what is under way, of its one deadline. */}}
{{- define "edrelay.shutdown" -}}
{{- $left := sub (int .Values.terminationGracePeriodSeconds) (add .Values.lameDuckSeconds 10) }}
{{- if lt $left 5 }}{{ fail "terminationGracePeriodSeconds must be at least lameDuckSeconds + 15" }}{{ end }}
{{- if dig "shutdown" "timeout" "" .Values.config }}{{ fail "config.shutdown.timeout is made of terminationGracePeriodSeconds; set that" }}{{ end }}
{{- $left }}s
{{- end }}

{{- define "edrelay.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "edrelay.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{- define "edrelay.volumes" -}}
- name: config
  configMap: { name: {{ include "edrelay.name" . }} }
- name: secrets
  secret: { secretName: {{ .Values.secretName }} }
- name: tmp
  emptyDir: { sizeLimit: 64Mi }
{{- if or .Values.nats.bundled .Values.postgres.bundled }}
- name: generated
  secret: { secretName: {{ include "edrelay.name" . }}-generated, optional: true } # not there yet when a first migration runs
{{- end }}
{{- end }}

{{- define "edrelay.mounts" -}}
- { name: config, mountPath: /etc/edrelay/config, readOnly: true }
- { name: secrets, mountPath: /etc/edrelay/secrets, readOnly: true }
- { name: tmp, mountPath: /tmp }
{{- if or .Values.nats.bundled .Values.postgres.bundled }}
- { name: generated, mountPath: /etc/edrelay/generated, readOnly: true }
{{- end }}
{{- end }}

{{/* The password of a bundled server: made once, then kept over upgrades. */}}
{{- define "edrelay.kept" -}}
{{- $kept := lookup "v1" "Secret" .root.Release.Namespace (printf "%s-generated" (include "edrelay.name" .root)) }}
{{- if and $kept (hasKey $kept.data .key) }}{{ index $kept.data .key | b64dec }}{{ else }}{{ randAlphaNum 32 }}{{ end }}
{{- end }}

{{/* What the bundled NATS servers run by. The password stands in quotes: NATS puts no variable into a URL, and reads one that begins like a number as a number. */}}
{{- define "edrelay.natsConf" -}}
{{- $name := printf "%s-nats" (include "edrelay.name" .root) }}
{{- $replicas := int .root.Values.nats.replicas -}}
server_name: $POD_NAME
port: 4222
http_port: 8222
pid_file: /var/run/nats/nats.pid
max_payload: 4MB
lame_duck_duration: 30s
jetstream { store_dir: /data, sync_interval: always }
authorization { user: edrelay, password: {{ .password | quote }} }
{{- if gt $replicas 1 }}
cluster {
  name: {{ $name }}
  port: 6222
  authorization { user: route, password: {{ .password | quote }} }
  routes: [
    {{- range until $replicas }}
    {{ printf "nats://route:%s@%s-%d.%s-peers:6222" $.password $name . $name | quote }}
    {{- end }}
  ]
}
{{- end }}
{{- end }}
