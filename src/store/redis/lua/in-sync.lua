-- Compares copies with records, so no content is sent back.
-- KEYS[1]: the global index. ARGV: layout, and for each task both parts, its score in the global index and in the user's, and
-- the values of the layout's fields.
-- Returns a text of one '1' or '0' for each task: whether hash, index members and lookup are as a sync writes them.
--- include layout
--- include lookups
local fields, outcomes = layout.fields, {}
local width = 4 + #fields
for at = 2, #ARGV, width do
  local user, task, score = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
  local member = memberOf(user, task)
  local hash = redis.pcall('HMGET', hashOf(member), unpack(fields))
  local isSame = not hash.err
  for field = 1, #fields do isSame = isSame and hash[field] == ARGV[at + 3 + field] end
  local all = isSame and redis.pcall('ZSCORE', KEYS[1], member)
  local own = type(all) == 'string' and redis.pcall('ZSCORE', indexOf(user), task)
  isSame = type(own) == 'string' and tonumber(all) == score and tonumber(own) == tonumber(ARGV[at + 3])
    and lookedUp(user, task, score) ~= 'wrong'
  outcomes[#outcomes + 1] = isSame and '1' or '0'
end
return table.concat(outcomes)
