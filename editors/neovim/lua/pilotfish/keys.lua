--- The keys of insert mode.
local M = {}

--- What can be mapped; `<Plug>(pilotfish-accept)` and so on are there whatever is set. All but the last two return
--- whether there was something to do.
local ACTIONS = { 'accept', 'accept_word', 'accept_line', 'dismiss', 'next', 'previous' }

local DESCRIPTION = 'Pilotfish: '

---@param action string
---@return string
local function plug(action)
  return ('<Plug>(pilotfish-%s)'):format(action:gsub('_', '-'))
end

--- What a key is mapped to in insert mode, in all buffers.
---@param key string
---@return table<string, any>?
local function mapping_of(key)
  local raw = vim.api.nvim_replace_termcodes(key, true, true, true)
  return vim.iter(vim.api.nvim_get_keymap('i')):find(function(mapping)
    return mapping.lhsraw == raw or mapping.lhsrawalt == raw
  end)
end

--- Keep a mapping under another name.
---@param key string
---@param mapping table<string, any>
---@return string keys what does the same as the key did
local function keep(key, mapping)
  local kept = ('<Plug>(pilotfish-else-%s)'):format((key:gsub('[<>]', '')))
  mapping.lhs, mapping.lhsrawalt = kept, nil
  mapping.lhsraw = vim.api.nvim_replace_termcodes(kept, true, true, true)
  vim.fn.mapset('i', false, mapping)
  return kept
end

--- Map a key to an action, and where there is no suggestion to what it did before. No `expr` mapping: those are
--- evaluated ahead of the keys that were typed before them, when the suggestion may still be there.
---@param key string
---@param action string
local function map(key, action)
  local before = mapping_of(key)
  if before and before.desc == DESCRIPTION .. action then
    return -- setup() was called before
  end
  local otherwise = vim.api.nvim_replace_termcodes(before and keep(key, before) or key, true, true, true)
  vim.keymap.set('i', key, function()
    if require('pilotfish')[action]() == false then
      vim.api.nvim_feedkeys(otherwise, before and 'im' or 'in', false)
    end
  end, { silent = true, desc = DESCRIPTION .. action })
end

--- Map the keys that are set.
---@param config pilotfish.Config
function M.map(config)
  for _, action in ipairs(ACTIONS) do
    vim.keymap.set('i', plug(action), function()
      require('pilotfish')[action]()
    end, { silent = true, desc = DESCRIPTION .. action })
    local key = config.keys[action]
    if key then
      map(key, action)
    end
  end
end

return M
