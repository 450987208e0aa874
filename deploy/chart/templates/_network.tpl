{{/* The policy of one dependency: (list $ NAME COMPONENT DEPENDENCY). Values: its ports and, where set, its destinations. */}}
{{- define "egress" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}{{- $dependency := index . 3 -}}
{{- $rule := get $root.Values.networkPolicy $dependency -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: egress-{{ $dependency }}{{ if ne $dependency "gitlab" }}-{{ $name }}{{ end }}
  labels:
    {{- include "labels" (list $root $name (index . 2)) | nindent 4 }}
    internal-api/egress: {{ $dependency }}
spec:
  podSelector:
    matchLabels:
      {{- include "selector" $name | nindent 6 }}
  policyTypes: [Egress]
  egress:
    - ports:
        {{- range $rule.ports }}
        - protocol: TCP
          port: {{ . }}
        {{- end }}
      {{- with $rule.to }}
      to:
        {{- toYaml . | nindent 8 }}
      {{- end }}
{{- end -}}
