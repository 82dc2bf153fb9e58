-- Marks the end of a sync. KEYS: token, mark. ARGV: the token of the sync, when it ended.
-- Returns 1, or 0 if the server was flushed since it began.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[2], ARGV[2])
return 1
