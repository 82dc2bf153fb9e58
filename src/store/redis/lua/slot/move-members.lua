-- Sets or removes members whose scores are unchanged. KEYS[1]: an index. ARGV: member, old score (empty: no member) and new
-- score (empty: remove it) in turn.
for at = 1, #ARGV, 3 do
  local score = redis.call('ZSCORE', KEYS[1], ARGV[at])
  if tonumber(score or '') == tonumber(ARGV[at + 1]) then
    if ARGV[at + 2] == '' then redis.call('ZREM', KEYS[1], ARGV[at]) else redis.call('ZADD', KEYS[1], ARGV[at + 2], ARGV[at]) end
  end
end
return 1
