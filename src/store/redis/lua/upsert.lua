-- Writes tasks, each only if its hash is as it was when the write was decided on: ISO times can't be compared in Lua.
-- KEYS[1]: the global index. ARGV: layout, texts as JSON, and the payload of each task. Texts are, for each task: the
-- guard's texts; how to write it (empty: as usual, 'i' the index members only, 'a' without other fields in the hash); its score;
-- its score in the user's index (empty: the same); both parts; the values of the layout's fields but the payload, the last (they
-- begin with the parts if these are the ids).
-- Returns for each task 1 (written), 0 (refused; also the second of a task that comes twice), or an error.
--- include layout
--- include lookups
--- include guard
local texts, fields, count = cjson.decode(ARGV[2]), layout.fields, #ARGV - 2
local before = layout.payloadRules and 8 or 6
local width = before + #fields - 1
local outcomes, index = {}, replyOf(KEYS[1], redis.pcall('ZCARD', KEYS[1]))
if type(index) == 'table' then
  for i = 1, count do outcomes[i] = index end
  return outcomes
end

local members, hashes, users = {}, {}, {}
for i = 1, count do
  local at = 1 + (i - 1) * width
  members[i] = memberOf(texts[at + 6], texts[at + 7])
  hashes[i], users[i] = hashOf(members[i]), indexOf(texts[at + 6])
end

local function refusal(i, at)
  local lookup = layout.lookup and redis.pcall('GET', lookupOf(texts[at + 7]))
  if type(lookup) == 'table' then return replyOf(lookupOf(texts[at + 7]), lookup) end
  return replyOf(hashes[i], guard(hashes[i], texts[at], texts[at + 1], texts[at + 2]))
end

-- The members of users' indexes come first: a key of the wrong type, or a server out of memory, refuses a task before
-- anything of it is written.
local taken, byUser = {}, {}
for i = 1, count do
  local at, hash, user = 1 + (i - 1) * width, hashes[i], users[i]
  if taken[hash] then outcomes[i] = 0 else outcomes[i] = refusal(i, at) end
  if not outcomes[i] then
    taken[hash] = true
    local scored = byUser[user]
    if not scored then
      scored = {}
      byUser[user] = scored
    end
    local n = #scored
    scored[n + 1] = texts[at + 5] == '' and texts[at + 4] or texts[at + 5]
    scored[n + 2] = texts[at + 7]
  end
end
for user, scored in pairs(byUser) do byUser[user] = replyOf(user, redis.pcall('ZADD', user, unpack(scored))) end

local hset, scored, n = { 'HSET' }, {}, 0
for field = 1, #fields do hset[1 + 2 * field] = fields[field] end
for i = 1, count do
  if not outcomes[i] then
    local at, reply = 1 + (i - 1) * width, byUser[users[i]]
    if type(reply) ~= 'table' then
      local how = texts[at + 3]
      if how ~= 'i' then
        if how == 'a' then redis.call('DEL', hashes[i]) end
        hset[2] = hashes[i]
        for field = 1, #fields - 1 do hset[2 + 2 * field] = texts[at + before + field - 1] end
        hset[2 + 2 * #fields] = ARGV[2 + i]
        redis.call(unpack(hset))
      end
      scored[n + 1], scored[n + 2] = texts[at + 4], members[i]
      n, reply = n + 2, 1
    end
    outcomes[i] = reply
  end
end
if n > 0 then redis.call('ZADD', KEYS[1], unpack(scored)) end

-- Lookups come last: tasks of one batch may share an id, and the newest gets it.
for i = 1, layout.lookup and count or 0 do
  local at = 1 + (i - 1) * width
  local user, task = texts[at + 6], texts[at + 7]
  if outcomes[i] == 1 and lookedUp(user, task, tonumber(texts[at + 4])) == 'wrong' then
    redis.call('SET', lookupOf(task), user)
  end
end
return outcomes
