-- Makes one step of a walk over an index.
-- KEYS[1]: it. ARGV: 'newest' or 'lowest' score first, the bounds, the last member and its score, the number of members.
-- Returns as JSON members and scores in turn, and the last member.
--- include json
--- include step
local flat, last = stepOf(KEYS[1], ARGV[1] == 'newest', ARGV[2], ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6]))
return jsonOf(flat, last)
