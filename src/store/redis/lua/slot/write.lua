-- Writes a hash that is as it was when the write was decided on.
-- KEYS[1]: the hash. ARGV: the guard's texts, '1' to only check the guard, '1' to remove other fields, and fields and values in
-- turn.
-- Returns 1 (written) or 0 (refused).
--- include guard
local refused = guard(KEYS[1], ARGV[1], ARGV[2], ARGV[3])
if refused then return refused end
if ARGV[4] == '1' then return 1 end
if ARGV[5] == '1' then redis.call('DEL', KEYS[1]) end
redis.call('HSET', KEYS[1], unpack(ARGV, 6))
return 1
