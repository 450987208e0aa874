{{/* Labels of an object: (list $ NAME COMPONENT). */}}
{{- define "labels" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ index . 1 }}
app.kubernetes.io/instance: internal-api
app.kubernetes.io/component: {{ index . 2 }}
app.kubernetes.io/part-of: internal-api
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion }}
helm.sh/chart: {{ $root.Chart.Name }}-{{ $root.Chart.Version }}
{{- end -}}

{{/* Labels by which an object selects its pods: NAME. */}}
{{- define "selector" -}}
app.kubernetes.io/name: {{ . }}
app.kubernetes.io/instance: internal-api
{{- end -}}

{{/* The image of a program: (list $ NAME). */}}
{{- define "image" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}{{- $image := $root.Values.image -}}
{{- $digest := get $image.digest $name -}}
{{ $image.registry }}/{{ $name }}{{ if $digest }}@{{ $digest }}{{ else }}:{{ $image.tag | default $root.Chart.AppVersion }}{{ end }}
{{- end -}}

{{/* The pod's security context. */}}
{{- define "podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/* The container's security context. */}}
{{- define "containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Probes on the port `monitoring`. */}}
{{- define "probes" -}}
startupProbe:
  httpGet:
    path: /-/liveness
    port: monitoring
  periodSeconds: 2
  failureThreshold: 30
livenessProbe:
  httpGet:
    path: /-/liveness
    port: monitoring
  periodSeconds: 20
  timeoutSeconds: 5
  failureThreshold: 3
readinessProbe:
  httpGet:
    path: /-/readiness
    port: monitoring
  periodSeconds: 5
  timeoutSeconds: 2
  failureThreshold: 2
{{- end -}}

{{/* Spread over zones and nodes: NAME. */}}
{{- define "spread" -}}
{{- $name := . -}}
{{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
- topologyKey: {{ . }}
  maxSkew: 1
  whenUnsatisfiable: ScheduleAnyway
  matchLabelKeys: [pod-template-hash]
  labelSelector:
    matchLabels:
      {{- include "selector" $name | nindent 6 }}
{{- end }}
{{- end -}}

{{/* The egress rule for host names. */}}
{{- define "dns" -}}
- to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: kube-system
    - ipBlock:
        cidr: 169.254.20.10/32
  ports:
    - protocol: UDP
      port: 53
    - protocol: TCP
      port: 53
{{- end -}}

{{/* Where pods run: the values of a service or of the load balancer. */}}
{{- define "placement" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{/* Fixed facts of each service: ports, dependencies, its own secret. */}}
{{- define "services" -}}
shell-api:
  port: 8081
  egress: [postgresql, redis, gitaly]
  secret: gitlab-shell-secret
  secretOption: shell_secret_file
  secretKey: secret
kas-api:
  port: 8082
  egress: [postgresql, redis, gitaly]
  secret: gitlab-kas-secret
  secretOption: kas_secret_file
  secretKey: kas_shared_secret
scim-api:
  port: 8083
  egress: [postgresql, redis]
admin-api:
  port: 8084
  egress: [postgresql, redis]
billing-api:
  port: 8085
  egress: [postgresql, redis, portal]
{{- end -}}

{{/* The Secrets of a service: (list $ NAME). */}}
{{- define "secrets" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}
{{- $values := get $root.Values.services $name -}}
{{- $facts := get (include "services" $root | fromYaml) $name -}}
{{- with $facts.secret }}
- name: {{ . }}
  secret: {{ . }}
{{- end }}
- name: gitlab-db-key-base
  secret: gitlab-db-key-base
- name: {{ $name }}-database
  secret: {{ $values.databaseSecret | default (printf "%s-database" $name) }}
- name: {{ $name }}-redis
  secret: {{ $root.Values.redis.secret | default (printf "%s-redis" $name) }}
{{- end -}}

{{/* config.yaml of a service: (list $ NAME). */}}
{{- define "config" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}
{{- $values := get $root.Values.services $name -}}
{{- $facts := get (include "services" $root | fromYaml) $name -}}
{{- $port := int $facts.port -}}
{{- $secrets := "/etc/internal-api/secrets" -}}
{{- $config := dict
    "listen" (list (printf "0.0.0.0:%d" $port))
    "monitoring_listen" (printf "0.0.0.0:%d" (add $port 1000))
    "data_dir" "/tmp/data"
    "log_format" "json"
    "workers" (int $values.workers)
    "database_url_file" (printf "%s/%s-database/url" $secrets $name)
    "database_pool_size" (int $values.databasePoolSize)
    "redis_url_file" (printf "%s/%s-redis/url" $secrets $name)
    "db_key_base_file" (printf "%s/gitlab-db-key-base/db_key_base" $secrets) -}}
{{- if $facts.secret -}}
{{- $_ := set $config $facts.secretOption (printf "%s/%s/%s" $secrets $facts.secret $facts.secretKey) -}}
{{- end -}}
{{- if and $root.Values.storages (has "gitaly" $facts.egress) -}}
{{- $_ := set $config "storages" $root.Values.storages -}}
{{- end -}}
{{- if and (ne $name "shell-api") (ne (int $root.Values.proxyHops) 1) -}}
{{- $_ := set $config "proxy_hops" (int $root.Values.proxyHops) -}}
{{- end -}}
{{- mergeOverwrite $config (deepCopy $values.config) | toYaml -}}
{{- end -}}

{{/* Environment variables of all services. */}}
{{- define "settings" -}}
IAPI_LOG_LEVEL: {{ .Values.logLevel }}
IAPI_EXTERNAL_URL: {{ .Values.externalUrl }}
IAPI_TRUSTED_PROXIES: {{ join "," .Values.trustedProxies | quote }}
IAPI_RATE_LIMITS_FILE: /etc/internal-api/rate-limits/rate-limits.yaml
{{- with .Values.otel.endpoint }}
OTEL_EXPORTER_OTLP_ENDPOINT: {{ . }}
OTEL_TRACES_SAMPLER: parentbased_traceidratio
OTEL_TRACES_SAMPLER_ARG: {{ $.Values.otel.ratio | quote }}
{{- end }}
{{- end -}}
