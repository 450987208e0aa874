-- wrk's script for `POST /api/v4/internal/kubernetes/usage_metrics`: one counter grows by one. Each answer is looked at: any
-- but 204 makes the run void.
local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  bad = 0
  request_text = wrk.format("POST", "/api/v4/internal/kubernetes/usage_metrics",
    { ["Content-Type"] = "application/json", ["Gitlab-Kas-Api-Request"] = args[1] },
    '{"counters":{"k8s_api_proxy_request":1}}')
end

function request()
  return request_text
end

function response(status)
  if status ~= 204 then
    bad = bad + 1
  end
end

function done(summary, latency, requests)
  local bad = 0
  for _, thread in ipairs(threads) do
    bad = bad + thread:get("bad")
  end
  local errors = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  io.write(string.format("BENCH req_s=%.0f p50_ms=%.2f p99_ms=%.2f bad=%d errors=%d\n",
    summary.requests / (summary.duration / 1e6), latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, bad, errors))
end
