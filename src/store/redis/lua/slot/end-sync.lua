-- Marks the end of a sync in a slot. KEYS[1]: the mark. ARGV: the token of the sync, when it ended.
-- Returns 1, or 0 if the slot was flushed since it began.
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'token', '', 'at', ARGV[2])
return 1
