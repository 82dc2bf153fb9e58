-- Begins a sync in a slot. Its mark is one hash, so that a slot which moves has it on one side.
-- KEYS[1]: the mark. ARGV[1]: the token of the sync.
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then redis.call('DEL', KEYS[1]) end
redis.call('HSET', KEYS[1], 'token', ARGV[1])
return 1
