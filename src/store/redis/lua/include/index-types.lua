local globalCard, userCards = replyOf(KEYS[1], redis.pcall('ZCARD', KEYS[1])), {}

-- The error of an index that isn't a sorted set, the global one or the user's; false if both are.
local function wrongIndex(user)
  if type(globalCard) == 'table' then return globalCard end
  if userCards[user] == nil then userCards[user] = replyOf(indexOf(user), redis.pcall('ZCARD', indexOf(user))) end
  return type(userCards[user]) == 'table' and userCards[user]
end
