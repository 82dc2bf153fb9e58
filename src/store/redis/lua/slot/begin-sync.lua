-- Begins a sync in a slot. Its mark is one hash, so a moving slot has it on one node only.
-- KEYS[1]: the mark. ARGV[1]: the token of the sync.
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then redis.call('DEL', KEYS[1]) end
redis.call('HSET', KEYS[1], 'token', ARGV[1])
return 1
