-- Sets a lookup that is unchanged. KEYS[1]: it. ARGV: its old and its new value (empty: none).
-- Returns 1 (set) or 0 (changed).
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
if ARGV[2] == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[2]) end
return 1
