-- wrk's script for shell-api: -- TOKEN KIND USERS [RATE CONNECTIONS]. The kinds are
--   pull             POST /allowed of `git fetch`: a random user's key, and a random project of theirs
--   push             POST /allowed of `git push`, before the client sends
--   check            POST /allowed of Gitaly's pre-receive hook: one new branch
--   authorized_keys  GET /authorized_keys of sshd, by a random key
-- In one of 20 requests the path is a former one, and in one of 50 the key is a deploy key (data.sql). Each answer is looked
-- at: one that does not allow makes the run void.
--
-- With RATE, the requests a second, it is an open loop, and each connection closes after its request, as GitLab Shell does
-- it: request n leaves n / RATE after the start, however slow the answers are. The script counts those that left more than
-- 10 ms late. wrk has one thread then.
local ffi = require("ffi")
ffi.cdef [[
  typedef struct { long seconds; long nanoseconds; } bench_time;
  int clock_gettime(int clock, bench_time *time);
]]
local time = ffi.new("bench_time")
local function now_ms()
  ffi.C.clock_gettime(1, time)
  return tonumber(time.seconds) * 1e3 + tonumber(time.nanoseconds) / 1e6
end

local counter = 0
local threads = {}

function setup(thread)
  thread:set("id", counter)
  table.insert(threads, thread)
  counter = counter + 1
end

function init(args)
  bad, late, sent, planned = 0, 0, 0, 0
  token, kind, users, rate = args[1], args[2], tonumber(args[3]), tonumber(args[4])
  headers = { ["Content-Type"] = "application/json", ["Gitlab-Shell-Api-Request"] = token }
  if rate then
    headers["Connection"] = "close"
    -- wrk opens its connections first.
    start_ms = now_ms() + 500
    delay = function()
      local at = start_ms + planned * 1000 / rate
      planned = planned + 1
      return math.max(0, math.floor(at - now_ms()))
    end
  end
  math.randomseed(os.time() + id * 7919)
end

local function draw()
  local projects, groups, subgroups, teams = users / 2, users / 100, users / 25, users / 10
  local user = math.random(1, users)
  local project = 1 + ((user - 1) * 7919 + math.random(0, 9) * 131) % projects
  local team = 1 + project % teams
  local subgroup = 1 + (team - 1) % subgroups
  local group = 1 + (subgroup - 1) % groups
  local key = user + users * math.random(0, 1)
  if kind == "pull" and math.random(1, 100) <= 2 then
    key = 2 * users + 1 + (project - 1) % (users / 20)
  end
  local path = string.format("group%d/sub%d/team%d/p%d", group, subgroup, team, project)
  if math.random(1, 100) <= 5 then
    path = string.format("old%d/p%d", project % groups, project)
  end
  return key, project, path
end

function request()
  if rate then
    if now_ms() > start_ms + sent * 1000 / rate + 10 then
      late = late + 1
    end
    sent = sent + 1
  end
  local key, project, path = draw()
  if kind == "authorized_keys" then
    local material = string.format("AAAAC3NzaC1lZDI1NTE5AAAAIA%042d", key)
    return wrk.format("GET", "/api/v4/internal/authorized_keys?key=" .. material, headers)
  end
  local action = kind == "pull" and "git-upload-pack" or "git-receive-pack"
  local body
  if kind == "check" then
    body = string.format(
      '{"action":"%s","protocol":"ssh","changes":"%s %s refs/heads/topic","key_id":"%d","project":"%s","gl_repository":"project-%d"}',
      action, string.rep("0", 40), string.rep("a", 40), key, path, project)
  else
    body = string.format(
      '{"action":"%s","protocol":"ssh","changes":"_any","key_id":"%d","project":"%s.git","check_ip":"10.1.2.3"}',
      action, key, path)
  end
  return wrk.format("POST", "/api/v4/internal/allowed", headers, body)
end

function response(status, _, body)
  local expected = kind == "authorized_keys" and '"id":' or '"status":true'
  if status ~= 200 or not string.find(body, expected, 1, true) then
    bad = bad + 1
  end
end

function done(summary, latency)
  local bad, late, sent = 0, 0, 0
  for _, thread in ipairs(threads) do
    bad, late, sent = bad + thread:get("bad"), late + thread:get("late"), sent + thread:get("sent")
  end
  local errors = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  io.write(string.format("BENCH req_s=%.0f p50_ms=%.2f p99_ms=%.2f bad=%d errors=%d requests=%d sent=%d late=%d\n",
    summary.requests / (summary.duration / 1e6), latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, bad, errors,
    summary.requests, sent, late))
end
