--- Ghost-text code completion from the Pilotfish language server.
local M = {}

--- Set up Pilotfish.
---@param options? table see |pilotfish-setup|
function M.setup(options)
  vim.validate('options', options, 'table', true)
end

return M
