--- Who shows the suggestions: this plugin or Neovim.
local M = {}

---@type table? own or native, which offer the same functions
local chosen

--- Begin to suggest.
---@param config pilotfish.Config
function M.begin(config)
  require('pilotfish.ghost').highlight()
  vim.api.nvim_create_autocmd('ColorScheme', {
    group = vim.api.nvim_create_augroup('pilotfish.colours', {}),
    callback = require('pilotfish.ghost').highlight,
  })
  chosen = require(config.ghost_text == 'native' and 'pilotfish.native' or 'pilotfish.own')
  chosen.begin(config)
  require('pilotfish.resting').begin()
end

---@param name string
---@param otherwise any what is returned before `setup()`
local function delegate(name, otherwise)
  M[name] = function(...)
    if chosen then
      return chosen[name](...)
    end
    return otherwise
  end
end

delegate('accept', false)
delegate('cycle')
delegate('dismiss', false)
delegate('visible', false)
delegate('clear')
delegate('update')
delegate('more')

--- Handlers for what the language server tells of suggestions.
---@return table<string, lsp.Handler>
function M.handlers()
  return {
    ['pilotfish/more'] = function(_, params)
      M.more(params.textDocument.uri)
    end,
  }
end

return M
