--- Tells the language server where the cursor came to rest, so that the first key there does not wait for the model to
--- read what stands before it.
local client = require('pilotfish.client')
local columns = require('pilotfish.columns')

local M = {}

local METHOD = 'pilotfish/cursor'
local REST = 300 -- milliseconds

---@type uv.uv_timer_t?
local timer
---@type string? where it rested last
local told

local function tell()
  local server = client.of()
  if not server or vim.api.nvim_get_mode().mode ~= 'n' then
    return
  end
  local params = columns.here(server.offset_encoding)
  local place = vim.inspect(params)
  if place ~= told then
    told = place
    client.notify(server, METHOD, params)
  end
end

--- Begin to listen.
function M.begin()
  vim.api.nvim_create_autocmd({ 'CursorMoved', 'BufEnter' }, {
    group = vim.api.nvim_create_augroup('pilotfish.resting', {}),
    callback = function()
      timer = timer or assert(vim.uv.new_timer())
      timer:start(REST, 0, vim.schedule_wrap(tell))
    end,
  })
end

return M
