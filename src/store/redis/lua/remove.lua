-- Removes tasks (hash, both index members, and the lookup if it names the task), each only if it is as it was when the
-- removal was decided on. All of a batch is removed at the end, in a few calls.
-- KEYS[1]: the global index. ARGV: layout, and texts as JSON. Texts are, for each task: both parts; the guard's texts, of a task
-- without a hash '-' and its scores in the global index and in the user's (empty: none).
-- Returns for each task 1 (removed), 0 (refused; also the second of a task that comes twice), or an error.
--- include layout
--- include index-types
--- include guard
local texts, WIDTH = cjson.decode(ARGV[2]), 5
-- As the guard: nil if a member without a hash has the scores that it had.
local function guardMember(at, member)
  local score = replyOf(KEYS[1], redis.pcall('ZSCORE', KEYS[1], member))
  local own = replyOf(indexOf(texts[at]), redis.pcall('ZSCORE', indexOf(texts[at]), texts[at + 1]))
  if type(score) == 'table' or type(own) == 'table' then return type(score) == 'table' and score or own end
  if (score or '') ~= texts[at + 3] or (own or '') ~= texts[at + 4] then return 0 end
end

local outcomes, taken, hashes, members, byUser = {}, {}, {}, {}, {}
for i = 1, #texts / WIDTH do
  local at = 1 + (i - 1) * WIDTH
  local user, task, seen = texts[at], texts[at + 1], texts[at + 2]
  local member = memberOf(user, task)
  local hash = hashOf(member)
  local refused = replyOf(hash, guard(hash, seen, texts[at + 3], texts[at + 4]))
  if not refused and seen == '-' then refused = guardMember(at, member) end
  local wrong = type(refused) == 'table' and refused or wrongIndex(user)
  if wrong then
    outcomes[i] = wrong
  elseif taken[member] or refused then
    outcomes[i] = 0
  else
    outcomes[i], taken[member] = 1, true
    hashes[#hashes + 1], members[#members + 1] = hash, member
    byUser[user] = byUser[user] or {}
    table.insert(byUser[user], task)
  end
end
-- The hash goes last: a missing right for a step before leaves the task.
for user, tasks in pairs(byUser) do
  redis.call('ZREM', indexOf(user), unpack(tasks))
  for _, task in ipairs(layout.lookup and tasks or {}) do
    if redis.pcall('GET', lookupOf(task)) == user then redis.call('DEL', lookupOf(task)) end
  end
end
if #hashes > 0 then
  redis.call('ZREM', KEYS[1], unpack(members))
  redis.call('UNLINK', unpack(hashes))
end
return outcomes
