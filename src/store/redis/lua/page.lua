-- Reads a page of an index, newest first, with the hashes of its tasks.
-- KEYS[1]: the index. ARGV: since and until (empty: none), offset, count, what precedes a member in the key of its task, fields.
-- Returns the number of members in the range, members and scores in turn, and for each member the fields of its hash.
local since, till = ARGV[1] == '' and '-inf' or ARGV[1], ARGV[2]
local total = redis.call('ZCOUNT', KEYS[1], since, till == '' and '+inf' or '(' .. till)
local first = ARGV[3] + (till == '' and 0 or redis.call('ZCOUNT', KEYS[1], till, '+inf'))
local count = math.min(ARGV[4], total - ARGV[3])
local flat = count > 0 and redis.call('ZREVRANGE', KEYS[1], first, first + count - 1, 'WITHSCORES') or {}
local page = { total, flat }
for i = 1, #flat, 2 do page[#page + 1] = redis.pcall('HMGET', ARGV[5] .. flat[i], unpack(ARGV, 6)) end
return page
