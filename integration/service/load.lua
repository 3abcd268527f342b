-- wrk's requests: one real text each from the file named in TEXTS (one JSON body a line), in an order of its own for
-- every thread.
local bodies = {}
for line in io.lines(os.getenv("TEXTS")) do bodies[#bodies + 1] = line end

local threads = 0
function setup(thread)
  thread:set("at", threads * 7919)
  threads = threads + 1
end

function request()
  at = at + 1
  return wrk.format("POST", os.getenv("TARGET"), { ["Content-Type"] = "application/json" }, bodies[at % #bodies + 1])
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format('{"per_s": %.1f, "p50_ms": %.2f, "p99_ms": %.2f, "bad": %d}\n',
    summary.requests / summary.duration * 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    e.connect + e.read + e.write + e.status + e.timeout))
end
