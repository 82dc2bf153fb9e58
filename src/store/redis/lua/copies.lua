-- Reads copies of tasks.
-- KEYS[1]: the global index. ARGV: layout, view ('state', 'scores' or 'full'), the number of fields, the fields, and for each
-- task both parts.
-- Returns two lists. The first has for each task what `readHash` returns. The second has the score in the global index, the one
-- in the user's index (or the error of a key of the wrong type), and what the lookup says; in the view 'state' only for
-- tasks without a hash, and the error of an index of the wrong type replaces the hash.
--- include layout
--- include lookups
--- include hash
--- include index-types
local view, width = ARGV[2], tonumber(ARGV[3])
local hashes, places = {}, {}
for at = 4 + width, #ARGV, 2 do
  local user, task = ARGV[at], ARGV[at + 1]
  local member = memberOf(user, task)
  local kind, hash = readHash(hashOf(member), view, 4, 3 + width)
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
