{{/* What all three Pods have in common, except their containers. */}}
{{- define "penstock.podMetadata" -}}
{{- $files := list "configmap.yaml" }}
{{- /* A new URL of the database needs new Pods. */}}
{{- if .Values.state.postgres.url }}
{{- $files = append $files "secret.yaml" }}
{{- end }}
{{- $made := list }}
{{- range $files }}
{{- $made = append $made (include (print $.Template.BasePath "/" .) $) }}
{{- end }}
{{- $checksum := join "" $made | sha256sum }}
{{- include "penstock.metadata" (dict "root" . "of" (dict "labels" .Values.podLabels "annotations" .Values.podAnnotations)
  "annotations" (dict "checksum/config" $checksum)) }}
{{- end }}

{{/* User, security context and placement; no volumes. */}}
{{- define "penstock.podBase" -}}
serviceAccountName: {{ include "penstock.serviceAccountName" . }}
automountServiceAccountToken: false
# A Service of the same name would set variables that begin with PENSTOCK_.
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  # The other policy would give the group access to the state directory at each mount.
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Replicas on different nodes and in different zones where that is possible; the Pods of an earlier revision do not count. */}}
{{- define "penstock.spread" -}}
{{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
- maxSkew: 1
  topologyKey: {{ . }}
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- include "penstock.identityLabels" $ | nindent 6 }}
  matchLabelKeys: [pod-template-hash]
{{- end }}
{{- end }}

{{- define "penstock.podSpec" -}}
{{ include "penstock.podBase" . }}
volumes:
  - name: config
    configMap:
      name: {{ include "penstock.fullname" . }}
  {{- with .Values.secretName }}
  - name: secrets
    secret:
      secretName: {{ . }}
      defaultMode: 0440
  {{- end }}
  {{- if include "penstock.onPostgres" . }}
  - name: postgres
    secret:
      secretName: {{ include "penstock.postgresSecretName" . }}
      defaultMode: 0440
      items:
        - key: {{ .Values.state.postgres.secretKey }}
          path: url
  {{- with .Values.state.postgres.tls.secretName }}
  - name: postgres-tls
    secret:
      secretName: {{ . }}
      defaultMode: 0440
  {{- end }}
  # For compiled code and what is temporary: nothing in it must outlive the Pod.
  - name: scratch
    emptyDir:
      sizeLimit: 256Mi
  {{- else }}
  - name: state
    persistentVolumeClaim:
      claimName: {{ include "penstock.claimName" . }}
  {{- end }}
{{- end }}

{{- define "penstock.image" -}}
image: {{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- end }}

{{- define "penstock.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* Penstock's container without its probes; takes a dict of the root context and the arguments. */}}
{{- define "penstock.container" -}}
name: penstock
{{ include "penstock.image" .root }}
args: {{ concat .args (list "--config" "/etc/penstock/penstock.yaml") | toJson }}
{{- $onPostgres := include "penstock.onPostgres" .root }}
{{- if or $onPostgres .root.Values.env }}
env:
  {{- if $onPostgres }}
  # The name of the replica in `penstock status` and in the log.
  - name: POD_NAME
    valueFrom:
      fieldRef:
        fieldPath: metadata.name
  {{- end }}
  {{- with .root.Values.env }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
securityContext:
  {{- include "penstock.containerSecurity" . | nindent 2 }}
resources:
  {{- toYaml .root.Values.resources | nindent 2 }}
volumeMounts:
  - name: config
    mountPath: /etc/penstock
    readOnly: true
  {{- if .root.Values.secretName }}
  - name: secrets
    mountPath: /run/secrets/penstock
    readOnly: true
  {{- end }}
  {{- if $onPostgres }}
  - name: postgres
    mountPath: /run/secrets/postgres
    readOnly: true
  {{- if .root.Values.state.postgres.tls.secretName }}
  - name: postgres-tls
    mountPath: /run/secrets/postgres-tls
    readOnly: true
  {{- end }}
  - name: scratch
    mountPath: /var/lib/penstock
  {{- else }}
  - name: state
    mountPath: /var/lib/penstock
  {{- end }}
{{- end }}
