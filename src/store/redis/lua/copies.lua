-- Reads copies of tasks. KEYS[1]: the global index. ARGV: layout, view ('state', 'scores', 'full'), both parts of each task as JSON, and
-- the fields.
-- Returns as JSON two lists. The first has for each task what `readHash` returns. The second has the score in the global index, the
-- one in the user's index (or the error of a key of the wrong type), and what the lookup says; in the view 'state' only for tasks
-- without a hash, and the error of an index of the wrong type replaces the hash.
--- include layout
--- include lookups
--- include hash
--- include index-types
--- include json
local view, texts, fields = ARGV[2], cjson.decode(ARGV[3]), { unpack(ARGV, 4) }
local hashes, places = {}, {}

for at = 1, #texts, 2 do
  local user, task = texts[at], texts[at + 1]
  local member = memberOf(user, task)
  local kind, hash = readHash(hashOf(member), view, fields)
  local wrong = view == 'state' and wrongIndex(user)
  hashes[#hashes + 1] = wrong or replyOf(hashOf(member), kind)
  for field = 1, #fields do hashes[#hashes + 1] = hash[field] or cjson.null end
  if view ~= 'state' or kind == 0 and not wrong then
    local score = replyOf(KEYS[1], redis.pcall('ZSCORE', KEYS[1], member))
    places[#places + 1] = score or cjson.null
    places[#places + 1] = replyOf(indexOf(user), redis.pcall('ZSCORE', indexOf(user), task)) or cjson.null
    places[#places + 1] = lookedUp(user, task, type(score) == 'string' and tonumber(score) or -math.huge) or cjson.null
  end
end
return jsonOf(hashes, places)
