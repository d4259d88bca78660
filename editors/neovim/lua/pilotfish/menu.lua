--- Neovim's completion menu, beside which ghost text would say two things at once.
local M = {}

--- Whether the menu is open and has the keys and the place.
---@param config pilotfish.Config
---@return boolean
function M.in_the_way(config)
  return not config.beside_menu and vim.fn.pumvisible() == 1
end

return M
