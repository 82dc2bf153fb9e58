-- Reads copies of tasks.
-- KEYS[1]: the global index. ARGV: layout, view ('state', 'scores' or 'full'), both parts of each task as JSON, and the fields.
-- Returns two lists. The first has for each task what `readHash` returns. The second has the score in the global index, the one
-- in the user's index (or the error of a key of the wrong type), and what the lookup says; in the view 'state' only for
-- tasks without a hash, and the error of an index of the wrong type replaces the hash.
--- include layout
--- include lookups
--- include hash
--- include index-types
local view, parts, width = ARGV[2], cjson.decode(ARGV[3]), #ARGV - 3
local hashes, places = {}, {}
for at = 1, #parts, 2 do
  local user, task = parts[at], parts[at + 1]
  local member = memberOf(user, task)
  local kind, hash = readHash(hashOf(member), view, 4, #ARGV)
  hashes[#hashes + 1] = view == 'state' and wrongIndex(user) or replyOf(hashOf(member), kind)
  for field = 1, width do hashes[#hashes + 1] = hash[field] or false end
  if view ~= 'state' or kind == 0 then
    local score = replyOf(KEYS[1], redis.pcall('ZSCORE', KEYS[1], member))
    places[#places + 1] = score
    places[#places + 1] = replyOf(indexOf(user), redis.pcall('ZSCORE', indexOf(user), task))
    places[#places + 1] = lookedUp(user, task, type(score) == 'string' and tonumber(score) or -math.huge)
  end
end
return { hashes, places }
