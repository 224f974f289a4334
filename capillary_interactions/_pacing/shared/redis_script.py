"""The law of `schedule.py` as the script that Redis runs: the same steps, in the same order."""

from collections.abc import Sequence
from typing import Final

from capillary_interactions._pacing.adaptive_limits import DECREASE, MIN_RATE, REPEAT_WINDOW
from capillary_interactions._pacing.bucket import MAX_FIRST_INTERVAL
from capillary_interactions._pacing.shared.schedule import EPSILON, Demand, Reply, SharedQuota

# Seconds for which a state is kept that says no more than a new one would.
_KEPT: Final = 600
# Times are readings of this server's clock; only durations leave it. Redis cuts numbers that a
# script returns to integers, so that they go as texts, and writes those it stores with 14 digits.
_SCRIPT: Final = """\
local DECREASE, MIN_RATE, REPEAT_WINDOW = {decrease}, {min_rate}, {repeat_window}
local MAX_FIRST, EPSILON, KEPT = {max_first}, {epsilon}, {kept}
local arg = {{}}
for i, text in ipairs(ARGV) do arg[i] = tonumber(text) end
local capacity, rate, horizon, max_pause = unpack(arg, 1, 4)
local want, ahead, unused, seen, used, fill, throttled, pause, gain, ceiling, ceiling_for =
  unpack(arg, 5, 15)
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000

local s = {{}}
for text in string.gmatch(redis.call('GET', KEYS[1]) or '', '%S+') do s[#s + 1] = tonumber(text) end
if #s ~= 10 then
  s = {{now, 0, now, now + capacity / rate, rate, now, rate, now - 2 * REPEAT_WINDOW, rate, now}}
end
local born, revision, at, empty_at, leak, blocked, learned, reviewed, limit, limit_until = unpack(s)

local function fill_up(from)
  local first = math.min(1 / leak, MAX_FIRST)
  empty_at = math.max(empty_at, from + (capacity - 1) / leak + first)
  revision = revision + 1
end

local step = math.max(0, at - now)
empty_at, blocked, reviewed, limit_until =
  empty_at - step, blocked - step, reviewed - step, limit_until - step

if unused > 0 and seen == revision then empty_at = empty_at - unused / leak end

if throttled >= 0 and now - throttled > reviewed then
  if now - reviewed <= REPEAT_WINDOW then
    learned = math.max(math.min(MIN_RATE, rate), learned * DECREASE)
  end
  reviewed = now
end
learned = math.min(rate, learned + gain)
if ceiling_for >= 0 then limit, limit_until = ceiling, now + ceiling_for end
local till = now + math.min(pause, max_pause)
if till > math.max(now, blocked) then
  blocked = till
  fill_up(till)
end

local start = math.max(now, blocked)
local current = learned
if start < limit_until then current = math.min(learned, limit) end
if current ~= leak then
  empty_at = start + math.max(0, empty_at - start) * leak / current
  leak = current
  revision = revision + 1
end

if used > 0 then
  empty_at = math.max(start, empty_at) + used / leak
  revision = revision + 1
end
if fill > 0 then fill_up(start) end

local delay = math.max(start, empty_at) - now + (1 - capacity) / leak
local granted = 0
if start <= now then
  ahead = math.min(ahead, horizon)
  granted = math.max(0, math.min(want, math.floor((ahead - delay) * leak + 1 + EPSILON)))
end
if granted > 0 then
  empty_at = math.max(start, empty_at) + granted / leak
  revision = revision + 1
end

local function text(values)
  for i, value in ipairs(values) do values[i] = string.format('%.17g', value) end
  return values
end
local kept = text({{born, revision, now, empty_at, leak, blocked, learned, reviewed, limit,
  limit_until}})
local seconds = math.max(empty_at, blocked, limit_until) - now + KEPT
redis.call('SET', KEYS[1], table.concat(kept, ' '), 'EX', math.ceil(seconds))
return text({{granted, delay, 1 / leak, start - now, learned, now - reviewed, limit,
  math.max(0, limit_until - now), revision, born}})
-- {key}
""".format(
    decrease=DECREASE,
    min_rate=MIN_RATE,
    repeat_window=REPEAT_WINDOW,
    max_first=MAX_FIRST_INTERVAL,
    epsilon=EPSILON,
    kept=_KEPT,
    key="{key}",
)


def script_of(key: str) -> str:
    """The script of one key: that each has its own shows where a server has not seen the key."""
    return _SCRIPT.replace("{key}", key)


def arguments(quota: SharedQuota, demand: Demand) -> Sequence[str]:
    """What the script is called with, in its order."""
    values = (
        quota.capacity,
        quota.rate,
        quota.horizon,
        quota.max_pause,
        demand.want,
        demand.ahead,
        demand.unused,
        demand.revision,
        demand.used,
        demand.fill,
        demand.throttled,
        demand.pause,
        demand.gain,
        demand.ceiling,
        demand.ceiling_for,
    )
    return [repr(float(value)) for value in values]


def reply_of(values: Sequence[str]) -> Reply:
    """What the script returns."""
    granted, *durations, revision, born = map(float, values)
    delay, interval, pause, rate, throttled, ceiling, ceiling_for = durations
    return Reply(
        granted=int(granted),
        delay=delay,
        interval=interval,
        pause=pause,
        rate=rate,
        throttled=throttled,
        ceiling=ceiling,
        ceiling_for=ceiling_for,
        revision=int(revision),
        born=born,
    )
