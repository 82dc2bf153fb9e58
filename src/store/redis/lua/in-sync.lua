-- Compares copies with records, so no content is sent back.
-- KEYS[1]: the global index. ARGV: layout, and for each task both parts, its score in the global index and in the user's, and
-- the values of the layout's fields.
-- Returns a text of one '1' or '0' for each task: whether hash, index members and lookup are as a sync writes them.
--- include layout
--- include lookups
local fields, members, byUser, outcomes = layout.fields, {}, {}, {}
local width = 4 + #fields
for at = 2, #ARGV, width do
  local user = ARGV[at]
  members[#members + 1] = memberOf(user, ARGV[at + 1])
  byUser[user] = byUser[user] or {}
  table.insert(byUser[user], ARGV[at + 1])
end
-- Each index is read in one call.
local scores = redis.pcall('ZMSCORE', KEYS[1], unpack(members))
for user, tasks in pairs(byUser) do
  local own = redis.pcall('ZMSCORE', indexOf(user), unpack(tasks))
  byUser[user] = { scores = own, at = 0 }
end

for i, member in ipairs(members) do
  local at = 2 + (i - 1) * width
  local user, score = ARGV[at], tonumber(ARGV[at + 2])
  local own = byUser[user]
  own.at = own.at + 1
  local isSame = tonumber(scores[i] or '') == score and tonumber(own.scores[own.at] or '') == tonumber(ARGV[at + 3])
  local hash = isSame and redis.pcall('HMGET', hashOf(member), unpack(fields))
  isSame = isSame and not hash.err
  for field = 1, #fields do isSame = isSame and hash[field] == ARGV[at + 3 + field] end
  isSame = isSame and lookedUp(user, ARGV[at + 1], score) ~= 'wrong'
  outcomes[i] = isSame and '1' or '0'
end
return table.concat(outcomes)
