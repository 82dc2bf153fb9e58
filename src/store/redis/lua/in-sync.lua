-- Compares copies with records, so no content is sent back.
-- KEYS[1]: the global index. ARGV: layout, texts as JSON, and the payload of each task. Texts are, for each task: its score in the
-- global index; its score in the user's (empty: the same); both parts; the values of the layout's fields but the payload, the last
-- (they begin with the parts if these are the ids).
-- Returns a text of one sign for each task: '=' if hash, index members and lookup are as a sync writes them; if the hash is, 'g'
-- without a member of the global index, 'u' of the user's, 'n' of both, 'l' with a wrong lookup, 's' with a wrong score; else '?'.
--- include layout
--- include lookups
local texts, fields, count = cjson.decode(ARGV[2]), layout.fields, #ARGV - 2
local before = layout.payloadRules and 4 or 2
local width = before + #fields - 1
local members, byUser, signs = {}, {}, {}
for i = 1, count do
  local at = 1 + (i - 1) * width
  local user, task = texts[at + 2], texts[at + 3]
  members[i] = memberOf(user, task)
  byUser[user] = byUser[user] or { at = 0 }
  table.insert(byUser[user], task)
end
-- Each index is read in one call.
local scores = redis.pcall('ZMSCORE', KEYS[1], unpack(members))
for user, tasks in pairs(byUser) do tasks.scores = redis.pcall('ZMSCORE', indexOf(user), unpack(tasks)) end

local function signOf(i, at, own, place)
  local hash = redis.pcall('HMGET', hashOf(members[i]), unpack(fields))
  if hash.err or scores.err or own.err or hash[#fields] ~= ARGV[2 + i] then return '?' end
  for field = 1, #fields - 1 do
    if hash[field] ~= texts[at + before + field - 1] then return '?' end
  end
  local score, theirs = tonumber(scores[i] or ''), tonumber(own[place] or '')
  if not score or not theirs then return score and 'u' or theirs and 'g' or 'n' end
  if lookedUp(texts[at + 2], texts[at + 3], score) == 'wrong' then return 'l' end
  local due, dueTheirs = tonumber(texts[at]), tonumber(texts[at + 1])
  return score == due and theirs == (dueTheirs or due) and '=' or 's'
end

for i = 1, count do
  local at = 1 + (i - 1) * width
  local user = byUser[texts[at + 2]]
  user.at = user.at + 1
  signs[i] = signOf(i, at, user.scores, user.at)
end
return table.concat(signs)
