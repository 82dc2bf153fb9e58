-- Texts and lists as a list in JSON. An empty list isn't an object there.
local function jsonOf(...)
  local items = { ... }
  for i, item in ipairs(items) do items[i] = type(item) == 'table' and #item == 0 and '[]' or cjson.encode(item) end
  return '[' .. table.concat(items, ',') .. ']'
end
