{{/* The pod of a Job of internal-apictl: (list $ COMMAND). */}}
{{- define "job" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}
metadata:
  labels:
    {{- include "labels" (list $root $name "tool") | nindent 4 }}
spec:
  automountServiceAccountToken: false
  serviceAccountName: {{ $name }}
  restartPolicy: Never
  securityContext:
    {{- include "podSecurity" $root | nindent 4 }}
  containers:
    - name: apictl
      image: {{ include "image" (list $root "internal-apictl") }}
      {{- with $root.Values.image.pullPolicy }}
      imagePullPolicy: {{ . }}
      {{- end }}
      args: [{{ $name }}, --data-dir, /tmp/data, --database-url-file, /etc/internal-api/secrets/{{ $name }}-database/url]
      resources:
        requests:
          cpu: 100m
          memory: 64Mi
        limits:
          memory: 256Mi
      securityContext:
        {{- include "containerSecurity" $root | nindent 8 }}
      volumeMounts:
        - name: tmp
          mountPath: /tmp
        - name: {{ $name }}-database
          mountPath: /etc/internal-api/secrets/{{ $name }}-database
          readOnly: true
  volumes:
    - name: tmp
      emptyDir:
        medium: Memory
        sizeLimit: 16Mi
    - name: {{ $name }}-database
      secret:
        secretName: {{ (get $root.Values $name).databaseSecret }}
        defaultMode: 288 # 0440
{{- end -}}
