--- Switches suggestions off and on. Each language server has a switch of its own, so that nothing leaves it either.
local client = require('pilotfish.client')

local M = {}

M.on = true

--- Bring a server's switch into the same position. It can only be turned over, and says where it is then.
---@param server vim.lsp.Client
---@param turns integer how often it may be turned
local function set(server, turns)
  client.execute(server, 'pilotfish.toggle', nil, function(is_on)
    -- Neovim 0.12 hands a false result on as nil.
    if (is_on or false) ~= M.on and turns > 1 then
      set(server, turns - 1)
    end
  end)
end

--- Tell a server that has just started.
---@param server vim.lsp.Client
function M.tell(server)
  if not M.on then
    set(server, 2)
  end
end

--- Switch suggestions off or on.
---@param on? boolean the other of what it is when left out
function M.toggle(on)
  on = on == nil and not M.on or on == true
  if on == M.on then
    return
  end
  M.on = on
  require('pilotfish.suggesting').clear()
  for _, server in ipairs(client.all()) do
    set(server, 2)
  end
  vim.api.nvim_echo({ { 'Pilotfish: suggestions are ' .. (on and 'on' or 'off') } }, false, {})
end

return M
