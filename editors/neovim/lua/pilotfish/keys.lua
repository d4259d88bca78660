--- The keys of insert mode.
local M = {}

--- What can be mapped, and what it calls. `<Plug>(pilotfish-accept)` and so on are there whatever is set.
---@type table<string, fun()>
local ACTIONS = {
  accept = function()
    require('pilotfish').accept()
  end,
  accept_word = function()
    require('pilotfish').accept_word()
  end,
  accept_line = function()
    require('pilotfish').accept_line()
  end,
  next = function()
    require('pilotfish').next()
  end,
  previous = function()
    require('pilotfish').previous()
  end,
  dismiss = function()
    require('pilotfish').dismiss()
  end,
}

--- Those that also make sense where nothing is shown: they ask.
local ASKING = { next = true, previous = true }

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
  mapping.lhs, mapping.lhsraw, mapping.lhsrawalt = kept, nil, nil
  vim.fn.mapset('i', false, mapping)
  return kept
end

--- Map a key to an action where there is a suggestion, and to what it did before elsewhere.
---@param key string
---@param action string
local function map(key, action)
  local before = mapping_of(key)
  if before and before.desc == DESCRIPTION .. action then
    return -- setup() was called before
  end
  local otherwise = before and keep(key, before) or key
  vim.keymap.set('i', key, function()
    local ours = ASKING[action] or require('pilotfish').visible()
    return ours and plug(action) or otherwise
  end, { expr = true, remap = true, silent = true, replace_keycodes = true, desc = DESCRIPTION .. action })
end

--- Map the keys that are set.
---@param config pilotfish.Config
function M.map(config)
  for action, call in pairs(ACTIONS) do
    vim.keymap.set('i', plug(action), call, { silent = true, desc = DESCRIPTION .. action })
    local key = config.keys[action]
    if key then
      map(key, action)
    end
  end
end

return M
