-- Walks a list of requests in order, for wrk with one thread:
--
--   wrk -t1 -c8 -d600s -s walk.lua URL -- LIST once 8
--   wrk -t1 -c8 -d5s -s walk.lua URL -- LIST around
--
-- LIST has one request a line: a path and, after a tab, the ETag that the client
-- has. `once` sends each request exactly once and then stops wrk: it has to be told
-- the number of connections, and needs as many requests at least. `around` starts
-- anew at the end, until wrk's time is over. The last line printed is JSON.
--
-- There is no `response` function on purpose: wrk would copy every tile into Lua.
-- `delay`, which wrk calls before each request of a connection, the first too, and so
-- after each answer, counts answers for nothing.

local ffi = require("ffi")
ffi.cdef [[
  typedef struct { long seconds, nanoseconds; } walk_time;
  int clock_gettime(int clock, walk_time *time);
  int getpid(void);
  int kill(int process, int signal);
]]

local MONOTONIC, SIGINT = 1, 2
-- Milliseconds for which a connection that has nothing left to ask is idle.
local FOR_GOOD = 3600 * 1000

local now = ffi.new("walk_time")
local function seconds()
  ffi.C.clock_gettime(MONOTONIC, now)
  return tonumber(now.seconds) + tonumber(now.nanoseconds) * 1e-9
end

local requests = {}
local threads = {}
local probed = false
-- Read by `done`, which runs in another Lua state: so they are globals.
sent, answered, begun, ended = 0, 0, 0, 0

function setup(thread)
  table.insert(threads, thread)
end

function init(arguments)
  for line in io.lines(arguments[1]) do
    local path, etag = line:match("^([^\t]+)\t?(.*)$")
    local headers = { ["Host"] = wrk.headers["Host"] }
    if etag ~= "" then
      headers["If-None-Match"] = etag
    end
    table.insert(requests, wrk.format("GET", path, headers))
  end
  if arguments[2] == "once" then
    -- None was answered before each connection's first call.
    answered = -tonumber(arguments[3])
    -- Places in the list, of which some may not have been sent yet.
    local promised = 0
    delay = function()
      answered = answered + 1
      if answered == #requests then
        ended = seconds()
        -- wrk's main thread sleeps until its time is over, unless interrupted.
        ffi.C.kill(ffi.C.getpid(), SIGINT)
      end
      if promised == #requests then
        return FOR_GOOD
      end
      promised = promised + 1
      return 0
    end
  end
end

function request()
  -- wrk asks for one request before the first, to look at it.
  if not probed then
    probed = true
    return requests[1]
  end
  if sent == 0 then
    begun = seconds()
  end
  sent = sent + 1
  return requests[(sent - 1) % #requests + 1]
end

function done(summary, latency)
  local thread = threads[1]
  local elapsed = summary.duration * 1e-6
  if thread:get("ended") > 0 then
    elapsed = thread:get("ended") - thread:get("begun")
  end
  local errors = summary.errors
  io.write(string.format(
    '{"answers": %d, "bytes": %d, "seconds": %.6f, "p50": %.6f, "p95": %.6f, "p99": %.6f, "max": %.6f, '
      .. '"bad_status": %d, "socket_errors": %d, "timeouts": %d}\n',
    summary.requests, summary.bytes, elapsed,
    latency:percentile(50) * 1e-6, latency:percentile(95) * 1e-6, latency:percentile(99) * 1e-6, latency.max * 1e-6,
    errors.status, errors.connect + errors.read + errors.write, errors.timeout))
end
