-- wrk's script for `GET BASE/Users?filter=userName eq "…"`: a random one of so many users. Each answer is
-- looked at: one that finds anybody else than one user makes the run void.
local counter = 0
local threads = {}

function setup(thread)
  thread:set("id", counter)
  table.insert(threads, thread)
  counter = counter + 1
end

function init(args)
  bad = 0
  users = tonumber(args[1])
  base = args[3]
  headers = { ["Authorization"] = "Bearer " .. args[2], ["Accept"] = "application/scim+json" }
  math.randomseed(os.time() + id * 7919)
end

function request()
  local path = base .. "/Users?filter=userName%20eq%20%22person" .. math.random(1, users) .. "%40example.com%22"
  return wrk.format("GET", path, headers)
end

function response(status, headers, body)
  if status ~= 200 or not string.find(body, '"totalResults":1,', 1, true) then
    bad = bad + 1
  end
end

function done(summary, latency, requests)
  local bad = 0
  for _, thread in ipairs(threads) do
    bad = bad + thread:get("bad")
  end
  local errors = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  io.write(string.format("SCIM %d %d %.0f\n", bad, errors, summary.requests / (summary.duration / 1e6)))
end
