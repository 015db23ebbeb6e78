{{- define "penstock.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 52 | trimSuffix "-" }}
{{- end }}

{{/* At most 52 characters: a CronJob adds 11 to name its Jobs. */}}
{{- define "penstock.fullname" -}}
{{- $name := include "penstock.name" . }}
{{- $long := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) }}
{{- .Values.fullnameOverride | default $long | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- define "penstock.selectorLabels" -}}
app.kubernetes.io/name: {{ include "penstock.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* Labels by which the Service selects its Pod, and no other Pod of this release. */}}
{{- define "penstock.identityLabels" -}}
{{ include "penstock.selectorLabels" . }}
app.kubernetes.io/component: {{ .Values.mode }}
{{- end }}

{{/*
Labels and annotations of an object: a dict of the root context; `of`, the values that have labels and annotations for it;
`component`, where it is not the mode; and `annotations` that the chart itself needs. What selectors and Helm read stays as
it is, then what is said for this object wins over what is said for all, and that over the chart's.
*/}}
{{- define "penstock.metadata" -}}
{{- $of := .of | default dict }}
{{- $values := .root.Values }}
{{- $identity := include "penstock.identityLabels" .root | fromYaml }}
{{- with .component }}
{{- $_ := set $identity "app.kubernetes.io/component" . }}
{{- end }}
{{- $chart := dict
  "app.kubernetes.io/version" (.root.Chart.AppVersion | toString)
  "app.kubernetes.io/part-of" "penstock"
  "app.kubernetes.io/managed-by" .root.Release.Service
  "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_") -}}
labels:
  {{- merge $identity ($of.labels | default dict) ($values.commonLabels | default dict) $chart | toYaml | nindent 2 }}
{{- with merge (dict) (.annotations | default dict) ($of.annotations | default dict) ($values.commonAnnotations | default dict) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "penstock.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (ternary (include "penstock.fullname" .) "default" .Values.serviceAccount.create) }}
{{- end }}

{{- define "penstock.claimName" -}}
{{- .Values.state.existingClaim | default (printf "%s-state" (include "penstock.fullname" .)) }}
{{- end }}

{{/* Not empty when the state is on PostgreSQL. */}}
{{- define "penstock.onPostgres" -}}
{{- with .Values.state.postgres }}{{ if or .url .secretName }}true{{ end }}{{ end }}
{{- end }}

{{/* The Secret that holds the URL of the database: the operator's, or the one that is made of `state.postgres.url`. */}}
{{- define "penstock.postgresSecretName" -}}
{{- .Values.state.postgres.secretName | default (printf "%s-postgres" (include "penstock.fullname" .)) }}
{{- end }}

{{/* Ends with what is wrong when the values ask for what the state cannot do. values.schema.json refuses the first three as well. */}}
{{- define "penstock.requireState" -}}
{{- $replicas := int .Values.replicas }}
{{- $postgres := .Values.state.postgres }}
{{- if and (gt $replicas 1) (not (include "penstock.onPostgres" .)) }}
{{- fail (printf "replicas is %d, but without state.postgres the state is on a volume, which one Pod holds. Set state.postgres.secretName or state.postgres.url, or replicas to 1." $replicas) }}
{{- end }}
{{- if and (gt $replicas 1) (eq .Values.mode "cronjob") }}
{{- fail (printf "replicas is %d, but a CronJob runs one Pod at a time. Set mode to daemon or sidecar, or replicas to 1." $replicas) }}
{{- end }}
{{- if and $postgres.url $postgres.secretName }}
{{- fail "state.postgres.url and state.postgres.secretName are both set. Set one of them: it holds the URL of the database." }}
{{- end }}
{{- if hasKey ((fromYaml .Values.config).state | default dict) "postgres" }}
{{- fail "config sets state.postgres. Set the value state.postgres.secretName instead, so that no volume is made for the state." }}
{{- end }}
{{- end }}

{{/* Seconds of a duration such as 240s, 4m or 1h. */}}
{{- define "penstock.seconds" -}}
{{- $unit := dict "s" 1 "m" 60 "h" 3600 }}
{{- mul (regexFind "^[0-9]+" . | int) (get $unit (regexFind "[smh]$" .)) }}
{{- end }}

{{/* `state` of penstock.yaml on PostgreSQL, as far as the chart decides it. */}}
{{- define "penstock.postgresState" -}}
{{- $postgres := .Values.state.postgres -}}
lease: {{ $postgres.lease }}
postgres:
  url: ${file:/run/secrets/postgres/url}
  schema: {{ $postgres.schema | quote }}
  {{- with $postgres.tls }}
  {{- if .secretName }}
  tls:
    {{- range $option, $key := dict "ca_file" .ca "cert_file" .cert "key_file" .key }}
    {{- with $key }}
    {{ $option }}: /run/secrets/postgres-tls/{{ . }}
    {{- end }}
    {{- end }}
  {{- end }}
  {{- end }}
{{- end }}

{{/* penstock.yaml: the value `config`, and the settings that depend on the Pod. */}}
{{- define "penstock.config" -}}
{{- $config := fromYaml .Values.config }}
{{- if hasKey $config "Error" }}
{{- fail (printf "config is not a YAML map: %s" $config.Error) }}
{{- end }}
{{- include "penstock.requireState" . }}
{{- $state := $config.state | default dict }}
{{- if include "penstock.onPostgres" . }}
{{- $_ := set $config "state" (merge (include "penstock.postgresState" . | fromYaml) (omit $state "path" "allow_network_fs")) }}
{{- $_ := set $config "replica" "${POD_NAME}" }}
{{- else }}
{{- $_ := set $config "state" (merge (dict "path" "/var/lib/penstock/state") $state) }}
{{- end }}
{{- if not $config.destinations }}
{{- $beside := eq .Values.mode "sidecar" }}
{{- $endpoint := ternary "http://127.0.0.1:4318" .Values.endpoint $beside }}
{{- $_ := set $config "destinations" (dict (ternary "collector" "siem" $beside) (dict "endpoint" $endpoint)) }}
{{- end }}
{{- if eq .Values.mode "cronjob" }}
{{- $_ := unset $config "admin" }}
{{- else }}
{{- $_ := set $config "admin" (merge (dict "listen" ":9464") ($config.admin | default dict)) }}
{{- end }}
{{- toYaml $config }}
{{- end }}
