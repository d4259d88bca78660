--- How it goes: what the language server tells, and the status line's words for it.
local client = require('pilotfish.client')
local messages = require('pilotfish.messages')

local M = {}

---@class pilotfish.Status
---@field state 'off'|'starting'|'ready'|'working'|'error'
---@field message string
---@field model string
---@field backend string

---@type table<integer, pilotfish.Status> by client
local states = {}
---@type table<integer, string> how far something is, by client
local doing = {}

---@type pilotfish.Status
local STARTING = { state = 'starting', message = '', model = '', backend = '' }

--- A status in a few words.
---@param status pilotfish.Status
---@return string
function M.words(status)
  local ready = status.state == 'ready' or status.state == 'working'
  local detail = ready and status.model or status.message
  return status.state .. (detail ~= '' and ': ' .. detail or '')
end

--- How a client is doing, in a few words.
---@param server vim.lsp.Client
---@return string
function M.of(server)
  return doing[server.id] or M.words(states[server.id] or STARTING)
end

--- For the status line: empty where there is no language server.
---@return string
function M.line()
  local server = client.of()
  if not server then
    return ''
  end
  return 'Pilotfish ' .. messages.one_line(M.of(server), '')
end

local function announce()
  vim.api.nvim_exec_autocmds('User', { pattern = 'PilotfishStatus', modeline = false })
  vim.cmd.redrawstatus({ bang = true })
end

--- A progress in a few words.
---@param value table the value of $/progress
---@param title string
---@return string
local function progress_words(value, title)
  local percentage = value.percentage and (' %d %%'):format(value.percentage) or ''
  local message = value.message
      and not vim.tbl_contains({ '', title }, value.message)
      and ', ' .. value.message
    or ''
  return title .. percentage .. message
end

--- Handlers for what the language server tells.
---@param config pilotfish.Config
---@return table<string, lsp.Handler>
function M.handlers(config)
  local titles = {} ---@type table<any, string>
  local function mention(text)
    if config.messages then
      messages.mention(text)
    end
  end
  vim.api.nvim_create_autocmd('LspProgress', {
    group = vim.api.nvim_create_augroup('pilotfish.progress', {}),
    callback = function(event)
      local id, params = event.data.client_id, event.data.params
      local server = vim.lsp.get_client_by_id(id)
      if not server or server.name ~= client.NAME then
        return
      end
      local value, token = params.value, params.token
      titles[token] = value.title and value.title:gsub('^Pilotfish: ', '') or titles[token] or ''
      doing[id] = value.kind ~= 'end' and progress_words(value, titles[token]) or nil
      if doing[id] then
        mention(doing[id])
      else
        titles[token] = nil
      end
      announce()
    end,
  })
  return {
    ['pilotfish/status'] = function(_, status, context)
      local before = states[context.client_id] or STARTING
      states[context.client_id] = status
      -- A call to the backend that comes and goes is for the status line only.
      local settled = { working = 'ready' }
      if (settled[status.state] or status.state) ~= (settled[before.state] or before.state) then
        mention(M.words(status))
      end
      announce()
    end,
  }
end

--- Forget a client that has ended.
---@param id integer
function M.ended(id)
  states[id], doing[id] = nil, nil
  announce()
end

return M
