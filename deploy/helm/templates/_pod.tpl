{{/* What all three Pods have in common, except their containers. */}}
{{- define "penstock.podMetadata" -}}
{{- $checksum := include (print .Template.BasePath "/configmap.yaml") . | sha256sum }}
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
  - name: state
    persistentVolumeClaim:
      claimName: {{ include "penstock.claimName" . }}
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
{{- with .root.Values.env }}
env:
  {{- toYaml . | nindent 2 }}
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
  - name: state
    mountPath: /var/lib/penstock
{{- end }}
