-- Removes a hash that is as it was when the removal was decided on. KEYS[1]: the hash. ARGV: the guard's texts.
-- Returns 1 (the hash is gone) or 0 (refused).
--- include guard
local refused = guard(KEYS[1], ARGV[1], ARGV[2], ARGV[3])
if refused then return refused end
redis.call('UNLINK', KEYS[1])
return 1
