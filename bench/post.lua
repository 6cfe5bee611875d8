-- For wrk: requests for payments, each under an Idempotency-Key of its own; a line of JSON at the end.
local run, customers = os.getenv("BENCH_RUN"), tonumber(os.getenv("BENCH_CUSTOMERS"))
local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set("number", threads)
end

function init()
  count = 0
  bodies = {}
  for i = 0, customers - 1 do
    bodies[i] = string.format(
      '{"customer_id": "bench%d", "email": "bench%d@example.com", "amount": 12.50, "currency": "USD"}',
      i, i)
  end
end

function request()
  count = count + 1
  local headers = {
    ["Content-Type"] = "application/json",
    ["Idempotency-Key"] = string.format('"%s-%d-%d"', run, number, count),
  }
  return wrk.format("POST", "/v1/api/payment", headers, bodies[count % customers])
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '{"answers": %d, "seconds": %.6f, "refused": %d, "broken": %d, "p50": %.3f, "p99": %.3f}\n',
    summary.requests, summary.duration / 1e6, e.status, e.connect + e.read + e.write + e.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
