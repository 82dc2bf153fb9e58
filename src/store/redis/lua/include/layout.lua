-- ARGV[1]: the layout as JSON (`layoutArgument` in scripts.ts).
local layout = cjson.decode(ARGV[1])
local ARGV = ARGV

-- The parts are the user's and the task's half of the names. A member that names no task is the second half alone.
local function memberOf(user, task)
  return user == '' and task or user .. ':' .. task
end

local function hashOf(member)
  return layout.task .. member
end

local function indexOf(user)
  return layout.user .. user .. layout.index
end

local function lookupOf(task)
  return layout.lookup .. task
end

-- A reply; the error of a key of another type with that key.
local function replyOf(key, reply)
  if type(reply) == 'table' and string.find(reply.err or '', '^WRONGTYPE') then reply.err = reply.err .. ': ' .. key end
  return reply
end
