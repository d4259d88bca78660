--- Finds the programs of Pilotfish.
local M = {}

local INSTALLED = '~/.local/share/pilotfish/bin'
local ADVICE = 'install Pilotfish as its README says, or name it: setup({ cmd = { "/full/path/pilotfish" } })'

--- Whether a path lies in a folder.
---@param path string
---@param folder string
local function within(path, folder)
  return path == folder or vim.startswith(path, folder .. '/')
end

--- A program on PATH. Relative folders and those of the working directory do not count: what lies in a repository is
--- not run because somebody looks at it. The home is no repository.
---@param name string
---@return string?
function M.on_path(name)
  local here = vim.uv.cwd() or '/'
  local guarded = here ~= '/' and here ~= vim.uv.os_homedir()
  for folder in vim.gsplit(vim.env.PATH or '', ':', { plain = true, trimempty = true }) do
    local path = folder .. '/' .. name
    if
      vim.startswith(folder, '/')
      and not (guarded and within(folder, here))
      and vim.fn.executable(path) == 1
    then
      return path
    end
  end
end

--- The language server's program and arguments, or nil and what is wrong.
---@param config pilotfish.Config
---@return string[]|function|nil cmd
---@return string? problem
function M.command(config)
  if type(config.cmd) == 'function' then
    return config.cmd
  end
  local beside = vim.fn.expand(INSTALLED .. '/pilotfish')
  local cmd = config.cmd and vim.deepcopy(config.cmd) or { M.on_path('pilotfish') or beside }
  cmd[1] = vim.fn.expand(cmd[1])
  if not cmd[1]:find('/', 1, true) then
    cmd[1] = M.on_path(cmd[1]) or cmd[1]
  end
  if vim.startswith(cmd[1], '/') and vim.fn.executable(cmd[1]) == 1 then
    return cmd
  end
  if config.cmd then
    return nil, ('there is no program %s; %s'):format(cmd[1], ADVICE)
  end
  return nil, ('there is no program pilotfish on PATH nor in %s; %s'):format(INSTALLED, ADVICE)
end

--- The backend's program beside the language server's, where the local backend is installed.
---@param config pilotfish.Config
---@return string?
function M.backend(config)
  local cmd = M.command(config)
  local path = type(cmd) == 'table' and vim.fs.dirname(cmd[1]) .. '/pilotfish-backend'
  return path and vim.fn.executable(path) == 1 and path or nil
end

return M
