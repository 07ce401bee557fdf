{{/* Name in front of all objects; 40 characters leave room for the longest suffix. */}}
{{- define "vivavoce.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $full .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{/* What selects the pods of a component. Takes root and component. */}}
{{- define "vivavoce.selector" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride | trunc 63 }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* Labels of an object. Takes root and component. */}}
{{- define "vivavoce.labels" -}}
{{ include "vivavoce.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* An image of ours. Takes root and name (api, grader or backup). */}}
{{- define "vivavoce.image" -}}
{{- $image := .root.Values.image -}}
{{- with $image.registry }}{{ . }}/{{ end }}{{ get $image .name }}:{{ default .root.Chart.AppVersion $image.tag }}
{{- end }}

{{- define "vivavoce.serviceAccount" -}}
{{- default (ternary (include "vivavoce.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name -}}
{{- end }}

{{/* What every pod has in common. Service links are off: a Service named `viva` would set VIVA_PORT. */}}
{{- define "vivavoce.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{/* Where a pod may run. Takes the values of a component. */}}
{{- define "vivavoce.placement" -}}
{{- range $key := list "nodeSelector" "tolerations" "affinity" }}
{{- with get $ $key }}
{{ $key }}: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}

{{- define "vivavoce.hardening" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "vivavoce.secretName" -}}
{{- ternary (include "vivavoce.fullname" .) .Values.secrets.existingSecret .Values.secrets.create -}}
{{- end }}

{{/* The Secret's data, where the chart makes it. */}}
{{- define "vivavoce.secretData" -}}
viva_secret: {{ .Values.secrets.secret | quote }}
viva_database_url: {{ .Values.secrets.databaseUrl | quote }}
viva_redis_url: {{ .Values.secrets.redisUrl | quote }}
{{- with .Values.secrets.judgeApiKey }}
viva_judge_api_key: {{ . | quote }}
{{- end }}
{{- end }}

{{/* Volumes of a pod that knows the secrets. Takes root, secretName, and keys beside the two that all need. */}}
{{- define "vivavoce.volumes" -}}
- name: secrets
  secret:
    secretName: {{ .secretName }}
    defaultMode: 0440
    items:
      {{- range concat (list "viva_secret" "viva_database_url") .keys }}
      - {key: {{ . }}, path: {{ . }}}
      {{- end }}
{{ include "vivavoce.scratch" . }}
{{- end }}

{{/* The places where a pod may write. */}}
{{- define "vivavoce.scratch" -}}
- name: tmp
  emptyDir: {sizeLimit: 1Gi}
- name: state
  emptyDir: {sizeLimit: 1Gi}
{{- end }}

{{- define "vivavoce.mounts" -}}
- {name: secrets, mountPath: /run/secrets, readOnly: true}
{{ include "vivavoce.scratchMounts" . }}
{{- end }}

{{- define "vivavoce.scratchMounts" -}}
- {name: tmp, mountPath: /tmp}
- {name: state, mountPath: /var/lib/vivavoce}
{{- end }}

{{/* Keys of the Secret that API, workers and qualification read, as JSON: {"keys": […]}. */}}
{{- define "vivavoce.secretKeys" -}}
{{- $made := ternary (list "viva_judge_api_key") list (and .Values.secrets.create (not (empty .Values.secrets.judgeApiKey))) -}}
{{- dict "keys" (concat (list "viva_redis_url") $made .Values.secrets.extraKeys | uniq) | toJson -}}
{{- end }}

{{/* Environment of every process that opens the database. */}}
{{- define "vivavoce.baseEnv" -}}
- {name: VIVA_ENVIRONMENT, value: production}
- {name: VIVA_STATE_DIR, value: /var/lib/vivavoce}
{{- end }}

{{/* Environment of API, workers and qualification. Takes root and colour, the judge to ask. */}}
{{- define "vivavoce.env" -}}
{{- include "vivavoce.baseEnv" .root }}
{{- $judge := include "vivavoce.judge" . | fromJson }}
- {name: VIVA_JUDGE_URL, value: {{ $judge.url | quote }}}
- {name: VIVA_JUDGE_ENGINE, value: {{ $judge.engine | quote }}}
- {name: VIVA_JUDGE_MODEL, value: {{ $judge.model | quote }}}
- {name: VIVA_JUDGE_REVISION, value: {{ $judge.revision | quote }}}
{{- range $name, $value := .root.Values.settings }}
- {name: {{ $name }}, value: {{ toString $value | quote }}}
{{- end }}
{{- end }}

{{- define "vivavoce.cpuJudgeEnv" -}}
- {name: VIVA_STATE_DIR, value: /var/lib/vivavoce}
- {name: VIVA_MODELS_DIR, value: /models}
- {name: VIVA_JUDGE_THREADS, value: {{ toString .Values.judge.cpu.threads | quote }}}
{{- with .Values.judge.cpu.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "vivavoce.judgeName" -}}
{{ include "vivavoce.fullname" .root }}-judge-{{ .colour }}
{{- end }}

{{/* What a judge is, as JSON with url, engine, model and revision. Takes root and colour.
     The url names every server: the client itself keeps a question's prompts at one of them. */}}
{{- define "vivavoce.judge" -}}
{{- $all := .root.Values.judge -}}
{{- $own := get $all .colour -}}
{{- if eq $all.kind "external" -}}
{{- dict "url" (join "," $all.external.urls) "engine" $all.external.engine "model" $all.external.model "revision" $all.external.revision | toJson -}}
{{- else -}}
{{- $name := include "vivavoce.judgeName" . -}}
{{- $urls := list -}}
{{- range $number := until (int $own.replicas) -}}
{{- $urls = append $urls (printf "http://%s-%d.%s.%s.svc:8080" $name $number $name $.root.Release.Namespace) -}}
{{- end -}}
{{- $cpu := eq $all.kind "cpu" -}}
{{- $model := default (ternary "Qwen2.5-Coder-1.5B-Instruct-Q4_K_M" "" $cpu) $own.model -}}
{{- $revision := default (ternary "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046" "" $cpu) $own.revision -}}
{{- dict "url" (join "," $urls) "engine" (ternary "llamacpp" "vllm" $cpu) "model" $model "revision" $revision | toJson -}}
{{- end -}}
{{- end }}

{{- define "vivavoce.qualifyColour" -}}
{{- default (ternary "green" "blue" (eq .Values.judge.active "blue")) .Values.judge.qualify.colour -}}
{{- end }}

{{/* One pod at a time may be taken away, so one replica alone never blocks a drain. Takes root and component. */}}
{{- define "vivavoce.disruptionBudget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "vivavoce.fullname" .root }}-{{ .component }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- include "vivavoce.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels: {{- include "vivavoce.selector" . | nindent 6 }}
{{- end }}

{{/* Pods spread over zones and machines where there are several. Takes root and component. */}}
{{- define "vivavoce.spread" -}}
topologySpreadConstraints:
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "vivavoce.selector" $ | nindent 8 }}
  {{- end }}
{{- end }}
