-- wrk's script for `POST /api/v4/internal/allowed`: a random user's key pulls a random project of theirs. Each answer is
-- looked at: one that does not allow makes the run void.
local counter = 0
local threads = {}

function setup(thread)
  thread:set("id", counter)
  table.insert(threads, thread)
  counter = counter + 1
end

function init(args)
  bad = 0
  token = args[1]
  math.randomseed(os.time() + id * 7919)
end

function request()
  local user = math.random(1, 100000)
  local project = 1 + ((user - 1) * 7919 + math.random(0, 9) * 131) % 50000
  local key = user + 100000 * math.random(0, 1)
  local body = string.format(
    '{"action":"git-upload-pack","protocol":"ssh","changes":"_any","key_id":"%d","project":"group%d/p%d.git"}',
    key, 1 + project % 5000, project)
  return wrk.format("POST", "/api/v4/internal/allowed",
    { ["Content-Type"] = "application/json", ["Gitlab-Shell-Api-Request"] = token }, body)
end

function response(status, headers, body)
  if status ~= 200 or not string.find(body, '"status":true', 1, true) then
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
