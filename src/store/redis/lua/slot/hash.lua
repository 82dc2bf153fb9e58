-- Reads a hash. KEYS[1]: it. ARGV: view, fields. Returns what `readHash` returns, as one list.
--- include hash
local kind, hash = readHash(KEYS[1], ARGV[1], { unpack(ARGV, 2) })
if type(kind) == 'table' then return kind end
local reply = { kind }
for field = 1, #ARGV - 1 do reply[field + 1] = hash[field] or false end
return reply
