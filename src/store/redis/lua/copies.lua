-- Reads copies of tasks, or compares their hashes with records, so no content is sent back.
-- KEYS[1]: the global index. ARGV: layout, view ('state', 'scores', 'full', or 'same' to compare), texts as JSON, and the fields or,
-- to compare, the payload of each task. Texts are both parts of each task; to compare, also the values of the layout's fields but the
-- payload, the last (they begin with the parts if these are the ids).
-- Returns as JSON two lists. The first has for each task what `readHash` returns; to compare, 1 if the hash is as a sync writes it,
-- else 0. The second has the score in the global index, the one in the user's index (or the error of a key of the wrong type), and
-- what the lookup says; in the view 'state' only for tasks without a hash, and the error of an index of the wrong type replaces the
-- hash.
--- include layout
--- include lookups
--- include hash
--- include index-types
--- include json
local view, texts, compares = ARGV[2], cjson.decode(ARGV[3]), ARGV[2] == 'same'
local fields = compares and layout.fields or { unpack(ARGV, 4) }
local before = compares and not layout.payloadRules and 0 or 2
local width = compares and before + #fields - 1 or before
local hashes, places = {}, {}

local function isSame(hash, at, payload)
  for field = 1, #fields - 1 do
    if hash[field] ~= texts[at + before + field - 1] then return false end
  end
  return hash[#fields] == payload
end

for at = 1, #texts, width do
  local user, task = texts[at], texts[at + 1]
  local member = memberOf(user, task)
  local kind, hash = readHash(hashOf(member), view, fields)
  local wrong = view == 'state' and wrongIndex(user)
  if compares then
    hashes[#hashes + 1] = isSame(hash, at, ARGV[4 + #hashes]) and 1 or 0
  else
    hashes[#hashes + 1] = wrong or replyOf(hashOf(member), kind)
    for field = 1, #fields do hashes[#hashes + 1] = hash[field] or cjson.null end
  end
  if view ~= 'state' or kind == 0 and not wrong then
    local score = replyOf(KEYS[1], redis.pcall('ZSCORE', KEYS[1], member))
    places[#places + 1] = score or cjson.null
    places[#places + 1] = replyOf(indexOf(user), redis.pcall('ZSCORE', indexOf(user), task)) or cjson.null
    places[#places + 1] = lookedUp(user, task, type(score) == 'string' and tonumber(score) or -math.huge) or cjson.null
  end
end
return jsonOf(hashes, places)
