-- One step of a walk over an index in the order of its scores: members and scores in turn, and the last member. The step begins
-- after the last member of the step before, wherever that is by now. A member that moves on is seen again, and one that doesn't
-- move is never skipped. Members are in hexadecimal, since their bytes may not be UTF-8.
-- low, high: bounds of the scores; last, score: of the step before (empty: from the start).
local function stepOf(index, isNewest, low, high, last, score, count)
  local function outside(bound)
    if isNewest then return redis.call('ZCOUNT', index, bound, '+inf') end
    return redis.call('ZCOUNT', index, '-inf', bound)
  end
  local from = redis.call('ZCARD', index) - redis.call('ZCOUNT', index, isNewest and '-inf' or low, isNewest and high or '+inf')
  if score ~= '' then
    local member = string.gsub(last, '..', function(hex) return string.char(tonumber(hex, 16)) end)
    local rank = redis.call('ZSCORE', index, member) == score and redis.call(isNewest and 'ZREVRANK' or 'ZRANK', index, member)
    from = rank and rank + 1 or outside('(' .. score)
  end
  local to = math.min(from + count, outside(isNewest and low or high)) - 1
  local flat = {}
  if from <= to and isNewest then flat = redis.call('ZRANGE', index, from, to, 'REV', 'WITHSCORES') end
  if from <= to and not isNewest then flat = redis.call('ZRANGE', index, from, to, 'WITHSCORES') end
  local hexOf = function(char) return string.format('%02x', string.byte(char)) end
  return flat, (string.gsub(flat[#flat - 1] or '', '.', hexOf)), from
end
