-- Reads fields of hashes.
-- KEYS: hashes. ARGV: the fields.
-- Returns for each hash a list of its values, or the error of a key of another type.
local hashes = {}
for i, key in ipairs(KEYS) do hashes[i] = redis.pcall('HMGET', key, unpack(ARGV)) end
return hashes
