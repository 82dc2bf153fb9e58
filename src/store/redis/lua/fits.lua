-- Compares hashes with records, so no content is sent back, and has the index members fit those that are the same.
-- KEYS[1]: the global index. ARGV: layout, texts as JSON, '1' to set members, and the payload of each task. Texts are, for each task:
-- its score; its score in the user's index (empty: the same); both parts if these aren't the ids; the values of the layout's fields but the payload,
-- the last (they begin with the parts if these are the ids).
-- Returns as JSON for each task 0 if its hash isn't as a sync writes it, or an index isn't a sorted set; else 1 if the members fit it,
-- 2 for a wrong score, 3 without a member or with a wrong lookup; 4 more for a member of the global index, 8 of the user's, and 16
-- if the members were set.
--- include layout
--- include lookups
local texts, sets, fields, count = cjson.decode(ARGV[2]), ARGV[3] == '1', layout.fields, #ARGV - 3
local before = layout.payloadRules and 4 or 2
local width = before + #fields - 1
local fits, members, set, scored, byUser = {}, {}, {}, {}, {}

local function isSame(member, at, payload)
  local hash = redis.pcall('HMGET', hashOf(member), unpack(fields))
  if hash.err then return false end
  for field = 1, #fields - 1 do
    if hash[field] ~= texts[at + before + field - 1] then return false end
  end
  return hash[#fields] == payload
end

for i = 1, count do
  local at = 1 + (i - 1) * width
  members[i] = memberOf(texts[at + 2], texts[at + 3])
end
local scores = redis.pcall('ZMSCORE', KEYS[1], unpack(members))

for i = 1, count do
  local at = 1 + (i - 1) * width
  local user, task = texts[at + 2], texts[at + 3]
  local due, dueOwn = texts[at], texts[at + 1] ~= '' and texts[at + 1] or texts[at]
  local score, own = scores[i], redis.pcall('ZSCORE', indexOf(user), task)
  fits[i] = 0
  if not scores.err and type(own) ~= 'table' and isSame(members[i], at, ARGV[3 + i]) then
    local isScored, isOwn = tonumber(score or '') == tonumber(due), tonumber(own or '') == tonumber(dueOwn)
    local isFound = lookedUp(user, task, tonumber(score or '') or -math.huge) ~= 'wrong'
    local fit = not (score and own and isFound) and 3 or isScored and isOwn and 1 or 2
    fits[i] = fit + (score and 4 or 0) + (own and 8 or 0)
    if sets and isFound and fit > 1 then
      set[#set + 1] = i
      if not isScored then
        scored[#scored + 1], scored[#scored + 2] = due, members[i]
      end
      if not isOwn then
        byUser[user] = byUser[user] or {}
        table.insert(byUser[user], dueOwn)
        table.insert(byUser[user], task)
      end
    end
  end
end

-- If a write is refused, the caller writes these tasks as others, and gets the error of each.
local isSet = true
for user, some in pairs(byUser) do isSet = type(redis.pcall('ZADD', indexOf(user), unpack(some))) == 'number' and isSet end
if #scored > 0 then isSet = type(redis.pcall('ZADD', KEYS[1], unpack(scored))) == 'number' and isSet end
for _, i in ipairs(isSet and set or {}) do fits[i] = fits[i] % 4 + 28 end
return cjson.encode(fits)
