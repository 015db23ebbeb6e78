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

{{/* Seconds of a duration such as 240s, 4m or 1h. */}}
{{- define "penstock.seconds" -}}
{{- $unit := dict "s" 1 "m" 60 "h" 3600 }}
{{- mul (regexFind "^[0-9]+" . | int) (get $unit (regexFind "[smh]$" .)) }}
{{- end }}

{{/* penstock.yaml: the value `config`, and the settings that depend on the Pod. */}}
{{- define "penstock.config" -}}
{{- $config := fromYaml .Values.config }}
{{- if hasKey $config "Error" }}
{{- fail (printf "config is not a YAML map: %s" $config.Error) }}
{{- end }}
{{- $state := merge (dict "path" "/var/lib/penstock/state") ($config.state | default dict) }}
{{- $_ := set $config "state" $state }}
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
