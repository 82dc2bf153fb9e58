-- Sets a lookup that is unchanged. KEYS[1]: it. ARGV: what it held (empty: nothing), what it shall hold.
-- Returns 1 (set) or 0 (changed).
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
