-- Compares hashes with records, so no content is sent back.
-- KEYS[1]: the global index. ARGV: layout, texts as JSON, and the payload of each task. Texts are, for each task: both parts; the
-- values of the layout's fields but the payload, the last (they begin with the parts if these are the ids).
-- Returns as JSON three items for each task: its score in the global index, the one in the user's, and what the lookup says (null:
-- none); 0 if the hash isn't as a sync writes it, or an index can't be read.
--- include layout
--- include lookups
--- include json
local texts, fields, count = cjson.decode(ARGV[2]), layout.fields, #ARGV - 2
local before = layout.payloadRules and 2 or 0
local width = before + #fields - 1
local members, byUser, places = {}, {}, {}
for i = 1, count do
  local at = 1 + (i - 1) * width
  local user, task = texts[at], texts[at + 1]
  members[i] = memberOf(user, task)
  byUser[user] = byUser[user] or { at = 0 }
  table.insert(byUser[user], task)
end
-- Each index is read in one call.
local scores = redis.pcall('ZMSCORE', KEYS[1], unpack(members))
for user, tasks in pairs(byUser) do tasks.scores = redis.pcall('ZMSCORE', indexOf(user), unpack(tasks)) end

local function isSame(i, at)
  local hash = redis.pcall('HMGET', hashOf(members[i]), unpack(fields))
  if hash.err or hash[#fields] ~= ARGV[2 + i] then return false end
  for field = 1, #fields - 1 do
    if hash[field] ~= texts[at + before + field - 1] then return false end
  end
  return true
end

for i = 1, count do
  local at, n = 1 + (i - 1) * width, 3 * i
  local own, score = byUser[texts[at]], scores[i]
  own.at = own.at + 1
  if scores.err or own.scores.err or not isSame(i, at) then
    places[n - 2], places[n - 1], places[n] = 0, 0, 0
  else
    places[n - 2], places[n - 1] = score or cjson.null, own.scores[own.at] or cjson.null
    places[n] = lookedUp(texts[at], texts[at + 1], score and tonumber(score) or -math.huge) or cjson.null
  end
end
return jsonOf(places)
